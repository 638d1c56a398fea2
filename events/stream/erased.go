package stream

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/daybookhq/daybook/events"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// ErasedSubject is where the place of an event is told whose content was erased
// before the stream was told of it. The message says what is left.
const ErasedSubject = EventsPrefix + "erased"

// ErasedHeader is the position of the redaction, on a message that tells only
// the place of an event.
const ErasedHeader = "Daybook-Erased"

// leafOf is the message id of an event: its Merkle leaf hash in hex, which
// stays when its content is erased.
func leafOf(e *events.Recorded) string {
	if e.Erased != nil {
		return hex.EncodeToString(e.Erased.Leaf[:])
	}
	return LeafID(e.Bytes)
}

// Purge overwrites and deletes the messages that carry the events with those
// Merkle leaf hashes, in DAYBOOK_EVENTS and DAYBOOK_POISON, and returns how many
// there were. Without NATSURL it starts the embedded server in Dir for that, so
// nobody else may have it open; where there is no store, there is nothing.
func Purge(ctx context.Context, o BrokerOptions, leaves [][32]byte) (n int, err error) {
	if o.NATSURL == "" {
		if _, err := os.Stat(o.Dir); errors.Is(err, os.ErrNotExist) {
			return 0, nil
		}
	}
	b, err := OpenBroker(ctx, o)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, b.Close(context.WithoutCancel(ctx))) }()
	js, err := b.JetStream("daybook redact")
	if err != nil {
		return 0, err
	}
	defer b.Release(js)
	wanted := map[string]bool{}
	for _, leaf := range leaves {
		wanted[hex.EncodeToString(leaf[:])] = true
	}
	return purge(ctx, js, wanted)
}

// purge looks at the headers of all messages, since anybody may have published
// an event once more.
func purge(ctx context.Context, js jetstream.JetStream, leaves map[string]bool) (n int, err error) {
	for _, name := range []string{EventsStream, PoisonStream} {
		s, err := js.Stream(ctx, name)
		if errors.Is(err, jetstream.ErrStreamNotFound) {
			continue
		}
		if err != nil {
			return n, fmt.Errorf("look for the stream %s: %w", name, err)
		}
		found, err := messagesOf(ctx, s, leaves)
		if err != nil {
			return n, fmt.Errorf("look through the stream %s: %w", name, err)
		}
		for _, seq := range found {
			err := s.SecureDeleteMsg(ctx, seq)
			if err != nil && !errors.Is(err, jetstream.ErrMsgNotFound) {
				return n, fmt.Errorf("delete message %d of the stream %s: %w", seq, name, err)
			}
			n++
		}
	}
	return n, nil
}

// messagesOf lists the sequences of the messages that carry one of the events.
func messagesOf(ctx context.Context, s jetstream.Stream, leaves map[string]bool) (found []uint64, err error) {
	last := s.CachedInfo().State.LastSeq
	if s.CachedInfo().State.Msgs == 0 {
		return nil, nil
	}
	c, err := s.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{DeliverPolicy: jetstream.DeliverAllPolicy, HeadersOnly: true})
	if err != nil {
		return nil, err
	}
	for seq := uint64(0); seq < last; {
		batch, err := c.Fetch(1000, jetstream.FetchMaxWait(2*time.Second))
		if err != nil {
			return nil, err
		}
		got := 0
		for m := range batch.Messages() {
			meta, err := m.Metadata()
			if err != nil {
				return nil, err
			}
			got++
			seq = meta.Sequence.Stream
			h := m.Headers()
			if h.Get(PositionHeader) != "" && h.Get(ErasedHeader) == "" && (leaves[h.Get(nats.MsgIdHdr)] || leaves[h.Get(uuidHeader)]) {
				found = append(found, seq)
			}
		}
		if err := batch.Error(); err != nil && !errors.Is(err, nats.ErrTimeout) {
			return nil, err
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if got == 0 {
			return found, nil // the last ones were deleted
		}
	}
	return found, nil
}

// forget deletes what the stream holds of events whose redaction it is about to
// be told. A stream that does not let go of it keeps nobody waiting: the rest of
// the news matters too.
func (r *Relay) forget(ctx context.Context, batch []events.Recorded) error {
	leaves := map[string]bool{}
	for i := range batch {
		e := &batch[i]
		if e.Short() != "redaction.applied" || e.Source != "daybook:ledger" || e.Writer != "ledger" {
			continue
		}
		if d, _ := events.DataOf[events.RedactionApplied](&e.Event); d.LeafHash != "" {
			leaves[d.LeafHash] = true
		}
	}
	if len(leaves) == 0 {
		return nil
	}
	n, err := purge(ctx, r.o.JetStream, leaves)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		r.log.Error("the stream may still hold erased events; delete their messages by hand, or purge it", "events", len(leaves), "deleted", n, "error", err)
		return nil
	}
	r.log.Info("deleted erased events from the stream", "events", len(leaves), "messages", n)
	return nil
}
