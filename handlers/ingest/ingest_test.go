package ingest

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/events/client"
	"github.com/daybookhq/daybook/events/stream"
	"github.com/daybookhq/daybook/events/trail"
	"github.com/daybookhq/daybook/events/trail/trailtest"
	"github.com/nats-io/nats.go/jetstream"
)

func TestEveryFormIsRecordedOnce(t *testing.T) {
	trailtest.Each(t, func(t *testing.T, o trail.Options) {
		d := newDesk(t, o, stream.Limits{})
		d.start(d.trail)
		one := d.ask("ci.build", note("a"), "Content-Type", "application/cloudevents+json; charset=utf-8")
		if one.Accepted != 1 || one.Results[0].Outcome != client.Accepted {
			t.Fatalf("receipt %+v", one)
		}
		e, err := d.trail.Get(t.Context(), *one.Results[0].Position)
		if err != nil {
			t.Fatal(err)
		}
		if e.Writer != "nats/ci" || e.ID != "a" || stream.LeafID(e.Bytes) != hex.EncodeToString(one.Results[0].LeafHash[:]) {
			t.Errorf("recorded %s", e.Bytes)
		}
		// The same event in the other forms is the same event.
		for name, s := range map[string]client.Summary{
			"plain": d.ask("other", note("a")),
			"binary": d.ask("ci", `{"text":"n"}`, "ce-specversion", "1.0", "ce-id", "a", "ce-source", "/ci", "CE-Type", "dev.daybook.note.added.v1",
				"ce-time", "2026-03-14T16:42:00+05:30", "ce-incident", "INC-7"),
		} {
			if s.Duplicates != 1 || *s.Results[0].Position != e.Position {
				t.Errorf("%s: %+v", name, s)
			}
		}
		batch := d.ask("ci", "["+note("a")+","+note("b")+","+note("c")+"]")
		if batch.Accepted != 2 || batch.Duplicates != 1 || len(batch.Results) != 3 || *batch.Results[2].Index != 2 {
			t.Errorf("batch: %+v", batch)
		}
		d.drained()
		if n := d.size(); n != 4 {
			t.Errorf("the trail holds %d events", n)
		}
		trailtest.Check(t, d.trail)
	})
}

func TestWhatIsRefusedIsKeptWithTheReason(t *testing.T) {
	d := newDesk(t, trailtest.SQLite(t), stream.Limits{})
	bad := []struct{ to, body, outcome, field, contentType string }{
		{"ci.x", `{"id":`, client.Refused, "", ""},
		{"ci", strings.Replace(note("t"), `"time"`, `"tim"`, 1), client.Refused, "time", ""},
		{"ci", strings.Replace(note("p"), "note.added", "policy.set", 1), client.Denied, "type", "application/cloudevents+json"},
		{"ci", strings.Replace(note("l"), "note.added", "conflict.observed", 1), client.Denied, "type", ""},
		{"ci", strings.Replace(note("s"), `"/ci"`, `"daybook:ledger"`, 1), client.Denied, "source", ""},
		{"what%a%name", note("w"), client.Denied, "subject", ""},
		{"ci", "\x00\xff", client.Refused, "Content-Type", "application/cloudevents+avro"},
		{"ci", `[` + note("x") + `,`, client.Refused, "", ""},
	}
	for _, b := range bad {
		h := []string{"X-Trace", "1", "X-Trace", "2", "Nats-Expected-Stream", stream.IngestStream}
		if b.contentType != "" {
			h = append(h, "Content-Type", b.contentType)
		}
		d.publish(b.to, b.body, h...)
		d.publish("ci", note("good-"+fmt.Sprint(d.queued())))
	}
	d.start(d.trail)
	d.drained()
	for i, m := range d.letters(len(bad)) {
		b := bad[i]
		if string(m.Data) != b.body || m.Subject != "daybook.dead.ingest."+b.to || m.Header.Get(subjectHeader) != "daybook.ingest."+b.to {
			t.Errorf("%d: %s on %s %v", i, m.Data, m.Subject, m.Header)
		}
		if m.Header.Get(outcomeHeader) != b.outcome || m.Header.Get(fieldHeader) != b.field || m.Header.Get(reasonHeader) == "" {
			t.Errorf("%d: headers %v", i, m.Header)
		}
		if got := m.Header[headerPrefix+"X-Trace"]; !slices.Equal(got, []string{"1", "2"}) {
			t.Errorf("%d: the original's header came out as %v", i, got)
		}
		if m.Header.Get(sequenceHeader) != fmt.Sprint(2*i+1) || m.Header.Get(timeHeader) == "" {
			t.Errorf("%d: headers %v", i, m.Header)
		}
	}
	if n := d.size(); n != int64(1+len(bad)) {
		t.Errorf("the trail holds %d events: the good ones were held up", n)
	}
}

