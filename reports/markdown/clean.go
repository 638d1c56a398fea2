package markdown

import (
	"fmt"
	"strings"
	"unicode"
)

// maxMarks is how many combining marks may stand on one letter. No language
// needs more; more is a way to draw over neighbouring lines.
const maxMarks = 4

// Clean returns s as one line of visible text: white space of every kind
// becomes single spaces, control characters get a visible stand-in, characters
// that reorder text are shown by number and those without any appearance are
// removed. Bytes that are not UTF-8, and U+0000, become U+FFFD. The result has
// no leading or trailing space. It is for eyes, not yet for Markdown: see [Text].
func Clean(s string) string {
	if plain(s) {
		return s
	}
	var b strings.Builder
	b.Grow(len(s))
	runes := []rune(s) // invalid UTF-8 becomes U+FFFD here
	space, marks := false, 0
	var prev rune
	for i, r := range runes {
		if unicode.IsSpace(r) || unicode.Is(unicode.Z, r) {
			space = true
			continue
		}
		shown, keep := appearance(r, prev, at(runes, i+1))
		if !keep {
			continue
		}
		if unicode.In(r, unicode.Mn, unicode.Me) && r != emojiStyle {
			if marks++; marks > maxMarks {
				continue
			}
		} else {
			marks = 0
		}
		if space && b.Len() > 0 {
			b.WriteByte(' ')
		}
		space = false
		if shown != "" {
			b.WriteString(shown)
		} else {
			b.WriteRune(r)
		}
		prev = r
	}
	return b.String()
}

// plain reports whether s is printable ASCII with single inner spaces, which
// is nearly all text and needs no copy.
func plain(s string) bool {
	last := byte(' ') // refuses a leading space
	for i := range len(s) {
		c := s[i]
		if c < ' ' || c > '~' || c == ' ' && last == ' ' {
			return false
		}
		last = c
	}
	return len(s) == 0 || last != ' '
}

const (
	zeroWidthJoiner = '\u200d'
	emojiStyle      = '\ufe0f'
)

// appearance says how r is shown: "" as itself, another string as a stand-in,
// or not at all.
func appearance(r, prev, next rune) (stand string, keep bool) {
	switch {
	case r == 0:
		return "\ufffd", true
	case r < ' ':
		return string(0x2400 + r), true // the control pictures
	case r == 0x7f:
		return "\u2421", true
	case r < 0x80:
		return "", true
	case r < 0xa0:
		return "\ufffd", true
	case reorders(r):
		return fmt.Sprintf("⟨U+%04X⟩", r), true
	case r == zeroWidthJoiner:
		return "", (pictograph(prev) || prev == emojiStyle) && pictograph(next)
	case r == emojiStyle:
		return "", pictograph(prev) || prev >= '0' && prev <= '9'
	case invisible(r):
		return "", false
	case unicode.In(r, unicode.Co, unicode.Cs) || r&0xfffe == 0xfffe:
		return "\ufffd", true
	}
	return "", true
}

// reorders reports the characters that change the direction of what follows.
func reorders(r rune) bool {
	return r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 ||
		r == 0x200e || r == 0x200f || r == 0x061c
}

// invisible reports the characters that leave no mark on the page, so that two
// texts could look alike and differ.
func invisible(r rune) bool {
	switch {
	case unicode.Is(unicode.Cf, r), unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r), unicode.Is(unicode.Variation_Selector, r):
		return true
	case r == 0x2800: // braille blank
		return true
	}
	return false
}

func pictograph(r rune) bool {
	return r >= 0x1f000 || r >= 0x2190 && unicode.Is(unicode.So, r)
}

func at(s []rune, i int) rune {
	if i < 0 || i >= len(s) {
		return 0
	}
	return s[i]
}
