// Package trailtest runs tests against both databases that a trail can live
// in, so that neither is forgotten.
//
//	trailtest.Each(t, func(t *testing.T, o trail.Options) {
//		tr := trailtest.Open(t, o)
//		…
//	})
package trailtest

import (
	"fmt"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/events/trail"
)

// Each runs a test on a fresh SQLite trail and on a fresh Postgres trail.
func Each(t *testing.T, f func(t *testing.T, o trail.Options)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { f(t, SQLite(t)) })
	t.Run("postgres", func(t *testing.T) {
		o := SQLite(t)
		o.DatabaseURL = Postgres(t)
		o.AllowOwner = true
		f(t, o)
	})
}

// SQLite returns the options of a fresh trail in a directory of its own. Its
// origin is always the same, so that golden files can name it.
func SQLite(tb testing.TB) trail.Options {
	return trail.Options{DataDir: tb.TempDir(), Origin: "daybook.test/log"}
}

// Copy returns the options of a copy of a trail that nobody has open.
func Copy(tb testing.TB, o trail.Options) trail.Options {
	tb.Helper()
	dir := tb.TempDir()
	if err := os.CopyFS(dir, os.DirFS(o.DataDir)); err != nil {
		tb.Fatal(err)
	}
	o.DataDir = dir
	if o.DatabaseURL != "" {
		u, err := url.Parse(o.DatabaseURL)
		if err != nil {
			tb.Fatal(err)
		}
		from := strings.TrimPrefix(u.Path, "/")
		u.Path = "/postgres"
		o.DatabaseURL = freshDatabase(tb, u.String(), from)
	}
	return o
}

// Open opens a trail that is closed with the test.
func Open(tb testing.TB, o trail.Options) *trail.Trail {
	tb.Helper()
	tr, err := trail.Open(tb.Context(), o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := tr.Close(); err != nil {
			tb.Errorf("close the trail: %v", err)
		}
	})
	return tr
}

// Append records events and fails the test where that fails.
func Append(tb testing.TB, tr *trail.Trail, evs ...events.Event) []trail.Receipt {
	tb.Helper()
	receipts, err := tr.Append(tb.Context(), "token/test", evs...)
	if err != nil {
		tb.Fatal(err)
	}
	if len(receipts) != len(evs) {
		tb.Fatalf("%d receipts for %d events", len(receipts), len(evs))
	}
	return receipts
}

// Event makes a checked event of a short type. Its source is /test, its time
// 2026-03-14T12:00:00Z, unless change says otherwise.
func Event(tb testing.TB, id, short string, change ...func(*events.Event)) events.Event {
	tb.Helper()
	e := events.Event{
		ID:     id,
		Source: "/test",
		Type:   events.FullType(short),
		Time:   time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC),
	}
	for _, f := range change {
		f(&e)
	}
	e, err := e.Checked()
	if err != nil {
		tb.Fatal(err)
	}
	return e
}

// Key gives an event a correlation key.
func Key(kind events.Kind, value string) func(*events.Event) {
	return func(e *events.Event) { e.Keys = append(e.Keys, events.Key{Kind: kind, Value: value}) }
}

// Notes makes n events with ids made of a name and a number.
func Notes(tb testing.TB, name string, n int) []events.Event {
	tb.Helper()
	evs := make([]events.Event, n)
	for i := range evs {
		evs[i] = Event(tb, fmt.Sprintf("%s-%d", name, i), "note.added", Key(events.KindIncident, name), func(e *events.Event) {
			e.Data = []byte(fmt.Sprintf(`{"text":"note %d of %s"}`, i, name))
		})
	}
	return evs
}
