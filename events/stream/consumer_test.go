package stream

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/events/trail/trailtest"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
)

func collect(c *collector) func(context.Context, events.Recorded) error {
	return func(_ context.Context, e events.Recorded) error { c.add(e.Position); return nil }
}

func distinct(p []int64) []int64 { slices.Sort(p); return slices.Compact(p) }

func TestAConsumerGetsEachEventInOrder(t *testing.T) {
	t.Parallel()
	o := trailtest.SQLite(t)
	tr := trailtest.Open(t, o)
	record(t, tr, 0, 10)
	var all, later, notes collector
	consumers := []Consumer{
		{Name: "all", Oldest: true, Handle: collect(&all)},
		{Name: "later", Handle: collect(&later)},
		{Name: "notes", Oldest: true, Subjects: []string{"daybook.events.note.*", "daybook.events.policy.gone"}, Handle: collect(&notes)},
	}
	before := size(t, tr)
	for range 2 {
		s := start(t, Options{Trail: tr, DataDir: o.DataDir, Consumers: consumers})
		record(t, tr, int(size(t, tr)), 300)
		last := size(t, tr) - 1
		waitFor(t, "all is handled", func() bool {
			return all.newest() == last && later.newest() == last && notes.newest() == last
		})
		stop(t, s)
	}
	complete(t, all.all(), size(t, tr))
	if got := later.all(); got[0] != before || int64(len(got)) != size(t, tr)-before {
		t.Errorf("a new consumer began at %d, not at %d, and got %d", got[0], before, len(got))
	}
	if got := notes.all(); got[0] != 1 || int64(len(got)) != size(t, tr)-1 {
		t.Errorf("position 0 is no note; got %d from %d on", len(got), got[0])
	}
}

func TestAConsumerReadsWhatAPurgeTook(t *testing.T) {
	t.Parallel()
	o := trailtest.SQLite(t)
	tr := trailtest.Open(t, o)
	var got collector
	var broken atomic.Bool
	broken.Store(true)
	s := start(t, Options{Trail: tr, DataDir: o.DataDir, Consumers: []Consumer{{
		Name: "work", Oldest: true,
		Handle: func(ctx context.Context, e events.Recorded) error {
			if broken.Load() {
				return errors.New("the other side is down")
			}
			return collect(&got)(ctx, e)
		},
	}}})
	record(t, tr, 0, 50)
	told(t, s, tr)
	js := connect(t, s.Broker())
	st, err := js.Stream(t.Context(), EventsStream)
	if err != nil {
		t.Fatal(err)
	}
	if err := st.Purge(t.Context()); err != nil {
		t.Fatal(err)
	}
	broken.Store(false)
	waitFor(t, "everything is handled after all", func() bool { return got.newest() == size(t, tr)-1 })
	complete(t, distinct(got.all()), size(t, tr))
}

func TestPoisonIsPutAsideAndTheRestGoesOn(t *testing.T) {
	o := trailtest.SQLite(t)
	tr := trailtest.Open(t, o)
	reg := prometheus.NewRegistry()
	var got collector
	var panicked atomic.Bool
	s := start(t, Options{Trail: tr, DataDir: o.DataDir, Registerer: reg, Consumers: []Consumer{{
		Name: "work", Oldest: true,
		Handle: func(ctx context.Context, e events.Recorded) error {
			switch {
			case e.Position == 3 || e.Position == 4:
				return Permanent(errors.New("cannot be done"))
			case e.Position == 6 && panicked.CompareAndSwap(false, true):
				panic("a fault in the handler")
			}
			return collect(&got)(ctx, e)
		},
	}}})
	record(t, tr, 0, 9)
	js := connect(t, s.Broker())
	// A message that names no position can be made by anyone who may publish.
	if _, err := js.Publish(t.Context(), "daybook.events.note.added", []byte("{}")); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the rest is handled", func() bool { return got.newest() == size(t, tr)-1 })
	if g := distinct(got.all()); !slices.Equal(g, []int64{0, 1, 2, 5, 6, 7, 8, 9}) {
		t.Errorf("handled %v", g)
	}
	poison, err := js.Stream(t.Context(), PoisonStream)
	if err != nil {
		t.Fatal(err)
	}
	waitFor(t, "three messages are put aside", func() bool {
		i, err := poison.Info(t.Context())
		return err == nil && i.State.Msgs == 3
	})
	found := 0
	for seq := uint64(1); seq <= 3; seq++ {
		m, err := poison.GetMsg(t.Context(), seq)
		if err != nil {
			t.Fatal(err)
		}
		if m.Header.Get(PositionHeader) == "3" && m.Header.Get("Daybook-Reason") == "cannot be done" && m.Subject == "daybook.poison.work" {
			found++
			if e, _ := tr.Get(t.Context(), 3); string(e.Bytes) != string(m.Data) {
				t.Errorf("put aside: %s", m.Data)
			}
		}
	}
	if found != 1 {
		t.Errorf("position 3 was put aside %d times", found)
	}
	if n := counted(t, reg, "daybook_stream_poisoned_total"); n != 3 {
		t.Errorf("%v are counted", n)
	}
}

