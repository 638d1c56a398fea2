package events

import "strings"

// Nearest is the short name of the catalogue type that somebody who wrote typ
// may have meant, or "".
func Nearest(typ string) string {
	typ = strings.ToLower(ShortType(typ))
	best, bestAt := "", max(2, len(typ)/3)+1
	for _, d := range catalogue().list {
		at := distance(typ, d.Short)
		// The right last or first word is worth more than few wrong letters.
		subject, predicate, _ := strings.Cut(d.Short, ".")
		if typ == subject || typ == predicate {
			at = 1
		}
		if at < bestAt {
			best, bestAt = d.Short, at
		}
	}
	return best
}

// NearestOf is the word that is only a letter or two away from the one given,
// or "".
func NearestOf(word string, among []string) string {
	best, bestAt := "", min(2, (len(word)+1)/3)+1
	for _, w := range among {
		if at := distance(word, w); at < bestAt {
			best, bestAt = w, at
		}
	}
	return best
}

// distance counts the letters to add, drop, change or swap with a neighbour.
func distance(a, b string) int {
	before, row := make([]int, len(b)+1), make([]int, len(b)+1)
	var two []int // the row before the last
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		two, before, row = before, row, make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(before[j]+1, row[j-1]+1, before[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], two[j-2]+1)
			}
		}
	}
	return row[len(b)]
}
