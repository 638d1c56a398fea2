package ingest

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/daybookhq/daybook/events/client"
	"github.com/daybookhq/daybook/events/stream"
	"github.com/daybookhq/daybook/events/trail"
	"github.com/daybookhq/daybook/events/trail/trailtest"
)

func quiet() *slog.Logger {
	if os.Getenv("STREAM_TEST_LOG") != "" {
		return slog.New(slog.NewTextHandler(os.Stderr, nil))
	}
	return slog.New(slog.DiscardHandler)
}

// A desk is a door with everything around it.
type desk struct {
	t      *testing.T
	broker *stream.Broker
	js     jetstream.JetStream // a producer's
	trail  *trail.Trail
	door   *Door
	reg    *prometheus.Registry
}

func newDesk(t *testing.T, o trail.Options, l stream.Limits) *desk {
	t.Helper()
	d := &desk{t: t, trail: trailtest.Open(t, o)}
	var err error
	d.broker, err = stream.OpenBroker(t.Context(), stream.BrokerOptions{Dir: t.TempDir(), Limits: l, Logger: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.broker.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	if d.js, err = d.broker.JetStream("producer"); err != nil {
		t.Fatal(err)
	}
	return d
}

func (d *desk) start(ledger Ledger) {
	d.t.Helper()
	d.reg = prometheus.NewRegistry()
	door, err := Start(d.t.Context(), Options{Trail: ledger, Broker: d.broker, CloseWait: time.Second, ackWait: time.Second, sweepEvery: 250 * time.Millisecond, Logger: quiet(), Registerer: d.reg})
	if err != nil {
		d.t.Fatal(err)
	}
	d.door = door
	d.t.Cleanup(d.stop)
}

func (d *desk) stop() {
	if err := d.door.Close(context.Background()); err != nil {
		d.t.Error(err)
	}
}

// publish puts a message on daybook.ingest.<to>; header is name, value, ….
func (d *desk) publish(to, body string, header ...string) {
	d.t.Helper()
	if _, err := d.js.PublishMsg(context.Background(), posted(to, body, header...)); err != nil {
		d.t.Fatal(err)
	}
}

func posted(to, body string, header ...string) *nats.Msg {
	m := nats.NewMsg(stream.IngestPrefix + to)
	m.Data = []byte(body)
	for i := 0; i < len(header); i += 2 {
		m.Header[header[i]] = append(m.Header[header[i]], header[i+1])
	}
	return m
}

// ask publishes and returns the receipt.
func (d *desk) ask(to, body string, header ...string) client.Summary {
	d.t.Helper()
	inbox := d.js.Conn().NewInbox()
	sub, err := d.js.Conn().SubscribeSync(inbox)
	if err != nil {
		d.t.Fatal(err)
	}
	defer sub.Unsubscribe()
	d.publish(to, body, append(header, replyHeader, inbox)...)
	m, err := sub.NextMsg(20 * time.Second)
	if err != nil {
		d.t.Fatalf("no receipt: %v", err)
	}
	var s client.Summary
	if err := json.Unmarshal(m.Data, &s); err != nil {
		d.t.Fatalf("%s: %v", m.Data, err)
	}
	return s
}

// letters reads the dead letters.
func (d *desk) letters(n int) []*jetstream.RawStreamMsg {
	d.t.Helper()
	s, err := d.js.Stream(context.Background(), stream.DeadStream)
	if err != nil {
		d.t.Fatal(err)
	}
	var all []*jetstream.RawStreamMsg
	waitFor(d.t, fmt.Sprintf("%d dead letters", n), func() bool {
		i, err := s.Info(context.Background())
		return err == nil && i.State.Msgs >= uint64(n)
	})
	i, _ := s.Info(context.Background())
	for seq := i.State.FirstSeq; i.State.Msgs > 0 && seq <= i.State.LastSeq; seq++ {
		m, err := s.GetMsg(context.Background(), seq)
		if err != nil {
			d.t.Fatal(err)
		}
		all = append(all, m)
	}
	if len(all) != n {
		d.t.Fatalf("%d dead letters, not %d", len(all), n)
	}
	return all
}

func (d *desk) queued() uint64 {
	s, err := d.js.Stream(context.Background(), stream.IngestStream)
	if err != nil {
		return 1 << 60
	}
	return s.CachedInfo().State.Msgs
}

// drained waits until nothing is queued any more.
func (d *desk) drained() {
	d.t.Helper()
	defer func() {
		if d.t.Failed() {
			d.t.Log(d.queue())
		}
	}()
	waitFor(d.t, "the queue is empty", func() bool { return d.queued() == 0 })
}

// queue describes what is queued and how far the door has come with it.
func (d *desk) queue() string {
	s, err := d.js.Stream(context.Background(), stream.IngestStream)
	if err != nil {
		return err.Error()
	}
	c, err := s.Consumer(context.Background(), queueName)
	if err != nil {
		return err.Error()
	}
	queue, door := s.CachedInfo().State, c.CachedInfo()
	return fmt.Sprintf("queued %d (%d to %d); delivered %+v, acknowledged %+v, pending %d, unacknowledged %d, redelivered %d, waiting pulls %d",
		queue.Msgs, queue.FirstSeq, queue.LastSeq, door.Delivered, door.AckFloor, door.NumPending, door.NumAckPending, door.NumRedelivered, door.NumWaiting)
}

func (d *desk) size() int64 {
	h, err := d.trail.Head(context.Background())
	if err != nil {
		d.t.Fatal(err)
	}
	return h.Size
}

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

func note(id string) string {
	return fmt.Sprintf(`{"specversion":"1.0","id":%q,"source":"/ci","type":"dev.daybook.note.added.v1","time":"2026-03-14T16:42:00+05:30","incident":"INC-7","data":{"text":"n"}}`, id)
}