func TestStoppingPoisonsNothingAndLosesNothing(t *testing.T) {
	t.Parallel()
	o := trailtest.SQLite(t)
	tr := trailtest.Open(t, o)
	record(t, tr, 0, 200)
	var got, stuck collector
	for round := 0; got.newest() < size(t, tr)-1; round++ {
		if round > 100 {
			t.Fatal("it never gets through")
		}
		begun := make(chan struct{}, 1000)
		s := start(t, Options{Trail: tr, DataDir: o.DataDir, CloseWait: 50 * time.Millisecond, ackWait: 500 * time.Millisecond, Consumers: []Consumer{{
			Name: "slow", Oldest: true,
			Handle: func(ctx context.Context, e events.Recorded) error {
				begun <- struct{}{}
				if e.Position%30 == 29 && !slices.Contains(stuck.all(), e.Position) {
					stuck.add(e.Position)
					<-ctx.Done() // in the middle of something when the time is up
					return Permanent(ctx.Err())
				}
				return collect(&got)(ctx, e)
			},
		}}})
		<-begun
		if round%2 == 0 {
			waitFor(t, "it is stuck, or done", func() bool { return len(stuck.all()) > round/2 || got.newest() == size(t, tr)-1 })
		}
		stop(t, s)
	}
	complete(t, distinct(got.all()), size(t, tr))
	b := openBroker(t, BrokerOptions{Dir: EmbeddedDir(o.DataDir)})
	st, err := connect(t, b).Stream(t.Context(), PoisonStream)
	if err != nil {
		t.Fatal(err)
	}
	if n := st.CachedInfo().State.Msgs; n != 0 {
		t.Errorf("%d messages were called poisoned", n)
	}
}

func TestAMessageInHandWhenAProcessDiesComesAgain(t *testing.T) {
	b := openBroker(t, BrokerOptions{})
	js := connect(t, b)
	options := func(js jetstream.JetStream) SubscriberOptions {
		return SubscriberOptions{JetStream: js, Logger: quiet(t), CloseWait: 10 * time.Millisecond,
			Consumer: func(string) (string, jetstream.ConsumerConfig) {
				return EventsStream, jetstream.ConsumerConfig{Durable: "one", AckPolicy: jetstream.AckExplicitPolicy, AckWait: 300 * time.Millisecond, MaxAckPending: 1}
			}}
	}
	if _, err := js.Publish(t.Context(), "daybook.events.note.added", []byte("x")); err != nil {
		t.Fatal(err)
	}
	dying := connect(t, b)
	first := NewSubscriber(options(dying))
	messages, err := first.Subscribe(t.Context(), "daybook.events.>")
	if err != nil {
		t.Fatal(err)
	}
	if m := <-messages; m.Metadata.Get(DeliveredKey) != "1" {
		t.Fatal("not the first delivery")
	}
	dying.Conn().Close() // as if killed: no answer, no more signs of life
	second := NewSubscriber(options(connect(t, b)))
	again, err := second.Subscribe(t.Context(), "daybook.events.>")
	if err != nil {
		t.Fatal(err)
	}
	m := <-again
	if m.Metadata.Get(DeliveredKey) == "1" || string(m.Payload) != "x" {
		t.Errorf("delivered again as %v %s", m.Metadata, m.Payload)
	}
	m.Ack()
	_ = first.Close()
	if err := second.Close(); err != nil {
		t.Error(err)
	}
}

func TestAMessageThatTakesLongIsNotDeliveredTwice(t *testing.T) {
	t.Parallel()
	b := openBroker(t, BrokerOptions{})
	js := connect(t, b)
	sub := NewSubscriber(SubscriberOptions{JetStream: js, Logger: quiet(t),
		Consumer: func(string) (string, jetstream.ConsumerConfig) {
			return EventsStream, jetstream.ConsumerConfig{Durable: "one", AckPolicy: jetstream.AckExplicitPolicy, AckWait: 3 * time.Second, MaxAckPending: 10}
		}})
	messages, err := sub.Subscribe(t.Context(), "daybook.events.>")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js.Publish(t.Context(), "daybook.events.note.added", []byte("x")); err != nil {
		t.Fatal(err)
	}
	m := <-messages
	select {
	case <-messages:
		t.Error("it came again while it was being handled")
	case <-time.After(7 * time.Second):
	}
	m.Ack()
	if err := sub.Close(); err != nil {
		t.Error(err)
	}
}

func TestSubjects(t *testing.T) {
	for _, c := range []struct {
		subject, filter string
		want            bool
	}{
		{"daybook.events.flag.flipped", "daybook.events.>", true},
		{"daybook.events.flag.flipped", "daybook.events.flag.*", true},
		{"daybook.events.flag.flipped", "daybook.events.*", false},
		{"daybook.events.flag.flipped", "daybook.events.flag.flipped.>", false},
		{"daybook.events.flag.flipped", "daybook.events.flag.flipped", true},
		{"daybook.events.other", "daybook.events.*.flipped", false},
	} {
		if got := matches(c.subject, c.filter); got != c.want {
			t.Errorf("%s fits %s: %v", c.subject, c.filter, got)
		}
	}
	for typ, want := range map[string]string{
		"dev.daybook.emergency.declared.v1": "daybook.events.emergency.declared",
		"dev.daybook.bypass.declared.v1":    "daybook.events.bypass.declared",
		"dev.daybook.escape_hatch.used.v1":  "daybook.events.escape_hatch.used",
		"com.example.>.*":                   OtherSubject,
		"dev.daybook.no.such.v1":            OtherSubject,
		"emergency declared":                OtherSubject,
	} {
		if got := Subject(typ, inCatalogue); got != want {
			t.Errorf("%s is told on %s, not on %s", typ, got, want)
		}
	}
}

// counted adds up a counter over its labels.
func counted(t *testing.T, reg *prometheus.Registry, name string) (sum float64) {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			for _, m := range f.GetMetric() {
				sum += m.GetCounter().GetValue()
			}
		}
	}
	return sum
}
