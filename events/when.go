package events

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// A When is a moment or, where no time of day is given, a whole day.
type When struct {
	Time time.Time // midnight UTC of the day when DateOnly
	Day  bool      // only the date is known
}

// ParseWhen reads RFC 3339 or a date as in 2026-03-14.
func ParseWhen(s string) (When, error) {
	if t, err := time.Parse(time.DateOnly, s); err == nil {
		return When{Time: t, Day: true}, nil
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return When{}, fmt.Errorf("%q is neither a time (2006-01-02T15:04:05Z) nor a date (2006-01-02)", printable(s))
	}
	return When{Time: t}, nil
}

// Start is the moment, or when the day begins in loc.
func (w When) Start(loc *time.Location) time.Time {
	if !w.Day {
		return w.Time
	}
	return time.Date(w.Time.Year(), w.Time.Month(), w.Time.Day(), 0, 0, 0, 0, loc)
}

// End is the moment, or when the day is over in loc. Something due on a day
// is overdue from then on.
func (w When) End(loc *time.Location) time.Time {
	if !w.Day {
		return w.Time
	}
	return time.Date(w.Time.Year(), w.Time.Month(), w.Time.Day()+1, 0, 0, 0, 0, loc)
}

// String is the time in RFC 3339, or the date.
func (w When) String() string {
	if w.Day {
		return w.Time.Format(time.DateOnly)
	}
	return w.Time.Format(time.RFC3339Nano)
}

// MarshalJSON writes what String says.
func (w When) MarshalJSON() ([]byte, error) { return json.Marshal(w.String()) }

// UnmarshalJSON reads what ParseWhen reads.
func (w *When) UnmarshalJSON(b []byte) error {
	s, err := jsonString(b)
	if err == nil {
		*w, err = ParseWhen(s)
	}
	return err
}

// A Span runs from one moment to another, the second not included. A day as
// the end is included whole.
type Span struct {
	From *When `json:"from,omitzero" doc:"its beginning"`
	To   *When `json:"to,omitzero" doc:"its end; a day is included whole"`
}

// Seconds is a length of time. In JSON it is a number of seconds, or a string
// as in "90s", "1h30m", "2d" or "PT5M".
type Seconds float64

// Duration is the same length for the time package, to the nanosecond.
func (s Seconds) Duration() time.Duration {
	d := float64(s) * float64(time.Second)
	switch {
	case d >= math.MaxInt64:
		return math.MaxInt64
	case d <= math.MinInt64:
		return math.MinInt64
	}
	return time.Duration(math.Round(d))
}

// UnmarshalJSON accepts a number or a string.
func (s *Seconds) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] != '"' {
		return json.Unmarshal(b, (*float64)(s))
	}
	text, err := jsonString(b)
	if err == nil {
		*s, err = ParseSeconds(text)
	}
	return err
}

// ParseSeconds reads "90", "90s", "5 min", "1h30m", "2d12h", "PT1H30M" or "P2D".
// A day is 24 hours.
func ParseSeconds(text string) (Seconds, error) {
	bad := fmt.Errorf("%q is not a length of time (as in 90s, 5m, 1h30m, 2d, PT5M)", printable(text))
	s := strings.ReplaceAll(strings.ToLower(strings.TrimSpace(text)), " ", "")
	if n, err := strconv.ParseFloat(s, 64); err == nil && !math.IsNaN(n) && !math.IsInf(n, 0) {
		return Seconds(n), nil
	}
	iso := strings.HasPrefix(s, "p")
	if iso { // ISO 8601 writes M for months before the T; those have no length
		date, clock, _ := strings.Cut(s[1:], "t")
		if strings.ContainsAny(date, "ym") {
			return 0, bad
		}
		s = date + clock
	}
	total := 0.0
	for seen := false; ; seen = true {
		if s == "" {
			if !seen {
				return 0, bad
			}
			return Seconds(total), nil
		}
		i := strings.IndexFunc(s, func(r rune) bool { return (r < '0' || r > '9') && r != '.' })
		if i <= 0 {
			return 0, bad
		}
		n, err := strconv.ParseFloat(s[:i], 64)
		if err != nil {
			return 0, bad
		}
		j := i + strings.IndexFunc(s[i:]+"0", func(r rune) bool { return r >= '0' && r <= '9' || r == '.' })
		unit, ok := secondsIn[s[i:j]]
		if !ok {
			return 0, bad
		}
		total += n * unit
		s = s[j:]
	}
}

var secondsIn = map[string]float64{
	"ms": 0.001, "s": 1, "sec": 1, "secs": 1, "second": 1, "seconds": 1, "m": 60, "min": 60, "mins": 60, "minute": 60, "minutes": 60,
	"h": 3600, "hour": 3600, "hours": 3600, "d": 86400, "day": 86400, "days": 86400, "w": 604800, "week": 604800, "weeks": 604800,
}

func jsonString(b []byte) (string, error) {
	if len(b) < 2 || b[0] != '"' {
		return "", fmt.Errorf("a string is expected")
	}
	if bytes.IndexByte(b, '\\') < 0 {
		return string(b[1 : len(b)-1]), nil
	}
	out, err := jsontext.AppendUnquote(nil, b)
	return string(out), err
}
