package stream

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// resume finds out where to go on. The stream's last message says it, if it is
// one of ours: the relay's saved position may be older, and a stream that lost
// its tail (it acknowledges before it syncs) is to be told that tail again.
//
// A stream without such a message was purged, or is new. It is told what was
// never told, and at the least the newest event, so that every consumer learns
// how far the trail reaches; what they missed they read from the trail.
func (r *Relay) resume(ctx context.Context) error {
	s, err := r.o.JetStream.Stream(ctx, EventsStream)
	if err != nil {
		return err
	}
	info := s.CachedInfo()
	if streamID(info) != r.streamID {
		return errReplaced
	}
	size, err := r.o.Source.Size(ctx)
	if err != nil {
		return fromTrail(err)
	}
	saved, known, err := r.o.Positions.Get(ctx, relayName(r.streamID))
	if err != nil {
		return fromTrail(err)
	}
	r.last = info.State.LastSeq
	r.saved = saved
	tail, found, err := r.tail(ctx, s, size)
	if err != nil {
		return err
	}
	switch {
	case found:
		r.advance(tail + 1)
	case known:
		r.advance(max(0, min(saved, size-1)))
	default:
		r.advance(max(0, size-r.o.History))
	}
	if found && known && tail+1 < saved {
		r.log.Warn("the stream lost its newest messages; telling them again", "from", tail+1, "told_before", saved)
	}
	return nil
}

// tail is the position of the stream's last message, if that is an event of
// this trail. Anybody who may publish can put something else there.
func (r *Relay) tail(ctx context.Context, s jetstream.Stream, size int64) (int64, bool, error) {
	if s.CachedInfo().State.Msgs == 0 {
		return 0, false, nil
	}
	m, err := s.GetMsg(ctx, r.last)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, fmt.Errorf("read the stream's last message: %w", err)
	}
	p, ok := parsePosition(m.Header.Get(PositionHeader))
	if !ok {
		return 0, false, nil
	}
	if p >= size {
		r.log.Error("the stream has been told of more than the trail holds: was the database restored from an old backup?",
			"stream_position", p, "trail_size", size)
		return 0, false, nil
	}
	at, err := r.o.Source.Read(ctx, p, p+1, 1)
	if err != nil {
		return 0, false, fromTrail(err)
	}
	if len(at) != 1 || leafOf(&at[0]) != m.Header.Get(nats.MsgIdHdr) {
		r.log.Warn("the stream's last message is none of this trail's", "sequence", r.last, "claims_position", p)
		return 0, false, nil
	}
	return p, true, nil
}
