package timeline

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/daybookhq/daybook/events"
)

// valueTexts are ways to write a value, shortest first. Not all of them read
// back as the same; the caller tries.
func valueTexts(name string, raw []byte) []string {
	var out []string
	switch jsontext.Value(raw).Kind() {
	case '"':
		b, err := jsontext.AppendUnquote(nil, raw)
		if err == nil {
			out = append(out, name+"="+string(b), name+"="+string(raw))
		}
	case '[':
		var items []jsontext.Value
		dec := jsontext.NewDecoder(bytes.NewReader(raw))
		if _, err := dec.ReadToken(); err != nil {
			break
		}
		for dec.PeekKind() != ']' {
			v, err := dec.ReadValue()
			if err != nil {
				return nil
			}
			items = append(items, v.Clone())
		}
		bare, quoted := make([]string, len(items)), make([]string, len(items))
		for i, v := range items {
			bare[i], quoted[i] = string(v), string(v)
			if v.Kind() == '"' {
				if b, err := jsontext.AppendUnquote(nil, v); err == nil {
					bare[i] = string(b)
				}
			}
		}
		out = append(out, name+"="+strings.Join(bare, ","), name+"="+strings.Join(quoted, ","))
	case 't':
		out = append(out, name+"=yes", name+"=true")
	case 'f':
		out = append(out, name+"=no", name+"=false")
	case '0':
		out = append(out, name+"="+string(raw))
	}
	return out
}

// withUnit writes a number as people say it: 5m, 1h30m, 25%.
func withUnit(name string, shape events.Shape, raw []byte) []string {
	switch n, err := strconv.ParseInt(string(raw), 10, 64); {
	case shape == events.ShapePercent && jsontext.Value(raw).Kind() == '0':
		return []string{name + "=" + string(raw) + "%"}
	case shape == events.ShapeSeconds && err == nil && n >= 60:
		text := ""
		for _, unit := range []struct {
			seconds int64
			letter  string
		}{{86400, "d"}, {3600, "h"}, {60, "m"}, {1, "s"}} {
			if n >= unit.seconds {
				text += strconv.FormatInt(n/unit.seconds, 10) + unit.letter
				n %= unit.seconds
			}
		}
		return []string{name + "=" + text}
	}
	return nil
}

// membersOf splits an object into its members as they came; ok is false for
// other data, and where a name is written in a way that would not come back.
func membersOf(data []byte) (out []member, ok bool) {
	dec := jsontext.NewDecoder(bytes.NewReader(data))
	if tok, err := dec.ReadToken(); err != nil || tok.Kind() != '{' {
		return nil, false
	}
	for dec.PeekKind() != '}' {
		raw, err := dec.ReadValue()
		if err != nil {
			return nil, false
		}
		name, err := jsontext.AppendUnquote(nil, raw)
		if err != nil {
			return nil, false
		}
		if again, err := quote("", string(name)); err != nil || !bytes.Equal(again, raw) {
			return nil, false
		}
		value, err := dec.ReadValue()
		if err != nil {
			return nil, false
		}
		out = append(out, member{string(name), value.Clone()})
	}
	return out, true
}

// freeText is a string that can stand after a | and come back as it was.
func freeText(raw []byte) (string, bool) {
	if jsontext.Value(raw).Kind() != '"' {
		return "", false
	}
	b, err := jsontext.AppendUnquote(nil, raw)
	if err != nil || len(b) == 0 {
		return "", false
	}
	s := string(b)
	again, err := quote("", s)
	if err != nil || !bytes.Equal(again, raw) || strings.Trim(s, blanks) != s {
		return "", false
	}
	for _, r := range s {
		if r < 0x20 || r == 0x7f {
			return "", false
		}
	}
	return s, true
}
