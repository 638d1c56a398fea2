package reports

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // zones are named in documents, also on machines without zone files

	"github.com/daybookhq/daybook/reports/markdown"
)

// A zone is the one place, beside UTC, whose clock a document shows.
type zone struct {
	name string
	loc  *time.Location
}

// zoneOf finds an IANA zone. Empty is UTC.
func zoneOf(name string) (zone, error) {
	if name == "" || name == "UTC" {
		return zone{"UTC", time.UTC}, nil
	}
	if name == "Local" {
		return zone{}, fmt.Errorf("zone %q is not the same everywhere: use an IANA name such as Europe/Berlin", name)
	}
	loc, err := time.LoadLocation(name)
	if err != nil {
		return zone{}, fmt.Errorf("zone %q is not known: use an IANA name such as Europe/Berlin: %w", name, err)
	}
	return zone{name, loc}, nil
}

func (z zone) isUTC() bool { return z.name == "UTC" }

const (
	dateOnly = "2006-01-02"
	hhmm     = "15:04"
	hhmmss   = "15:04:05"
)

// clock is the time of day, with seconds only where there are any.
func clock(t time.Time) string {
	if t.Second() != 0 {
		return t.Format(hhmmss)
	}
	return t.Format(hhmm)
}

// stamp is date and time in UTC: "2026-03-14 18:30".
func stamp(t time.Time) string {
	t = t.UTC()
	return t.Format(dateOnly) + " " + clock(t)
}

// in is a moment in UTC and, where it is another, in the document's zone:
// "2026-03-14 18:30 UTC (2026-03-15 00:00 Asia/Kolkata)".
func (z zone) in(t time.Time) markdown.Inline {
	s := stamp(t) + " UTC"
	if !z.isUTC() {
		local := t.In(z.loc)
		at := clock(local)
		if day := local.Format(dateOnly); day != t.UTC().Format(dateOnly) {
			at = day + " " + at
		}
		s += " (" + at + " " + z.name + ")"
	}
	return markdown.Text(s)
}

// A dater prints the date only when it changes, as a column of times is read.
type dater struct {
	loc  *time.Location
	last string
}

func (d *dater) next(t time.Time) string {
	t = t.In(d.loc)
	day := t.Format(dateOnly)
	if day == d.last {
		return clock(t)
	}
	d.last = day
	return day + " " + clock(t)
}

// offset is the time from the start of a story: "0:00", "+0:03", "-1:10",
// "+2 d 3:10", with seconds where there are any.
func offset(d time.Duration) string {
	sign := "+"
	if d < 0 {
		sign, d = "-", -d
	}
	d = d.Truncate(time.Second)
	if d == 0 {
		return "0:00"
	}
	var s string
	if days := d / (24 * time.Hour); days >= 2 {
		s = strconv.Itoa(int(days)) + " d "
		d -= days * 24 * time.Hour
	}
	s += fmt.Sprintf("%d:%02d", int(d.Hours()), int(d.Minutes())%60)
	if sec := int(d.Seconds()) % 60; sec != 0 {
		s += fmt.Sprintf(":%02d", sec)
	}
	return sign + s
}

// exactly is a duration in full, to the second: "1 h 48 min", "3 min 20 s",
// "0 s". Parts printed so add up to a total printed so.
func exactly(d time.Duration) string {
	if d < 0 {
		return "-" + exactly(-d)
	}
	if d > 0 && d < time.Second {
		return strconv.FormatFloat(math.Ceil(d.Seconds()*1000)/1000, 'f', -1, 64) + " s"
	}
	d = d.Truncate(time.Second)
	var parts []string
	add := func(n int, unit string) {
		if n > 0 {
			parts = append(parts, strconv.Itoa(n)+" "+unit)
		}
	}
	days := int(d / (24 * time.Hour))
	if days >= 3 {
		add(days, "d")
		d -= time.Duration(days) * 24 * time.Hour
	}
	add(int(d.Hours()), "h")
	add(int(d.Minutes())%60, "min")
	add(int(d.Seconds())%60, "s")
	if len(parts) == 0 {
		return "0 min"
	}
	return strings.Join(parts, " ")
}

// roughly is an age or a wait as people say it: "40 min", "26 h", "9 days".
func roughly(d time.Duration) string {
	switch {
	case d < 0:
		return "-" + roughly(-d)
	case d < time.Minute:
		return "less than a minute"
	case d < 2*time.Hour:
		return exactly(d.Truncate(time.Minute))
	case d < 72*time.Hour:
		return strconv.Itoa(int(d.Hours())) + " h"
	}
	return count(math.Floor(d.Hours()/24)) + " days"
}

func seconds(s float64) time.Duration {
	return time.Duration(math.Round(s*1e6)) * time.Microsecond
}
