package bundle_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/events/bundle"
	"github.com/daybookhq/daybook/events/seal"
	"github.com/daybookhq/daybook/events/trail"
	"github.com/daybookhq/daybook/events/trail/trailtest"
)

// signingKey is of no use but to let the same log be made again.
const signingKey = "PRIVATE+KEY+daybook.test/log+14bb1ae7+AQABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f\n"

// counting gives salts that are the same in every run.
type counting struct{ n byte }

func (c *counting) Read(b []byte) (int, error) {
	for i := range b {
		c.n++
		b[i] = c.n
	}
	return len(b), nil
}

// fixed makes a trail hold the same bytes wherever it is.
func fixed(t testing.TB, o trail.Options) trail.Options {
	t.Helper()
	o.SigningKey = filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(o.SigningKey, []byte(signingKey), 0o600); err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 3, 20, 9, 0, 0, 0, time.UTC)
	o.Clock = func() time.Time { now = now.Add(time.Second); return now }
	o.Rand = &counting{}
	return o
}

// filled opens a trail with some of everything: an incident, a rollback,
// corrections of it and of each other, a gap, and others' notes around them.
func filled(t testing.TB, o trail.Options) *trail.Trail {
	t.Helper()
	tr := trailtest.Open(t, fixed(t, o))
	at := func(minute int) func(*events.Event) {
		return func(e *events.Event) { e.Time = time.Date(2026, 3, 14, 12, minute, 0, 0, time.UTC) }
	}
	inc := trailtest.Key(events.KindIncident, "INC-7")
	from := func(source string) func(*events.Event) { return func(e *events.Event) { e.Source = source } }
	data := func(text string) func(*events.Event) { return func(e *events.Event) { e.Data = []byte(text) } }
	by := func(e *events.Event) { e.AuthID = "u-7" }
	for i, e := range []events.Event{
		trailtest.Event(t, "ship", "change.shipped", inc, at(0), from("/ci"), trailtest.Key(events.KindChange, "c-1")),
		trailtest.Event(t, "note-1", "note.added", inc, at(9), data(`{"text":"a < b & \"c\" – é","n":1.50e2}`)),
		trailtest.Event(t, "note-2", "note.added", inc, at(4), from("/chat room")),
		trailtest.Event(t, "fix-1", "event.corrected", by, at(20), data(`{"corrects":{"source":"/test","id":"note-1"},"fields":{"time":"2026-03-14T12:03:00Z"},"why":"the chat says so"}`)),
		trailtest.Event(t, "fix-2", "event.retracted", by, at(21), data(`{"retracts":{"source":"/test","id":"fix-1"},"why":"it did not"}`)),
		trailtest.Event(t, "gap", "source.gap_observed", at(22), data(`{"source":"/ci","expected":"00000042","seen":"00000045"}`)),
		trailtest.Event(t, "gap-2", "source.gap_observed", at(22), data(`{"source":"/other","expected":1,"seen":3}`)),
		trailtest.Event(t, "back", "rollback.completed", inc, at(7), from("/ci"), trailtest.Key(events.KindRollback, "RB-1")),
	} {
		trailtest.Append(t, tr, e)
		if i%2 == 0 {
			trailtest.Append(t, tr, trailtest.Notes(t, fmt.Sprintf("N-%d", i), 37)...)
		}
	}
	return tr
}

// export makes a bundle of a prefix; with 0 it is all there is.
func export(t testing.TB, tr *trail.Trail, rq bundle.Request) ([]byte, bundle.Made) {
	t.Helper()
	if rq.Size == 0 {
		h, err := tr.Head(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		rq.Size = h.Size
	}
	if rq.Record == nil {
		rq.Record = recorder(t, tr)
	}
	var b bytes.Buffer
	made, err := bundle.Export(t.Context(), &b, tr, rq)
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), made
}

// recorder writes down an export as the server does.
func recorder(t testing.TB, tr *trail.Trail) func(context.Context, bundle.Made) (int64, error) {
	return func(ctx context.Context, made bundle.Made) (int64, error) {
		e, err := made.Event("auditor-1", "")
		if err != nil {
			return 0, err
		}
		h, err := tr.Head(ctx)
		if err != nil {
			return 0, err
		}
		e.ID, e.Time = fmt.Sprintf("export-%d", h.Size), time.Date(2026, 3, 20, 10, 0, 0, 0, time.UTC)
		if e, err = e.Checked(); err != nil {
			return 0, err
		}
		got, err := tr.Append(ctx, trail.LedgerWriter, e)
		if err != nil {
			return 0, err
		}
		return got[0].Position, nil
	}
}

func incident(id string) bundle.Asked {
	return bundle.Asked{Filter: trail.Filter{Keys: []events.Key{{Kind: events.KindIncident, Value: id}}}}
}

func check(t testing.TB, b []byte, public string) bundle.Report {
	t.Helper()
	r, err := bundle.Verify(bytes.NewReader(b), bundle.VerifyOptions{PublicKey: public})
	if err != nil {
		t.Fatalf("%v\n%s", err, b)
	}
	return r
}

func publicKey(t testing.TB) string {
	t.Helper()
	k, err := seal.ParseKey(signingKey)
	if err != nil {
		t.Fatal(err)
	}
	return k.Public()
}
