package timeline

import (
	"fmt"
	"strings"
	"time"
)

// moment is a time as somebody wrote it.
type moment struct {
	date   string // 2006-01-02, or "" for a bare clock
	clock  string // 15:04, 15:04:05 or with a fraction
	offset string // Z, +05:30 or "" for that of the zone
	dated  bool   // written in one word, as 2006-01-02T15:04
}

// readMoment reads the time at the beginning of a line, and says what is left.
func readMoment(s string) (m moment, rest string, ok bool) {
	word, after, _ := cutWord(s)
	if isDate(word) { // the clock is the next word
		clock, afterClock, _ := cutWord(after)
		m, ok = readClock(clock)
		m.date = word
		return m, afterClock, ok
	}
	if len(word) > 10 && isDate(word[:10]) && (word[10] == 'T' || word[10] == 't') {
		m, ok = readClock(word[11:])
		m.date, m.dated = word[:10], true
		return m, after, ok
	}
	m, ok = readClock(word)
	return m, after, ok
}

func isDate(s string) bool {
	if len(s) != 10 {
		return false
	}
	_, err := time.Parse(time.DateOnly, s)
	return err == nil
}

func readClock(s string) (moment, bool) {
	m := moment{clock: s}
	if i := strings.IndexAny(s, "Zz+-"); i >= 0 {
		m.clock, m.offset = s[:i], strings.ToUpper(s[i:])
	}
	for _, layout := range []string{"15:04", "15:04:05"} {
		// time.Parse takes a fraction after seconds, and a comma for its point
		if _, err := time.Parse(layout, m.clock); err == nil && len(m.clock) >= len(layout) && !strings.Contains(m.clock, ",") {
			if m.offset == "" || m.offset == "Z" {
				return m, true
			}
			_, err := time.Parse("Z07:00", m.offset)
			return m, err == nil
		}
	}
	return m, false
}

// A place in a timeline: what bare clocks are read against.
type place struct {
	zone   *time.Location
	date   string    // set by a date line, until the next event
	before time.Time // the line above
}

// at turns what was written into RFC 3339 and a time. An offset that was
// written is kept; the zone gives it otherwise.
func (p *place) at(m moment) (text string, t time.Time, err error) {
	date := m.date
	if date == "" {
		if date, err = p.dateOf(m); err != nil {
			return "", time.Time{}, err
		}
	}
	clock := withSeconds(m.clock)
	if m.offset != "" {
		text = date + "T" + clock + m.offset
		t, err = time.Parse(time.RFC3339Nano, text)
		return text, t, err
	}
	t, err = localTime(date, clock, p.zone)
	if err != nil {
		return "", time.Time{}, err
	}
	return date + "T" + clock + t.Format("Z07:00"), t, nil
}

// dateOf finds the day of a bare clock: that of the line above, or the next
// where the clock is more than twelve hours behind it.
func (p *place) dateOf(m moment) (string, error) {
	if p.date != "" {
		return p.date, nil
	}
	if p.before.IsZero() {
		return "", fmt.Errorf("no date yet: write it once, as in 2019-07-02T%s, or on a line of its own", m.clock)
	}
	zone := p.zone
	if m.offset != "" {
		var err error
		if zone, err = fixedZone(m.offset); err != nil {
			return "", err
		}
	}
	clock, err := time.Parse("15:04:05", withSeconds(m.clock))
	if err != nil {
		return "", err
	}
	before := p.before.In(zone)
	if sinceMidnight(before)-sinceMidnight(clock) > 12*time.Hour {
		// noon, so that no change of the clocks is met on the way
		before = time.Date(before.Year(), before.Month(), before.Day()+1, 12, 0, 0, 0, time.UTC)
	}
	return before.Format(time.DateOnly), nil
}

func sinceMidnight(t time.Time) time.Duration {
	return time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute +
		time.Duration(t.Second())*time.Second + time.Duration(t.Nanosecond())
}

func withSeconds(clock string) string {
	if len(clock) == len("15:04") {
		return clock + ":00"
	}
	return clock
}

// localTime reads a wall clock in a zone. Twice a year that has no answer, or
// two: then the person who was there has to say which.
func localTime(date, clock string, zone *time.Location) (time.Time, error) {
	const layout = "2006-01-02T15:04:05.999999999"
	t, err := time.ParseInLocation(layout, date+"T"+clock, zone)
	if err != nil {
		return t, err
	}
	wall := t.Format("2006-01-02T15:04")
	if wall != date+"T"+clock[:5] {
		return t, fmt.Errorf("%s %s does not exist in %s: the clock was put forward; add the offset, as in %s+01:00", date, clock[:5], zone, clock[:5])
	}
	_, now := t.Zone()
	for _, step := range []time.Duration{-3 * time.Hour, 3 * time.Hour} {
		_, then := t.Add(step).Zone()
		other := t.Add(time.Duration(now-then) * time.Second)
		if then != now && other.Format("2006-01-02T15:04") == wall {
			return t, fmt.Errorf("%s %s came twice in %s: the clock was put back; add the offset, as in %s%s or %s%s",
				date, clock[:5], zone, clock[:5], t.Format("Z07:00"), clock[:5], other.Format("Z07:00"))
		}
	}
	return t, nil
}

// zoneOf reads a zone's name, or a fixed offset.
func zoneOf(name string) (*time.Location, error) {
	if loc, err := fixedZone(name); err == nil {
		return loc, nil
	}
	if name == "" || name == "Local" {
		return nil, fmt.Errorf("a time zone is expected, as in zone=Asia/Kolkata or zone=+05:30")
	}
	loc, err := time.LoadLocation(name)
	if err != nil {
		return nil, fmt.Errorf("%q is not a time zone known here; write it as in zone=Asia/Kolkata or zone=+05:30", name)
	}
	return loc, nil
}

// fixedZone reads Z or an offset. (time.Parse would name the machine's own
// zone for an offset that it happens to have.)
func fixedZone(offset string) (*time.Location, error) {
	if offset == "Z" {
		return time.UTC, nil
	}
	t, err := time.Parse("Z07:00", offset)
	if err != nil {
		return nil, fmt.Errorf("%q is not an offset, as in +05:30", offset)
	}
	_, seconds := t.Zone()
	return time.FixedZone(offset, seconds), nil
}
