package timeline

import (
	"fmt"
	"strings"

	"github.com/daybookhq/daybook/events"
)

// event reads a line that begins with a time.
func (p *parser) event(s string) (*Builder, error) {
	written, approximate := strings.CutPrefix(s, "~")
	m, rest, ok := readMoment(written)
	if !ok {
		word, _, _ := cutWord(s)
		return nil, fmt.Errorf("%q is not a time: a line begins with one, as in 14:07 or 2019-07-02T14:07Z (# for a comment, | to go on with the text above)", clip(word))
	}
	text, at, err := p.at(m)
	if err != nil {
		return nil, err
	}
	p.before, p.date = at, ""
	if m.offset == "" {
		at = at.In(p.zone)
	}
	if rest == "" {
		return nil, fmt.Errorf("after the time there is nothing: write what happened")
	}
	typ, pairs, free, err := readBody(rest)
	if err != nil {
		return nil, err
	}
	var b *Builder
	if full, ok := strings.CutPrefix(typ, verbatimMark); ok {
		b = verbatim(full, at)
	} else if b, err = NewBuilder(typ, at); err != nil {
		return nil, fmt.Errorf("%w (if it is text, put | before it)", err)
	}
	b.time, b.text = text, free
	if approximate {
		b.Approximate()
	}
	for _, f := range pairs {
		if err := b.add(f); err != nil {
			return nil, err
		}
	}
	return b, nil
}

const (
	noteType     = "note.added"
	verbatimMark = "=" // before a type that ce.type= says; no type begins with it elsewhere
)

// readBody reads what follows the time.
func readBody(s string) (typ string, pairs []pair, text string, err error) {
	typ = noteType
	if word, rest, _ := cutWord(s); isType(word) {
		typ, s = word, rest
	} else if s != "" && s[0] != '|' && !isPair(s) {
		return typ, nil, s, nil // only text
	}
	for s != "" {
		if text, ok := strings.CutPrefix(s, "|"); ok {
			return typ, pairs, strings.Trim(text, blanks), nil
		}
		if !isPair(s) {
			word, _, _ := cutWord(s)
			if n := len(pairs); n > 0 && strings.HasSuffix(pairs[n-1].raw, ",") {
				return "", nil, "", fmt.Errorf("%q: the items of a list have a comma between them and no space", clip(word))
			}
			return "", nil, "", fmt.Errorf("%q is not of the form name=value; free text comes last, after a |", clip(word))
		}
		f, rest, err := readPair(s)
		if err != nil {
			return "", nil, "", err
		}
		if len(pairs) == 0 && typ == noteType {
			switch f.name {
			case "type":
				typ, s = f.text(), rest
				continue
			case "ce.type":
				typ, s = verbatimMark+f.text(), rest
				continue
			}
		}
		pairs, s = append(pairs, f), rest
	}
	return typ, pairs, "", nil
}

// isType reports whether the first word after the time is meant as a type: one
// of the catalogue, by either name, or two words with a dot between them,
// which would be one misspelt.
func isType(word string) bool {
	if _, ok := events.Lookup(word); ok {
		return true
	}
	subject, predicate, ok := strings.Cut(word, ".")
	return ok && isLower(subject) && isLower(predicate)
}

func isLower(s string) bool {
	for i := range len(s) {
		if (s[i] < 'a' || s[i] > 'z') && s[i] != '_' {
			return false
		}
	}
	return s != ""
}