func TestARefusedElementKeepsTheBatchFromNothing(t *testing.T) {
	d := newDesk(t, trailtest.SQLite(t), stream.Limits{})
	d.start(d.trail)
	wrong := strings.Replace(note("b"), `"1.0"`, `"0.3"`, 1)
	s := d.ask("ci", "["+note("a")+", "+wrong+" ,"+note("c")+"]", "Content-Type", "application/cloudevents-batch+json")
	if s.Accepted != 2 || s.Refused != 1 || s.Results[1].Field != "specversion" || s.Results[1].Status != 422 {
		t.Fatalf("receipt %+v", s)
	}
	m := d.letters(1)[0]
	if string(m.Data) != wrong || m.Header.Get(indexHeader) != "1" {
		t.Errorf("dead letter %s %v", m.Data, m.Header)
	}
}

func TestAConflictIsADeadLetter(t *testing.T) {
	d := newDesk(t, trailtest.SQLite(t), stream.Limits{})
	d.start(d.trail)
	first := d.ask("ci", note("a"))
	other := strings.Replace(note("a"), `"text":"n"`, `"text":"m"`, 1)
	s := d.ask("ci", other)
	if s.Conflicts != 1 || *s.Results[0].Position != *first.Results[0].Position {
		t.Fatalf("receipt %+v", s)
	}
	if m := d.letters(1)[0]; m.Header.Get(outcomeHeader) != client.Conflict || string(m.Data) != other {
		t.Errorf("dead letter %s %v", m.Data, m.Header)
	}
}

func TestOnlyInboxesGetReceipts(t *testing.T) {
	d := newDesk(t, trailtest.SQLite(t), stream.Limits{})
	d.start(d.trail)
	for i, to := range []string{"daybook.events.note.added", "$JS.API.STREAM.DELETE.DAYBOOK_DEAD", "_INBOX.*", "_INBOX.a b", "_INBOX..a", "_INBOX."} {
		d.publish("ci", note(fmt.Sprint(i)), replyHeader, to)
	}
	d.drained()
	d.letters(0)
	s, err := d.js.Stream(t.Context(), stream.EventsStream)
	if err != nil {
		t.Fatal(err)
	}
	if n := s.CachedInfo().State.Msgs; n != 0 {
		t.Errorf("a producer made the ledger publish %d messages", n)
	}
}

// A failing ledger is down for a while, or stumbles over one event.
type failing struct {
	Ledger
	down    atomic.Bool
	stumble string // an id
	err     error
	calls   atomic.Int64
}

func (f *failing) Append(ctx context.Context, writer string, evs ...events.Event) ([]trail.Receipt, error) {
	f.calls.Add(1)
	if f.down.Load() {
		return nil, trail.ErrUnavailable
	}
	for i := range evs {
		if f.stumble != "" && evs[i].ID == f.stumble {
			return nil, f.err
		}
	}
	return f.Ledger.Append(ctx, writer, evs...)
}

func TestADatabaseThatIsAwayLosesNothing(t *testing.T) {
	d := newDesk(t, trailtest.SQLite(t), stream.Limits{})
	f := &failing{Ledger: d.trail}
	f.down.Store(true)
	d.start(f)
	for i := range 50 {
		d.publish("ci", note(fmt.Sprint(i)))
	}
	waitFor(t, "it was tried", func() bool { return f.calls.Load() >= 2 })
	d.stop() // a restart in the middle of it
	if d.queued() != 50 {
		t.Fatalf("%d messages are left", d.queued())
	}
	d.start(f)
	f.down.Store(false)
	d.drained()
	if n := d.size(); n != 51 {
		t.Errorf("the trail holds %d events", n)
	}
}

func TestOneEventDoesNotSpoilTheOthers(t *testing.T) {
	d := newDesk(t, trailtest.SQLite(t), stream.Limits{})
	f := &failing{Ledger: d.trail, stumble: "7", err: &events.Refusal{Field: "data", Reason: "not with me"}}
	for i := range 20 {
		d.publish("ci", note(fmt.Sprint(i)))
	}
	d.start(f)
	d.drained()
	if n := d.size(); n != 20 {
		t.Errorf("the trail holds %d events", n)
	}
	if m := d.letters(1)[0]; m.Header.Get(reasonHeader) != "not with me" {
		t.Errorf("dead letter %v", m.Header)
	}
}

