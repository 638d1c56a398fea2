package timeline

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/daybookhq/daybook/events"
)

// dataValue reads a value by the shape of its field. A quoted text is always a
// string, and name:=JSON always what it says, so anything can be recorded.
func (b *Builder) dataValue(f events.Field, known bool, p pair) ([]byte, error) {
	if p.json != nil {
		return p.json, nil
	}
	if known && f.Many == events.List {
		out := []byte{'['}
		for i, it := range p.items {
			if i > 0 {
				out = append(out, ',')
			}
			if it.text == "" && !it.quoted {
				return nil, fmt.Errorf("%s: an item of the list is empty; items have a comma between them and no space", p.name)
			}
			v, err := b.itemValue(f.Shape, it, p.name)
			if err != nil {
				return nil, err
			}
			out = append(out, v...)
		}
		return append(out, ']'), nil
	}
	if known && f.Many == events.ByName {
		return b.byName(f, p)
	}
	if p.quoted() {
		if len(p.items) > 1 {
			return nil, fmt.Errorf("%s: takes one value; put quotes around all of it", p.name)
		}
		return quote(p.name, p.items[0].text)
	}
	if p.raw == "" {
		return nil, fmt.Errorf("%s: the value is missing; an empty text is written %s=\"\"", p.name, p.name)
	}
	shape := events.ShapeScalar
	if known {
		shape = f.Shape
	}
	return b.itemValue(shape, item{text: p.raw}, p.name)
}

// byName reads M-26:2640,M-24:1140.
func (b *Builder) byName(f events.Field, p pair) ([]byte, error) {
	out := []byte{'{'}
	var seen []string
	for i, it := range p.items {
		name, value, ok := strings.Cut(it.text, ":")
		if !ok || name == "" || value == "" || slices.Contains(seen, name) {
			return nil, fmt.Errorf("%s: each item is name:value, each name once, as in %s=a:1,b:2", p.name, p.name)
		}
		seen = append(seen, name)
		key, err := quote(p.name, name)
		if err != nil {
			return nil, err
		}
		v, err := b.itemValue(f.Shape, item{value, it.quoted}, p.name)
		if err != nil {
			return nil, err
		}
		if i > 0 {
			out = append(out, ',')
		}
		out = append(append(append(out, key...), ':'), v...)
	}
	return append(out, '}'), nil
}

// itemValue reads one value that is not written as JSON.
func (b *Builder) itemValue(shape events.Shape, it item, name string) ([]byte, error) {
	if it.quoted {
		return quote(name, it.text)
	}
	s := it.text
	expected := func(example string) error {
		return fmt.Errorf("%s: %q is not what it takes (%s, as in %s); in quotes it is kept as text", name, clip(s), shape, example)
	}
	switch shape {
	case events.ShapeBool:
		switch strings.ToLower(s) {
		case "yes", "true":
			return []byte("true"), nil
		case "no", "false":
			return []byte("false"), nil
		}
		return nil, expected("yes or no")
	case events.ShapeNumber:
		if isNumber(s) {
			return []byte(s), nil
		}
		return nil, expected("0.5")
	case events.ShapeCount, events.ShapeLevel:
		n, err := strconv.ParseInt(grouped(s), 10, 64)
		if err != nil || shape == events.ShapeLevel && (n < 1 || n > 4) {
			return nil, expected(map[events.Shape]string{events.ShapeCount: "12400", events.ShapeLevel: "2"}[shape])
		}
		return strconv.AppendInt(nil, n, 10), nil
	case events.ShapePercent:
		if n := strings.TrimSuffix(s, "%"); isNumber(n) {
			return []byte(n), nil
		}
		return nil, expected("25%")
	case events.ShapeSeconds:
		if isNumber(s) {
			return []byte(s), nil
		}
		n, err := events.ParseSeconds(s)
		if err != nil {
			return nil, expected("90s, 5m, 1h30m or 2d")
		}
		return strconv.AppendFloat(nil, float64(n), 'f', -1, 64), nil
	case events.ShapeScalar, events.ShapeAny:
		if isNumber(s) || s == "true" || s == "false" {
			return []byte(s), nil
		}
		return quote(name, s)
	case events.ShapeWhen:
		when, _, err := b.when(s, time.Time{})
		if err != nil {
			return nil, expected("14:07, 2019-07-02 or 2019-07-02T14:07Z")
		}
		return quote(name, when)
	case events.ShapeSpan:
		from, to, ok := strings.Cut(s, "..")
		if !ok {
			return nil, expected("16:00..18:00")
		}
		return b.span(name, from, to)
	case events.ShapeRef, events.ShapeAmount, events.ShapeStage, events.ShapeSignal:
		return nil, fmt.Errorf("%s: takes %s; write it as JSON, as in %s:={…}", name, shape, name)
	}
	return quote(name, s)
}

// span reads the two ends; a clock at the end comes after the beginning.
func (b *Builder) span(name, from, to string) ([]byte, error) {
	out := []byte{'{'}
	var begin time.Time
	for _, end := range []struct{ key, text string }{{"from", from}, {"to", to}} {
		if end.text == "" {
			continue
		}
		when, at, err := b.when(end.text, begin)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(out, `"`+end.key+`":"`+when+`"`...)
		begin = at
	}
	return append(out, '}'), nil
}

// when reads a time or a date. A clock alone is the one nearest to the event,
// or the first one from after on where that is given.
func (b *Builder) when(s string, after time.Time) (string, time.Time, error) {
	if w, err := events.ParseWhen(s); err == nil {
		return s, w.Time, nil
	}
	m, rest, ok := readMoment(s)
	if !ok || rest != "" {
		return "", time.Time{}, fmt.Errorf("%q is not a time, as in 14:07, 2019-07-02 or 2019-07-02T14:07Z", clip(s))
	}
	p := place{zone: b.zone}
	if m.date != "" {
		return p.at(m)
	}
	text, at, err := "", time.Time{}, error(nil)
	for _, days := range []int{0, -1, 1, 2} {
		p.date = b.at.In(b.zone).AddDate(0, 0, days).Format(time.DateOnly)
		t, x, e := p.at(m)
		switch {
		case e != nil:
			err = e
		case !after.IsZero() && x.Before(after):
		case after.IsZero() && (text == "" || x.Sub(b.at).Abs() < at.Sub(b.at).Abs()), !after.IsZero() && (text == "" || x.Before(at)):
			text, at = t, x
		}
	}
	if text == "" {
		return "", at, err
	}
	return text, at, nil
}

func isNumber(s string) bool {
	v := jsontext.Value(s)
	return s != "" && strings.TrimSpace(s) == s && v.Kind() == '0' && v.IsValid()
}

// grouped takes the marks out of 12,400 and 12_400.
func grouped(s string) string {
	for _, mark := range []string{",", "_"} {
		parts := strings.Split(s, mark)
		if len(parts) < 2 || len(parts[0]) == 0 || len(strings.TrimPrefix(parts[0], "-")) > 3 {
			continue
		}
		if !slices.ContainsFunc(parts[1:], func(p string) bool { return len(p) != 3 }) {
			return strings.Join(parts, "")
		}
	}
	return s
}
