package timeline

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/go-json-experiment/json/jsontext"
)

const blanks = " \t"

// cutWord takes the first word off a line.
func cutWord(s string) (word, rest string, more bool) {
	s = strings.TrimLeft(s, blanks)
	if i := strings.IndexAny(s, blanks); i >= 0 {
		rest = strings.TrimLeft(s[i:], blanks)
		return s[:i], rest, rest != ""
	}
	return s, "", false
}

// A word of the form name=value or name:=JSON.
type pair struct {
	name  string
	raw   string // the value as it was typed
	items []item // what stands between commas
	json  []byte // the value, where it is written as JSON
}

type item struct {
	text   string
	quoted bool
}

// quoted reports whether any item is in quotes.
func (p pair) quoted() bool {
	for _, it := range p.items {
		if it.quoted {
			return true
		}
	}
	return false
}

// isPair reports whether a line goes on with a name and an equals sign.
func isPair(s string) bool {
	if strings.HasPrefix(s, `"`) {
		_, n, err := quotedWord(s)
		return err == nil && (strings.HasPrefix(s[n:], "=") || strings.HasPrefix(s[n:], ":="))
	}
	word, _, _ := cutWord(s)
	i := strings.IndexByte(word, '=')
	return i > 0 && isName(strings.TrimSuffix(word[:i], ":"))
}

// isName says what can stand before an equals sign without quotes.
func isName(s string) bool {
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_' && c != '-' && c != '.' {
			return false
		}
	}
	return s != ""
}

// readPair takes name=value off a line.
func readPair(s string) (p pair, rest string, err error) {
	n := strings.IndexByte(s, '=')
	if strings.HasPrefix(s, `"`) {
		if p.name, n, err = quotedWord(s); err != nil {
			return p, "", err
		}
	} else {
		if n > 0 && s[n-1] == ':' {
			n--
		}
		p.name = s[:n]
	}
	s = s[n:]
	if v, ok := strings.CutPrefix(s, ":="); ok {
		rest, err = p.readJSON(v)
		return p, rest, err
	}
	rest, err = p.readItems(s[1:])
	return p, rest, err
}

// readWord reads a pair that is one word of a command line, where the shell
// has seen to blanks and quotes.
func readWord(word string) (pair, error) {
	if !isPair(word) {
		return pair{}, fmt.Errorf("%q is not of the form name=value", clip(word))
	}
	name, value, _ := strings.Cut(word, "=")
	if strings.ContainsAny(value, blanks) && !strings.HasSuffix(name, ":") && !strings.HasPrefix(value, `"`) &&
		!strings.HasPrefix(value, "{") && !strings.HasPrefix(value, "[") {
		p := pair{name: name, raw: value}
		for _, text := range strings.Split(value, ",") {
			p.items = append(p.items, item{text: text})
		}
		return p, nil
	}
	p, rest, err := readPair(word)
	if err == nil && rest != "" {
		err = fmt.Errorf("%s: %q follows the value", p.name, clip(rest))
	}
	return p, err
}

func (p *pair) readJSON(s string) (rest string, err error) {
	dec := jsontext.NewDecoder(strings.NewReader(s))
	v, err := dec.ReadValue()
	if err != nil {
		return "", fmt.Errorf("%s: the value is not JSON: %s", p.name, strings.TrimPrefix(err.Error(), "jsontext: "))
	}
	p.json = append([]byte(nil), v...)
	p.raw = s[:dec.InputOffset()]
	return afterValue(p.name, s[dec.InputOffset():])
}

func (p *pair) readItems(s string) (rest string, err error) {
	if strings.HasPrefix(s, "{") || strings.HasPrefix(s, "[") {
		if rest, err = p.readJSON(s); err != nil {
			err = fmt.Errorf("%w; put quotes around a text that begins with a bracket", err)
		}
		return rest, err
	}
	start := s
	for {
		if strings.HasPrefix(s, `"`) {
			text, n, err := quotedWord(s)
			if err != nil {
				return "", fmt.Errorf("%s: %w", p.name, err)
			}
			p.items = append(p.items, item{text, true})
			s = s[n:]
		} else {
			n := strings.IndexAny(s, blanks+",")
			if n < 0 {
				n = len(s)
			}
			if strings.Contains(s[:n], `"`) {
				return "", fmt.Errorf("%s: there is a quote inside %q; put quotes around all of it and write \\\" for the inner one", p.name, clip(s[:n]))
			}
			if strings.ContainsFunc(s[:n], unicode.IsControl) {
				return "", fmt.Errorf("%s: there is a control character in %q; in quotes it can be written as \\u0007", p.name, clip(s[:n]))
			}
			p.items = append(p.items, item{s[:n], false})
			s = s[n:]
		}
		if !strings.HasPrefix(s, ",") {
			p.raw = start[:len(start)-len(s)]
			return afterValue(p.name, s)
		}
		s = s[1:]
	}
}

func afterValue(name, s string) (string, error) {
	rest := strings.TrimLeft(s, blanks)
	if rest == s && s != "" {
		return "", fmt.Errorf("%s: a space is missing before %q", name, clip(s))
	}
	return rest, nil
}

// quotedWord reads the JSON string at the beginning of s and says how long it is.
func quotedWord(s string) (text string, n int, err error) {
	for n = 1; n < len(s) && s[n] != '"'; n++ {
		if s[n] == '\\' {
			n++
		}
	}
	if n >= len(s) {
		return "", 0, fmt.Errorf("the quote before %q is never closed", clip(s[1:]))
	}
	n++
	b, err := jsontext.AppendUnquote(nil, s[:n])
	if err != nil {
		return "", 0, fmt.Errorf("%q is not a quoted text as in JSON: %s", clip(s[:n]), strings.TrimPrefix(err.Error(), "jsontext: "))
	}
	return string(b), n, nil
}

// clip shortens what is quoted in a message.
func clip(s string) string {
	if r := []rune(s); len(r) > 40 {
		return string(r[:40]) + "…"
	}
	return s
}
