package handlers

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// parameters reads query parameters strictly: one that is unknown, or stands
// twice where it may not, is an error, since a filter that is left out without a
// word shows too much.
type parameters struct {
	values url.Values
	known  map[string]bool
	err    error
}

func parametersOf(r *http.Request) *parameters {
	v, err := url.ParseQuery(r.URL.RawQuery)
	p := &parameters{values: v, known: map[string]bool{}}
	if err != nil {
		p.err = badParameter("", "the query cannot be read: %v", err)
	}
	return p
}

func (p *parameters) fail(name, format string, args ...any) {
	if p.err == nil {
		p.err = badParameter(name, format, args...)
	}
}

// text returns a parameter that may stand once.
func (p *parameters) text(name string) string {
	p.known[name] = true
	v := p.values[name]
	if len(v) > 1 {
		p.fail(name, "stands more than once")
	}
	if len(v) == 0 {
		return ""
	}
	return v[0]
}

// list returns a parameter that may stand several times, or hold commas.
func (p *parameters) list(name string) []string {
	p.known[name] = true
	var out []string
	for _, v := range p.values[name] {
		for s := range strings.SplitSeq(v, ",") {
			if s != "" {
				out = append(out, s)
			}
		}
	}
	return out
}

func (p *parameters) number(name string, otherwise, most int64) int64 {
	s := p.text(name)
	if s == "" {
		return otherwise
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 {
		p.fail(name, "%q is not a whole number", s)
	}
	if n > most {
		p.fail(name, "at most %d", most)
	}
	return n
}

func (p *parameters) yes(name string) bool {
	switch s := p.text(name); s {
	case "", "false", "0", "no":
		return false
	case "true", "1", "yes":
		return true
	default:
		p.fail(name, "%q is neither true nor false", s)
		return false
	}
}

func (p *parameters) moment(name string) time.Time {
	s := p.text(name)
	if s == "" {
		return time.Time{}
	}
	t, err := parseMoment(s)
	if err != nil {
		p.fail(name, "%q is not a time; write it like 2026-03-14T16:42:00Z, or a day like 2026-03-14", s)
	}
	return t
}

// parseMoment reads RFC 3339, with or without seconds, or a day, which begins
// at midnight UTC.
func parseMoment(s string) (t time.Time, err error) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04Z07:00", time.DateOnly} {
		if t, err = time.Parse(layout, s); err == nil {
			return t, nil
		}
	}
	return t, err
}

// done returns the first thing that was wrong with the parameters.
func (p *parameters) done() error {
	for name := range p.values {
		if !p.known[name] {
			p.fail(name, "is not a parameter of this address")
		}
	}
	return p.err
}

// prefix reads as-of: a time (what was recorded by then) or a number of events
// (that many from the beginning). Without it, everything so far.
type prefix struct {
	size  int64
	at    time.Time // the time asked for, or when the last event of the prefix was recorded
	given bool
}

// orAll is the size to ask others for: 0, which is all there is, unless the
// caller named a prefix.
func (p prefix) orAll() int64 {
	if p.given {
		return p.size
	}
	return 0
}

func (a *api) prefix(r *http.Request, p *parameters) (prefix, error) {
	s := p.text("as-of")
	head, err := a.Trail.Head(r.Context())
	if err != nil {
		return prefix{}, err
	}
	if s == "" {
		return prefix{size: head.Size, at: a.Clock().UTC().Truncate(time.Minute)}, nil
	}
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		if n < 1 || n > head.Size {
			return prefix{}, badParameter("as-of", "the trail has %d events; give a number from 1 to that, or a time", head.Size)
		}
		last, err := a.Trail.Get(r.Context(), n-1)
		return prefix{n, last.LedgerTime, true}, err
	}
	t, err := parseMoment(s)
	if err != nil {
		return prefix{}, badParameter("as-of", "%q is neither a time like 2026-03-14T16:42:00Z nor a number of events", s)
	}
	size, err := a.Trail.SizeAt(r.Context(), t)
	if err != nil {
		return prefix{}, err
	}
	if size == 0 {
		return prefix{}, badParameter("as-of", "nothing had been recorded by %s", t.UTC().Format(time.RFC3339))
	}
	return prefix{size, t.UTC(), true}, nil
}
