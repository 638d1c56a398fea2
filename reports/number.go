package reports

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/daybookhq/daybook/projections/fold"
	"github.com/daybookhq/daybook/reports/markdown"
)

// count prints a number of things with separators: 12400 is "12,400". Fractions
// keep at most two digits.
func count(x float64) string {
	s := strconv.FormatFloat(x, 'f', 2, 64)
	s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	whole, frac, _ := strings.Cut(s, ".")
	sign := ""
	if strings.HasPrefix(whole, "-") {
		sign, whole = "-", whole[1:]
	}
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if frac != "" {
		whole += "." + frac
	}
	return sign + whole
}

// rate prints a rate with two digits, or three where two would say nothing.
func rate(x float64) string {
	if x != 0 && math.Abs(x) < 0.1 {
		return strconv.FormatFloat(x, 'f', 3, 64)
	}
	return strconv.FormatFloat(x, 'f', 2, 64)
}

// plural is "1 gate", "2 gates", with the form given for other numbers than one.
func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return count(float64(n)) + " " + many
}

// word spells the numbers that open a sentence.
func word(n int) string {
	words := []string{"None", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine", "Ten", "Eleven", "Twelve"}
	if n >= 0 && n < len(words) {
		return words[n]
	}
	return count(float64(n))
}

// has and was agree with a number.
func has(n int) string { return pick(n, "has", "have") }
func was(n int) string { return pick(n, "was", "were") }

func pick(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// took prints a metric in seconds with its bound: "3 min", "≤ 6 min", "≥ 5 min",
// "≈ 18 h 30 min", or "unknown". It never prints a number for what is unknown.
func took(m fold.Metric) string {
	d, ok := m.Duration()
	if !ok {
		return "unknown"
	}
	switch {
	case m.Bound == fold.AtMost:
		return "≤ " + exactly(d)
	case m.Bound == fold.AtLeast:
		return "≥ " + exactly(d)
	case m.Approximate || m.Inferred:
		return "≈ " + exactly(d)
	}
	return exactly(d)
}

// interval prints the 95 % interval of a rate, or nothing where there is none.
func interval(m fold.Metric) string {
	switch {
	case m.Low != nil && m.High != nil:
		return fixed(*m.Low) + " to " + fixed(*m.High)
	case m.High != nil:
		return "up to " + fixed(*m.High)
	}
	return ""
}

func fixed(x float64) string { return strconv.FormatFloat(x, 'f', 2, 64) }

// value prints a rate with its bound, or "not available".
func value(m fold.Metric) string {
	if m.Value == nil {
		return "not available"
	}
	switch m.Bound {
	case fold.AtMost:
		return "≤ " + rate(*m.Value)
	case fold.AtLeast:
		return "≥ " + rate(*m.Value)
	}
	return rate(*m.Value)
}

// percents prints shares that together are a whole so that they add up to 100.
func percents(shares []float64) []string {
	type rest struct {
		i int
		r float64
	}
	whole := make([]int, len(shares))
	rests := make([]rest, len(shares))
	sum, total := 0, 0.0
	for i, s := range shares {
		whole[i] = int(math.Floor(s*100 + 1e-9))
		rests[i] = rest{i, s*100 - float64(whole[i])}
		sum += whole[i]
		total += s
	}
	slices.SortStableFunc(rests, func(a, b rest) int {
		switch {
		case a.r > b.r:
			return -1
		case a.r < b.r:
			return 1
		}
		return 0
	})
	if missing := int(math.Round(total*100)) - sum; missing > 0 {
		for _, r := range rests[:min(missing, len(rests))] {
			whole[r.i]++
		}
	}
	out := make([]string, len(shares))
	for i, w := range whole {
		out[i] = strconv.Itoa(w) + " %"
	}
	return out
}

// words turns an identifier of the catalogue into what people read:
// "customer_blocking" is "customer blocking".
func words(id string) string { return strings.ReplaceAll(id, "_", " ") }

// orDash is foreign text, or a dash for none.
func orDash(s string) markdown.Inline { return markdown.Text(s).Or(markdown.Lit("–")) }

// trimFloat prints at most so many decimals.
func trimFloat(x float64, decimals int) string {
	return strings.TrimRight(strings.TrimRight(strconv.FormatFloat(x, 'f', decimals, 64), "0"), ".")
}
