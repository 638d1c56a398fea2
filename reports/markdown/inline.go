package markdown

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

// An Inline is Markdown that stays within one line, one table cell and one list
// item. The zero value is nothing.
type Inline struct{ md string }

// literal is the type of our own words. It is not exported, so that outside
// this package only a constant converts to it.
type literal string

// Lit is our own text, taken as Markdown.
func Lit(s literal) Inline { return Inline{string(s)} }

// Text is foreign text: see the package comment.
func Text(s string) Inline { return Inline{escape(Clean(s))} }

// Excerpt is foreign text of at most max characters.
func Excerpt(s string, max int) Inline { return Inline{escape(cut(Clean(s), max))} }

// Code is a foreign name (a service, a flag, a version) set as code where it is
// made of nothing that could end the code, and as text otherwise.
func Code(s string) Inline {
	if !codeable(s) {
		return Text(s)
	}
	return Inline{"`" + s + "`"}
}

func codeable(s string) bool {
	if s == "" || len(s) > 120 || s[0] == ' ' || s[len(s)-1] == ' ' {
		return false
	}
	for i := range len(s) {
		if !alnum(s[i]) && !strings.ContainsRune(" ._/:@+=,%-", rune(s[i])) {
			return false
		}
	}
	return !strings.Contains(s, "--") // reads as a comment's end to a careless program
}

// Link is a link to an outside page, if raw is an absolute http or https
// address without a password; otherwise it is the label, or raw, as text. The
// host is always shown, so that a label cannot pretend to be another place.
func Link(label, raw string) Inline {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.User != nil || !hostname(u.Host) || Clean(raw) != raw {
		if Clean(label) == "" || label == raw {
			return Text(raw)
		}
		return Excerpt(label+" ("+raw+")", 200)
	}
	shown := Excerpt(u.Host+u.EscapedPath(), 60)
	if l := Clean(label); l != "" && l != raw {
		shown = Inline{Excerpt(l, 80).md + " (" + Text(u.Host).md + ")"}
	}
	return Inline{"[" + shown.md + "](" + destination(u) + ")"}
}

// destination writes an address with everything that Markdown could read
// percent-encoded.
func destination(u *url.URL) string {
	var b strings.Builder
	s := u.String()
	for i := range len(s) {
		c := s[i]
		if alnum(c) || strings.IndexByte("-._/:?&=%#+,;@", c) >= 0 {
			b.WriteByte(c)
			continue
		}
		fmt.Fprintf(&b, "%%%02X", c)
	}
	return strings.ReplaceAll(b.String(), "&", "&amp;")
}

func hostname(host string) bool {
	if host == "" {
		return false
	}
	for i := range len(host) {
		if !alnum(host[i]) && host[i] != '.' && host[i] != '-' && host[i] != ':' {
			return false
		}
	}
	return true
}

// F is our own text with %s where the arguments go. An [Inline] stands as it
// is, an int as its digits, and anything else is foreign text.
func F(format literal, args ...any) Inline {
	for i, a := range args {
		args[i] = inline(a).md
	}
	return Inline{fmt.Sprintf(string(format), args...)}
}

func inline(a any) Inline {
	switch v := a.(type) {
	case Inline:
		return v
	case string:
		return Text(v)
	case int:
		return Inline{strconv.Itoa(v)}
	case int64:
		return Inline{strconv.FormatInt(v, 10)}
	default:
		return Text(fmt.Sprint(v))
	}
}

// Bold is i in bold, or nothing.
func Bold(i Inline) Inline { return wrap("**", i) }

// Em is i emphasised, or nothing.
func Em(i Inline) Inline { return wrap("_", i) }

func wrap(mark string, i Inline) Inline {
	if i.md == "" {
		return i
	}
	return Inline{mark + i.md + mark}
}

// Join puts sep between those of parts that are not empty.
func Join(sep literal, parts ...Inline) Inline {
	var b strings.Builder
	for _, p := range parts {
		if p.md == "" {
			continue
		}
		if b.Len() > 0 {
			b.WriteString(string(sep))
		}
		b.WriteString(p.md)
	}
	return Inline{b.String()}
}

// And joins parts as a sentence does: "a", "a and b", "a, b and c".
func And(parts ...Inline) Inline {
	var full []Inline
	for _, p := range parts {
		if p.md != "" {
			full = append(full, p)
		}
	}
	if len(full) < 2 {
		return Join("", full...)
	}
	last := len(full) - 1
	return Inline{Join(", ", full[:last]...).md + " and " + full[last].md}
}

// MaxCites is how many citations stand in one place before the rest is counted.
const MaxCites = 6

// Cite cites positions in the trail, in the order given and without repeats:
// "[#12] [#14]". Beyond [MaxCites] the rest is counted.
func Cite(positions ...int64) Inline {
	var b strings.Builder
	seen := make(map[int64]bool, len(positions))
	for _, p := range positions {
		if seen[p] {
			continue
		}
		seen[p] = true
		if len(seen) > MaxCites {
			continue
		}
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		b.WriteString("[#")
		b.WriteString(strconv.FormatInt(p, 10))
		b.WriteByte(']')
	}
	if more := len(seen) - MaxCites; more > 0 {
		fmt.Fprintf(&b, " and %d more", more)
	}
	return Inline{b.String()}
}

// IsZero reports whether there is nothing to show.
func (i Inline) IsZero() bool { return i.md == "" }

// Or is i, or other where i is nothing.
func (i Inline) Or(other Inline) Inline {
	if i.md == "" {
		return other
	}
	return i
}

// Markdown is the text as it stands in a document.
func (i Inline) Markdown() string { return i.md }

// Capital is i with its first letter in upper case.
func (i Inline) Capital() Inline {
	if i.md == "" || i.md[0] < 'a' || i.md[0] > 'z' {
		return i
	}
	return Inline{strings.ToUpper(i.md[:1]) + i.md[1:]}
}
