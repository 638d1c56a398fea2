package markdown

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// escape writes clean text so that Markdown reads it as text. It escapes what
// could be syntax where it stands and no more, since people read the source.
//
// One text is changed rather than escaped: "[#12]" becomes "[# 12]", because a
// reader could take it for a citation however it is escaped.
func escape(clean string) string {
	if !strings.ContainsAny(clean, "\\`*_{}[]<>#+-.)!|&~:=@$\"'") {
		return clean
	}
	var b strings.Builder
	b.Grow(len(clean) + 8)
	for i := 0; i < len(clean); {
		c := clean[i]
		if c >= utf8.RuneSelf {
			_, n := utf8.DecodeRuneInString(clean[i:])
			b.WriteString(clean[i : i+n])
			i += n
			continue
		}
		if special(clean, i) {
			b.WriteByte('\\')
		}
		b.WriteByte(c)
		if c == '#' && i > 0 && clean[i-1] == '[' && i+1 < len(clean) && digit(clean[i+1]) {
			b.WriteByte(' ')
		}
		i++
	}
	return b.String()
}

// special reports whether the ASCII character at i could mean something.
func special(s string, i int) bool {
	switch s[i] {
	case '\\', '`', '*', '[', ']', '<', '|', '~', '{', '}', '$', '@':
		return true
	case '_': // inside a word it is a letter
		return !(i > 0 && alnum(s[i-1]) && i+1 < len(s) && alnum(s[i+1]))
	case '&': // an entity
		return i+1 < len(s) && (alnum(s[i+1]) || s[i+1] == '#')
	case '!': // a comment, once the bracket before it is spoken for
		return i > 0 && s[i-1] == '<'
	case '>':
		return i == 0 || s[i-1] == '-'
	case '-', '+': // a list, a rule; not the sign of a number
		return i == 0 && !(i+1 < len(s) && alnum(s[i+1]))
	case '=':
		return i == 0
	case '#': // a heading's start, or its closing sequence
		return i == 0 || s[i-1] == ' ' || s[i-1] == '#'
	case '.': // an ordered list, or an address that is linked by itself
		return ordinal(s[:i]) && ends(s, i) || endsFold(s[:i], "www")
	case ')':
		return ordinal(s[:i]) && ends(s, i)
	case ':': // a scheme that is linked by itself, or a definition
		return i == 0 || i+1 < len(s) && s[i+1] == '/' || endsFold(s[:i], "mailto") || endsFold(s[:i], "xmpp")
	}
	return false
}

// ends reports whether a word ends with the character at i.
func ends(s string, i int) bool { return i+1 == len(s) || s[i+1] == ' ' }

// ordinal reports whether s, from the beginning of the text, is a list number.
func ordinal(s string) bool {
	if len(s) == 0 || len(s) > 9 {
		return false
	}
	for i := range len(s) {
		if !digit(s[i]) {
			return false
		}
	}
	return true
}

func endsFold(s, suffix string) bool {
	return len(s) >= len(suffix) && strings.EqualFold(s[len(s)-len(suffix):], suffix)
}

func digit(c byte) bool { return '0' <= c && c <= '9' }

func alnum(c byte) bool {
	return digit(c) || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// cut shortens clean text to at most max characters, at a word where there is
// one in the last quarter, and says so with an ellipsis.
func cut(clean string, max int) string {
	if max <= 0 || len(clean) <= max || utf8.RuneCountInString(clean) <= max {
		return clean
	}
	runes := []rune(clean)[:max]
	for i := len(runes) - 1; i > max*3/4; i-- {
		if unicode.IsSpace(runes[i]) {
			runes = runes[:i]
			break
		}
	}
	return strings.TrimRight(string(runes), " ") + "…"
}
