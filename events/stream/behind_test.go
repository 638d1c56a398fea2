package stream

import (
	"bytes"
	"errors"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/daybookhq/daybook/events/trail"
	"github.com/daybookhq/daybook/events/trail/trailtest"
)

// TestAnOldBackupIsToldNothing restores a copy of the trail beside a stream
// that was told more: it takes nothing, and the stream is told nothing.
func TestAnOldBackupIsToldNothing(t *testing.T) {
	t.Parallel()
	trailtest.Each(t, func(t *testing.T, o trail.Options) {
		l := listen(t)
		tr := trailtest.Open(t, o)
		record(t, tr, 0, 20)
		if err := tr.Close(); err != nil {
			t.Fatal(err)
		}
		backup := trailtest.Copy(t, o)
		tr = trailtest.Open(t, o)
		record(t, tr, 20, 30)
		s := start(t, Options{Trail: tr, NATSURL: l.url()})
		told(t, s, tr)
		stop(t, s)

		held := func(restored *trail.Trail, size int64, other bool) {
			t.Helper()
			s := start(t, Options{Trail: restored, NATSURL: l.url()})
			behind, ok := errors.AsType[*trail.BehindError](s.Compare(t.Context(), restored))
			if !ok || behind.Held != 51 || behind.Size != size || behind.Other != other || behind.Note == nil || behind.Holder != Holder {
				t.Fatalf("compared: %+v", behind)
			}
			if _, err := restored.Append(t.Context(), "token/test", trailtest.Event(t, "more", "note.added")); !errors.Is(err, trail.ErrReadOnly) || err.Error() != behind.Error() {
				t.Fatalf("it took an event: %v", err)
			}
			waitFor(t, "it has its turn to tell", s.relay.Leading)
			js := connect(t, s.Broker())
			before := info(js).State.LastSeq
			s.Broker().Release(js)
			stop(t, s) // gives it time to tell what it would tell
			b, err := OpenBroker(t.Context(), BrokerOptions{NATSURL: l.url(), Origin: restored.Origin(), Logger: quiet(t)})
			if err != nil {
				t.Fatal(err)
			}
			defer b.Close(t.Context())
			if after := info(connect(t, b)).State.LastSeq; after != before {
				t.Fatalf("the stream was told %d messages", after-before)
			}
		}
		restored := trailtest.Open(t, backup)
		held(restored, 21, false)
		if err := restored.Close(); err != nil {
			t.Fatal(err)
		}
		restored = trailtest.Open(t, backup)
		record(t, restored, 1000, 40) // by a server that could not ask
		held(restored, 61, true)

		// The trail itself goes on, and so does the restored one without that stream.
		s = start(t, Options{Trail: tr, NATSURL: l.url()})
		if err := s.Compare(t.Context(), tr); err != nil {
			t.Fatal(err)
		}
		record(t, tr, 50, 1)
		told(t, s, tr)
	})
}

// TestABrokerThatComesLateIsComparedBeforeItIsTold: the broker is away when the
// restored trail opens, which therefore takes events at first.
func TestABrokerThatComesLateIsComparedBeforeItIsTold(t *testing.T) {
	t.Parallel()
	l := listen(t)
	o := trailtest.SQLite(t)
	tr := trailtest.Open(t, o)
	record(t, tr, 0, 20)
	if err := tr.Close(); err != nil {
		t.Fatal(err)
	}
	backup := trailtest.Copy(t, o)
	tr = trailtest.Open(t, o)
	record(t, tr, 20, 30)
	s := start(t, Options{Trail: tr, NATSURL: l.url()})
	told(t, s, tr)
	stop(t, s)
	l.stop()

	restored := trailtest.Open(t, backup)
	late := start(t, Options{Trail: restored, NATSURL: l.url(), ConnectWait: 1})
	if err := late.Compare(t.Context(), restored); err == nil || errors.Is(err, trail.ErrReadOnly) {
		t.Fatalf("compared with a broker that is away: %v", err)
	}
	record(t, restored, 1000, 40)
	l.start()
	waitFor(t, "the relay finds out", func() bool { return restored.Behind() != nil })
	if b := restored.Behind(); b.Held != 51 || b.Size != 61 || !b.Other {
		t.Fatalf("%+v", b)
	}
	stop(t, late)
	s = start(t, Options{Trail: tr, NATSURL: l.url()})
	told(t, s, tr)
	complete(t, positions(t, s.Broker(), tr), 51)
}

// TestATrailIsRecoveredFromTheStream: what it was told is all that is needed,
// though a stranger put something beside it.
func TestATrailIsRecoveredFromTheStream(t *testing.T) {
	t.Parallel()
	l := listen(t)
	o := trailtest.SQLite(t)
	tr := trailtest.Open(t, o)
	record(t, tr, 0, 20)
	if err := tr.Close(); err != nil {
		t.Fatal(err)
	}
	backup := trailtest.Copy(t, o)
	tr = trailtest.Open(t, o)
	s := start(t, Options{Trail: tr, NATSURL: l.url()})
	record(t, tr, 20, 1300)
	told(t, s, tr)
	js := connect(t, s.Broker())
	e, err := tr.Get(t.Context(), 100)
	if err != nil {
		t.Fatal(err)
	}
	forged := &nats.Msg{Subject: EventsPrefix + "other", Data: bytes.Replace(e.Bytes, []byte(`"n-`), []byte(`"m-`), 1), Header: nats.Header{PositionHeader: {"100"}}}
	forged.Header.Set(nats.MsgIdHdr, LeafID(forged.Data))
	if _, err := js.PublishMsg(t.Context(), forged); err != nil {
		t.Fatal(err)
	}
	s.Broker().Release(js)
	stop(t, s)

	b := openBroker(t, BrokerOptions{NATSURL: l.url()})
	r, err := trail.OpenRecovery(t.Context(), backup)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := r.Gather(t.Context(), Tail(b, "daybook.test/another"), nil); err == nil {
		t.Fatal("the stream of another trail was read")
	}
	if _, err := r.Gather(t.Context(), Tail(b, tr.Origin()), nil); err != nil {
		t.Fatal(err)
	}
	p, err := r.Plan(t.Context(), false)
	if err != nil || !p.Whole() || p.Reach != size(t, tr) || p.HeldBy != Holder {
		t.Fatalf("%+v, %v", p, err)
	}
	if err := r.Apply(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	back := trailtest.Open(t, backup)
	trailtest.Check(t, back)
	start(t, Options{Trail: back, NATSURL: l.url()})
	record(t, back, 2000, 1)
	if size(t, back) != size(t, tr)+1 {
		t.Fatalf("%d events", size(t, back))
	}
}
