package ingest

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/daybookhq/daybook/events/stream"
	"github.com/daybookhq/daybook/events/trail/trailtest"
)

// BenchmarkDoor is the rate at which queued events become durable in a SQLite
// trail, from an embedded broker.
func BenchmarkDoor(b *testing.B) {
	tr := trailtest.Open(b, trailtest.SQLite(b))
	broker, err := stream.OpenBroker(b.Context(), stream.BrokerOptions{Dir: b.TempDir(), Logger: quiet()})
	if err != nil {
		b.Fatal(err)
	}
	defer broker.Close(context.Background())
	js, err := broker.JetStream("producer")
	if err != nil {
		b.Fatal(err)
	}
	for i := range b.N {
		if _, err := js.PublishMsgAsync(posted("ci", note(strconv.Itoa(i))), jetstream.WithStallWait(5*time.Second)); err != nil {
			b.Fatal(err)
		}
	}
	<-js.PublishAsyncComplete()
	b.ResetTimer()
	f := &failing{Ledger: tr}
	d, err := Start(b.Context(), Options{Trail: f, Broker: broker, Logger: quiet()})
	if err != nil {
		b.Fatal(err)
	}
	if err := tr.Wait(b.Context(), int64(b.N)+1); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(float64(b.N)/float64(f.calls.Load()), "events/append")
	if err := d.Close(context.Background()); err != nil {
		b.Fatal(err)
	}
}
