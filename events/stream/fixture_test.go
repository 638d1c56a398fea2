package stream

import (
	"context"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/events/trail"
	"github.com/daybookhq/daybook/events/trail/trailtest"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// waitFor fails the test when the condition does not come true in time.
func waitFor(t testing.TB, what string, cond func() bool) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for !cond() {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain: %s", what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

func start(t testing.TB, o Options) *Service {
	t.Helper()
	o.Logger = quiet(t)
	s, err := Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, s) })
	return s
}

func stop(t testing.TB, s *Service) {
	t.Helper()
	if err := s.Close(context.Background()); err != nil {
		t.Error(err)
	}
}

// record appends n notes in batches of at most 100, from id first on.
func record(t testing.TB, tr *trail.Trail, first, n int) {
	t.Helper()
	for n > 0 {
		var evs []events.Event
		for range min(n, 100) {
			evs = append(evs, trailtest.Event(t, fmt.Sprintf("n-%d", first), "note.added"))
			first, n = first+1, n-1
		}
		trailtest.Append(t, tr, evs...)
	}
}

func size(t testing.TB, tr *trail.Trail) int64 {
	t.Helper()
	h, err := tr.Head(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return h.Size
}

// told waits until the stream's last message is the trail's newest event.
func told(t testing.TB, s *Service, tr *trail.Trail) {
	t.Helper()
	js := connect(t, s.Broker())
	defer s.Broker().Release(js)
	waitFor(t, "the newest event is told", func() bool {
		i := info(js)
		if i == nil || i.State.Msgs == 0 {
			return false
		}
		m, err := lastMsg(js, i.State.LastSeq)
		return err == nil && m.Header.Get(PositionHeader) == fmt.Sprint(size(t, tr)-1)
	})
}

func info(js jetstream.JetStream) *jetstream.StreamInfo {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	s, err := js.Stream(ctx, EventsStream)
	if err != nil {
		return nil
	}
	return s.CachedInfo()
}

func lastMsg(js jetstream.JetStream, seq uint64) (*jetstream.RawStreamMsg, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	s, err := js.Stream(ctx, EventsStream)
	if err != nil {
		return nil, err
	}
	return s.GetMsg(ctx, seq)
}

// positions reads the whole stream: each message must be the trail's bytes
// under its position, on the subject of its type. A cluster that is choosing a
// leader answers nobody for a moment; then it is read again from the start.
func positions(t testing.TB, b *Broker, tr *trail.Trail) (all []int64) {
	t.Helper()
	js := connect(t, b)
	defer b.Release(js)
	waitFor(t, "the whole stream can be read", func() bool {
		var err error
		if all, err = readPositions(t, js, tr); err != nil {
			t.Logf("reading the stream: %v", err)
		}
		return err == nil
	})
	return all
}

// readPositions fails the test on a wrong message; its error is the broker's.
func readPositions(t testing.TB, js jetstream.JetStream, tr *trail.Trail) ([]int64, error) {
	t.Helper()
	i := info(js)
	if i == nil {
		t.Fatal("there is no stream")
	}
	c, err := js.OrderedConsumer(t.Context(), EventsStream, jetstream.OrderedConsumerConfig{})
	if err != nil {
		return nil, err
	}
	var all []int64
	for uint64(len(all)) < i.State.Msgs {
		batch, err := c.Fetch(int(min(500, i.State.Msgs-uint64(len(all)))), jetstream.FetchMaxWait(5*time.Second))
		if err != nil {
			return nil, err
		}
		n := 0
		for m := range batch.Messages() {
			n++
			p, ok := parsePosition(m.Headers().Get(PositionHeader))
			if !ok {
				t.Fatalf("a message without position on %s", m.Subject())
			}
			e, err := tr.Get(t.Context(), p)
			if err != nil {
				t.Fatal(err)
			}
			if string(e.Bytes) != string(m.Data()) || m.Headers().Get(nats.MsgIdHdr) != LeafID(e.Bytes) {
				t.Fatalf("position %d: the message is not the recorded event", p)
			}
			if want := Subject(e.Type, inCatalogue); m.Subject() != want {
				t.Fatalf("position %d is told on %s, not %s", p, m.Subject(), want)
			}
			all = append(all, p)
		}
		if n == 0 && batch.Error() != nil {
			return nil, batch.Error()
		}
		if n == 0 {
			t.Fatalf("the stream holds %d messages and gives %d", i.State.Msgs, len(all))
		}
	}
	return all, nil
}

// complete fails unless the positions are 0, 1, 2 … n-1.
func complete(t testing.TB, got []int64, n int64) {
	t.Helper()
	for i, p := range got {
		if p != int64(i) {
			t.Fatalf("message %d is position %d; around it: %v", i, p, got[max(0, i-3):min(len(got), i+4)])
		}
	}
	if int64(len(got)) != n {
		t.Fatalf("the stream holds %d of %d events", len(got), n)
	}
}

// A listener is a nats-server on a port of 127.0.0.1, to be killed and restarted.
type listener struct {
	t   testing.TB
	o   server.Options
	srv *server.Server
}

func listen(t testing.TB) *listener {
	t.Helper()
	l := &listener{t: t, o: server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: t.TempDir(), NoSigs: true, NoLog: true,
		JetStreamMaxStore: 1 << 40,
	}}
	l.start()
	l.o.Port = l.srv.Addr().(*net.TCPAddr).Port
	t.Cleanup(l.stop)
	return l
}

func (l *listener) url() string { return fmt.Sprintf("nats://127.0.0.1:%d", l.o.Port) }

func (l *listener) start() {
	l.t.Helper()
	o := l.o
	srv, err := server.NewServer(&o)
	if err != nil {
		l.t.Fatal(err)
	}
	srv.Start()
	if !srv.ReadyForConnections(10 * time.Second) {
		l.t.Fatal("the server does not start")
	}
	l.srv = srv
}

func (l *listener) stop() {
	l.srv.Shutdown()
	l.srv.WaitForShutdown()
}

// A collector gathers positions from several goroutines.
type collector struct {
	mu  sync.Mutex
	got []int64
}

func (c *collector) add(p int64) { c.mu.Lock(); c.got = append(c.got, p); c.mu.Unlock() }

func (c *collector) all() []int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]int64(nil), c.got...)
}

func (c *collector) newest() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := int64(-1)
	for _, p := range c.got {
		n = max(n, p)
	}
	return n
}

// value reads a counter.
func value(t testing.TB, c prometheus.Counter) float64 {
	t.Helper()
	var m dto.Metric
	if err := c.Write(&m); err != nil {
		t.Fatal(err)
	}
	return m.GetCounter().GetValue()
}
