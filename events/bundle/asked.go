package bundle

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/events/trail"
)

// Everything is the text of an [Asked] that leaves nothing out.
const Everything = "everything"

// MaxAskedBytes is the longest text of an [Asked].
const MaxAskedBytes = 16 << 10

// Asked is what somebody wanted to have: the events that a filter takes, or a
// story. It has one text, as in
//
//	type=rollback.* incident=INC-7 text="to be"
//
// which stands in the bundle and in the export.created of it.
type Asked struct {
	Filter trail.Filter // Before and Newest do not belong to it
	Story  events.Key   // the root of a story; then there is no filter
}

// Text writes it in its one way. The error says what of it cannot be asked.
func (a Asked) Text() (string, error) {
	var b []byte
	put := func(name, value string) error {
		if len(b) > 0 {
			b = append(b, ' ')
		}
		b = append(append(b, name...), '=')
		if bare(value) {
			b = append(b, value...)
			return nil
		}
		var err error
		if b, err = jsontext.AppendQuote(b, value); err != nil {
			return fmt.Errorf("%s is not valid UTF-8", name)
		}
		return nil
	}
	var err error
	also := func(name, value string) {
		if value != "" && err == nil {
			err = put(name, value)
		}
	}
	f := &a.Filter
	if a.Story != (events.Key{}) {
		if !a.Story.Kind.IsCorrelation() || !a.Story.Valid() {
			return "", fmt.Errorf("%q is the root of no story", a.Story.String())
		}
		also("story", a.Story.String())
	}
	for _, t := range f.Types {
		also("type", t)
	}
	said := 0
	for _, kind := range askedKinds() {
		for _, k := range f.Keys {
			if k.Kind == kind {
				also(string(kind), k.Value)
				said++
			}
		}
	}
	if said != len(f.Keys) {
		return "", errors.New("events can be asked for by their correlation keys and their source only")
	}
	also("actor", f.Actor)
	for _, m := range []struct {
		name string
		at   time.Time
	}{{"from", f.HappenedFrom}, {"to", f.HappenedTo}, {"recorded-from", f.RecordedFrom}, {"recorded-to", f.RecordedTo}} {
		if !m.at.IsZero() {
			also(m.name, m.at.UTC().Format(time.RFC3339Nano))
		}
	}
	also("text", f.Text)
	switch {
	case err != nil:
		return "", err
	case len(b) == 0:
		return Everything, nil
	case len(b) > MaxAskedBytes:
		return "", fmt.Errorf("what is asked for takes %d bytes to say, at most %d fit", len(b), MaxAskedBytes)
	}
	return string(b), nil
}

// askedKinds are the kinds of keys that can be asked for, in the order of the text.
func askedKinds() []events.Kind { return append(events.Kinds(), events.KindSource) }

// bare reports whether a value needs no quotes: visible ASCII and nothing that
// a quoted one has a use for.
func bare(s string) bool {
	if s == "" {
		return false
	}
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c >= 0x7f || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

// ParseAsked reads what [Asked.Text] wrote, and nothing else.
func ParseAsked(text string) (Asked, error) {
	var a Asked
	if len(text) > MaxAskedBytes {
		return a, fmt.Errorf("%d bytes, at most %d are read", len(text), MaxAskedBytes)
	}
	if text == Everything {
		return a, nil
	}
	for rest := text; rest != ""; {
		name, after, ok := strings.Cut(rest, "=")
		if !ok {
			return a, errors.New("a name without a value")
		}
		value, after, err := valueOf(after)
		if err != nil {
			return a, fmt.Errorf("the value of %.40q: %w", name, err)
		}
		if err := a.set(name, value); err != nil {
			return a, err
		}
		rest = strings.TrimPrefix(after, " ")
	}
	again, err := a.Text()
	if err != nil {
		return a, err
	}
	if again != text {
		return a, fmt.Errorf("it is not written in the one way that there is, which is %.200s", again)
	}
	return a, nil
}

// valueOf cuts the first value off.
func valueOf(s string) (value, rest string, err error) {
	if !strings.HasPrefix(s, `"`) {
		value, rest, more := strings.Cut(s, " ")
		if more {
			rest = " " + rest
		}
		return value, rest, nil
	}
	end := 1
	for ; end < len(s) && s[end] != '"'; end++ {
		if s[end] == '\\' {
			end++
		}
	}
	if end >= len(s) {
		return "", "", errors.New("the closing quote is missing")
	}
	b, err := jsontext.AppendUnquote(nil, s[:end+1])
	return string(b), s[end+1:], err
}

func (a *Asked) set(name, value string) error {
	moment := func(t *time.Time) (err error) {
		if *t, err = time.Parse(time.RFC3339Nano, value); err != nil {
			return fmt.Errorf("%s: %.60q is no time", name, value)
		}
		return nil
	}
	f := &a.Filter
	switch name {
	case "story":
		kind, key, _ := strings.Cut(value, "/")
		a.Story = events.Key{Kind: events.Kind(kind), Value: key}
	case "type":
		f.Types = append(f.Types, value)
	case "actor":
		f.Actor = value
	case "from":
		return moment(&f.HappenedFrom)
	case "to":
		return moment(&f.HappenedTo)
	case "recorded-from":
		return moment(&f.RecordedFrom)
	case "recorded-to":
		return moment(&f.RecordedTo)
	case "text":
		f.Text = value
	default:
		if !slices.Contains(askedKinds(), events.Kind(name)) {
			return fmt.Errorf("nothing can be asked for by %.40q", name)
		}
		f.Keys = append(f.Keys, events.Key{Kind: events.Kind(name), Value: value})
	}
	return nil
}

// takes returns what tells whether an event was asked for. Of a story, whose
// events are joined by one another, only the trail itself can tell.
func (a Asked) takes() func(*events.Recorded) bool {
	if a.Story != (events.Key{}) {
		return func(*events.Recorded) bool { return true }
	}
	return a.Filter.Takes()
}
