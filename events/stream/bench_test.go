package stream

import (
	"context"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/events/trail"
	"github.com/nats-io/nats.go/jetstream"
)

// A memory is a Source of n events of about 600 bytes, so that the benchmark
// measures the relay and not the database.
type memory struct {
	evs  []events.Recorded
	news chan struct{}
}

func newMemory(b *testing.B, n int) *memory {
	b.Helper()
	m := &memory{news: make(chan struct{})}
	for i := range n {
		e, err := events.Event{
			ID: strconv.Itoa(i), Source: "/bench", Type: "dev.daybook.note.added.v1", Time: time.Unix(int64(i), 0).UTC(),
			Data: []byte(`{"text":"` + strings.Repeat("x", 330) + `"}`),
		}.Checked()
		if err != nil {
			b.Fatal(err)
		}
		m.evs = append(m.evs, events.Recorded{Event: e, Position: int64(i), Bytes: e.Record(nil, int64(i), e.Time, "bench", [16]byte{})})
	}
	return m
}

func (m *memory) Size(context.Context) (int64, error) { return int64(len(m.evs)), nil }
func (m *memory) Committed() <-chan struct{}          { return m.news }
func (m *memory) Read(_ context.Context, from, to int64, limit int) ([]events.Recorded, error) {
	return m.evs[from:min(to, from+int64(limit))], nil
}

// BenchmarkRelay is the rate at which events are told to an embedded server;
// BenchmarkPublishAsync beside it is JetStream's own, of the same bytes.
func BenchmarkRelay(b *testing.B) {
	m := newMemory(b, b.N)
	broker := openBroker(b, BrokerOptions{})
	js := connect(b, broker)
	r := NewRelay(RelayOptions{Source: m, JetStream: js, InCatalogue: inCatalogue, Logger: quiet(b)})
	b.SetBytes(int64(len(m.evs[0].Bytes)))
	b.ResetTimer()
	for r.next < int64(b.N) {
		batch, _ := m.Read(b.Context(), r.next, int64(b.N), maxBatch)
		last, n, err := r.publish(b.Context(), batch, trail.Head{})
		if err != nil {
			b.Fatal(err)
		}
		r.last, r.next = last, r.next+int64(n)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

func BenchmarkPublishAsync(b *testing.B) {
	m := newMemory(b, b.N)
	js := connect(b, openBroker(b, BrokerOptions{}))
	js, err := jetstream.New(js.Conn(), jetstream.WithPublishAsyncMaxPending(256))
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(m.evs[0].Bytes)))
	b.ResetTimer()
	for i := range m.evs {
		if _, err := js.PublishAsync("daybook.events.note.added", m.evs[i].Bytes, jetstream.WithMsgID(LeafID(m.evs[i].Bytes)), jetstream.WithStallWait(5*time.Second)); err != nil {
			b.Fatal(err)
		}
	}
	<-js.PublishAsyncComplete()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}
