package stream

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/daybookhq/daybook/events/trail"
)

// Tail is what the stream was told of a trail, to recover it from: the recorded
// events that it still holds, and the checkpoints that came with them.
func Tail(b *Broker, origin string) trail.Tail { return tail{b, origin} }

type tail struct {
	broker *Broker
	origin string
}

func (t tail) Name() string { return Holder }

func (t tail) Recorded(ctx context.Context, from int64, event, checkpoint func([]byte) error) error {
	js, err := t.broker.JetStream("daybook recover")
	if err != nil {
		return err
	}
	defer t.broker.Release(js)
	s, err := eventsOf(ctx, js, t.origin)
	if err != nil {
		return err
	}
	if s == nil {
		return fmt.Errorf("there is no stream %s of the trail %q", EventsStream, t.origin)
	}
	state := s.CachedInfo().State
	if state.Msgs == 0 {
		return nil
	}
	c, err := js.OrderedConsumer(ctx, EventsStream, jetstream.OrderedConsumerConfig{OptStartSeq: state.FirstSeq, DeliverPolicy: jetstream.DeliverByStartSequencePolicy})
	if err != nil {
		return fmt.Errorf("read the stream: %w", err)
	}
	for quiet := 0; quiet < maxQuiet && ctx.Err() == nil; quiet++ {
		batch, err := c.Fetch(500, jetstream.FetchMaxWait(2*time.Second))
		if err != nil {
			return fmt.Errorf("read the stream: %w", err)
		}
		for m := range batch.Messages() {
			quiet = 0
			meta, err := m.Metadata()
			if err != nil {
				return fmt.Errorf("read the stream: %w", err)
			}
			if err := handOver(m, from, event, checkpoint); err != nil {
				return err
			}
			if meta.NumPending == 0 {
				return nil
			}
		}
	}
	return cmp.Or(ctx.Err(), errors.New("read the stream: it gave nothing for a while, though it holds more"))
}

// maxQuiet is how many fetches in a row may bring nothing.
const maxQuiet = 5

func handOver(m jetstream.Msg, from int64, event, checkpoint func([]byte) error) error {
	e, ok := toldEvent(m.Headers(), m.Data())
	if !ok || e.Position < from {
		return nil
	}
	if err := event(m.Data()); err != nil {
		return err
	}
	if note, ok := toldCheckpoint(m.Headers()); ok {
		return checkpoint(note)
	}
	return nil
}
