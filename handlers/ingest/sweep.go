package ingest

import (
	"context"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/daybookhq/daybook/events/stream"
)

// sweepEvery is how often leftovers are looked for.
const sweepEvery = time.Minute

// sweepNowAndThen removes leftovers until the door closes.
func (d *Door) sweepNowAndThen(every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-d.closing:
			return
		case <-tick.C:
		}
		ctx, cancel := context.WithTimeout(d.work, 5*time.Second)
		if err := d.sweep(ctx); err != nil && ctx.Err() == nil {
			d.log.Debug("leftovers on the broker were not looked for", "error", err)
		}
		cancel()
	}
}

// sweep removes messages that are acknowledged and still queued. A server that
// stops between noting an acknowledgement and removing its message leaves such
// a one for ever: it is delivered to nobody, and takes room. All up to the
// consumer's acknowledgement floor are settled, and no other consumer reads
// this queue.
func (d *Door) sweep(ctx context.Context) error {
	consumer, err := d.js.Consumer(ctx, stream.IngestStream, queueName)
	if err != nil {
		return err
	}
	settled := consumer.CachedInfo().AckFloor.Stream
	// Asked second: what is settled meanwhile is no leftover.
	queue, err := d.js.Stream(ctx, stream.IngestStream)
	if err != nil {
		return err
	}
	state := queue.CachedInfo().State
	if state.Msgs == 0 || state.FirstSeq > settled {
		return nil
	}
	if err := queue.Purge(ctx, jetstream.WithPurgeSequence(settled+1)); err != nil {
		return err
	}
	d.log.Info("removed messages from the broker that had been settled before it was restarted", "up_to", settled)
	return nil
}