func TestAnEventThatFailsWithoutReasonStaysQueued(t *testing.T) {
	d := newDesk(t, trailtest.SQLite(t), stream.Limits{})
	f := &failing{Ledger: d.trail, stumble: "7", err: errors.New("nobody knows why")}
	for i := range 20 {
		d.publish("ci", note(fmt.Sprint(i)))
	}
	d.start(f)
	waitFor(t, "the others are recorded", func() bool { return d.size() == 20 && d.queued() == 1 })
	d.letters(0)
	d.stop()
	d.start(d.trail)
	d.drained()
	if n := d.size(); n != 21 {
		t.Errorf("the trail holds %d events", n)
	}
}

func TestAFullStreamOfDeadLettersHoldsThemBack(t *testing.T) {
	d := newDesk(t, trailtest.SQLite(t), stream.Limits{DeadBytes: 2000})
	d.start(d.trail)
	for i := range 5 {
		d.publish("ci", fmt.Sprintf(`{"no":%d,"pad":%q}`, i, strings.Repeat("x", 500)))
	}
	d.publish("ci", note("good"))
	waitFor(t, "the good one is recorded", func() bool { return d.size() == 2 })
	dead, err := d.js.Stream(t.Context(), stream.DeadStream)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for len(seen) < 5 {
		left := d.queued() // asked first: whatever is not queued then is among the kept
		i, err := dead.Info(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for seq := max(i.State.FirstSeq, 1); seq <= i.State.LastSeq; seq++ { // an empty stream begins at 0
			m, err := dead.GetMsg(t.Context(), seq)
			if err != nil {
				t.Fatal(err)
			}
			seen[string(m.Data)] = true
		}
		if len(seen) < 5 && left == 0 {
			t.Fatalf("%d of 5 refused messages were kept", len(seen))
		}
		// An operator has read these and makes room; one that came meanwhile stays.
		if err := dead.Purge(t.Context(), jetstream.WithPurgeSequence(i.State.LastSeq+1)); err != nil {
			t.Fatal(err)
		}
		waitFor(t, "another one is kept", func() bool {
			i, err := dead.Info(t.Context())
			return err == nil && (i.State.Msgs > 0 || d.queued() == 0)
		})
	}
	d.drained()
}

func TestEachEventOnceUnderLoadAndRestarts(t *testing.T) {
	trailtest.Each(t, func(t *testing.T, o trail.Options) {
		d := newDesk(t, o, stream.Limits{})
		d.start(d.trail)
		const producers, each = 8, 150
		var wg sync.WaitGroup
		for p := range producers {
			js, err := d.broker.JetStream(fmt.Sprint("producer ", p))
			if err != nil {
				t.Fatal(err)
			}
			wg.Go(func() {
				for i := 0; i < each; {
					ctx, cancel := context.WithTimeout(context.Background(), time.Second)
					_, err := js.PublishMsg(ctx, posted("ci", note(fmt.Sprintf("%d-%d", p, i))))
					cancel()
					if err != nil {
						time.Sleep(5 * time.Millisecond) // not acknowledged: send it again
						continue
					}
					if i%10 == 0 { // an impatient producer
						_, _ = js.PublishMsgAsync(posted("ci", note(fmt.Sprintf("%d-%d", p, i))))
					}
					i++
				}
			})
		}
		for i := range 4 {
			before := d.size()
			waitFor(t, "events are recorded", func() bool { return d.size() > before+50 || d.size() > producers*each })
			if i%2 == 0 {
				d.stop()
				d.start(d.trail)
			} else if err := d.broker.Embedded().Restart(); err != nil {
				t.Fatal(err)
			}
		}
		wg.Wait()
		d.drained()
		waitFor(t, "all are recorded", func() bool { return d.size() >= producers*each+1 })
		if n := d.size(); n != producers*each+1 {
			t.Errorf("the trail holds %d events, not %d", n, producers*each+1)
		}
		d.letters(0)
		trailtest.Check(t, d.trail)
	})
}

func TestProducer(t *testing.T) {
	for subject, want := range map[string]string{
		"daybook.ingest.ci":                         "nats/ci",
		"daybook.ingest.ci.build":                   "nats/ci",
		"daybook.ingest.a_b-C9.x":                   "nats/a_b-C9",
		"daybook.ingest.\x7f":                       "",
		"daybook.ingest.é":                          "",
		"daybook.ingest.a\"b":                       "",
		"daybook.ingest." + strings.Repeat("a", 65): "",
	} {
		p, err := Producer(subject)
		if p.Name != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v", subject, p.Name, err)
		}
	}
}
