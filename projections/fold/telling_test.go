package fold_test

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/events/histories"
	"github.com/daybookhq/daybook/events/timeline"
	"github.com/daybookhq/daybook/projections/fold"
)

// tell reads a history as a person would type it. Each event is recorded the
// moment it happens, or at its recordedtime.
func tell(t testing.TB, text string) []fold.View {
	t.Helper()
	var told []events.Event
	for e := range timeline.Parse(strings.NewReader(text), timeline.Options{Source: "/test"}) {
		if e.Err != nil {
			t.Fatalf("line %d: %v", e.Line, e.Err)
		}
		for _, w := range e.Warnings {
			t.Fatalf("line %d: %s", e.Line, w)
		}
		told = append(told, e.Event)
	}
	return record(t, told, time.Time{})
}

// history reads one of the histories that come with the project, recorded all at
// once long afterwards.
func history(t testing.TB, name string) []fold.View {
	t.Helper()
	told, err := histories.Events(name)
	if err != nil {
		t.Fatal(err)
	}
	return record(t, told, time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC))
}

// record gives positions in the order told and sorts into the order of folds.
func record(t testing.TB, told []events.Event, at time.Time) []fold.View {
	t.Helper()
	views := make([]fold.View, 0, len(told))
	for i := range told {
		ledger := at
		if ledger.IsZero() {
			ledger = told[i].Time
			if s := told[i].RecordedTime; s != "" {
				ledger = when(t, s)
			}
		}
		b := told[i].Record(nil, int64(i), ledger, "test", [16]byte{})
		r, err := events.ParseRecorded(b)
		if err != nil {
			t.Fatalf("%s: %v", told[i].Type, err)
		}
		views = append(views, fold.NewView(r))
	}
	fold.Sort(views)
	return views
}

// only keeps the events of a story that carry one of the keys.
func only(views []fold.View, keys ...string) []fold.View {
	return slices.DeleteFunc(slices.Clone(views), func(v fold.View) bool {
		return !slices.ContainsFunc(v.Keys, func(k events.Key) bool { return slices.Contains(keys, k.String()) })
	})
}

func key(s string) events.Key {
	kind, value, _ := strings.Cut(s, "/")
	return events.Key{Kind: events.Kind(kind), Value: value}
}

func when(t testing.TB, s string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, s)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return loc
}

// wantSeconds checks a duration and how it is to be read.
func wantSeconds(t testing.TB, what string, m fold.Metric, seconds float64, bound fold.Bound) {
	t.Helper()
	switch {
	case m.Seconds == nil:
		t.Errorf("%s: no number (%s), want %v s %s", what, m.Why, seconds, bound)
	case math.Abs(*m.Seconds-seconds) > 1e-6 || m.Bound != bound:
		t.Errorf("%s is %v s %s, want %v s %s", what, *m.Seconds, m.Bound, seconds, bound)
	case m.Why != "":
		t.Errorf("%s has a number and a reason why not: %q", what, m.Why)
	case len(m.Positions) == 0:
		t.Errorf("%s rests on no record", what)
	}
}

// wantValue checks a number to so many decimals.
func wantValue(t testing.TB, what string, got *float64, want float64, decimals int) {
	t.Helper()
	if got == nil {
		t.Errorf("%s: no number, want %v", what, want)
		return
	}
	if scale := math.Pow10(decimals); math.Round(*got*scale) != math.Round(want*scale) {
		t.Errorf("%s is %.*f, want %.*f", what, decimals+2, *got, decimals, want)
	}
}

// wantUnknown checks that there is no number at all, and a reason that says so.
func wantUnknown(t testing.TB, what string, m fold.Metric, reason string) {
	t.Helper()
	if m.Seconds != nil || m.Value != nil || m.Low != nil || m.High != nil || m.Bound != fold.Unknown {
		b, _ := json.Marshal(m)
		t.Errorf("%s has a number: %s", what, b)
	}
	if !strings.Contains(m.Why, reason) {
		t.Errorf("%s is unknown because %q, want %q", what, m.Why, reason)
	}
}
