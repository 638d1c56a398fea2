package stream

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/events/trail"
)

// Holder is what the stream is called where it shows what it was told.
const Holder = "the stream " + EventsStream

// lookBack is how many of the newest messages may be strangers'.
const lookBack = 32

var errAway = errors.New("the stream cannot be reached")

// Compare holds a trail against the newest checkpoint that the stream was told,
// as [trail.Trail.Compare] does, and against the events told after it. A stream that was purged, is not there yet or is another trail's proves
// nothing, and is no error.
func (s *Service) Compare(ctx context.Context, tr *trail.Trail) error {
	js, err := s.broker.JetStream("daybook compare")
	if err != nil {
		return err
	}
	defer s.broker.Release(js)
	return compare(ctx, js, tr)
}

func compare(ctx context.Context, js jetstream.JetStream, tr *trail.Trail) error {
	s, err := eventsOf(ctx, js, tr.Origin())
	if err != nil || s == nil {
		return err
	}
	state := s.CachedInfo().State
	var unsigned []events.Recorded // newest first
	for seq, n := state.LastSeq, 0; seq >= max(1, state.FirstSeq) && n < lookBack && state.Msgs > 0; seq, n = seq-1, n+1 {
		m, err := s.GetMsg(ctx, seq)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			continue
		}
		if err != nil {
			return fmt.Errorf("read the stream's newest message: %w", err)
		}
		e, ok := toldEvent(m.Header, m.Data)
		if !ok {
			continue
		}
		if note, ok := toldCheckpoint(m.Header); ok {
			err := tr.Compare(ctx, Holder, note, e.Position+1)
			if errors.Is(err, trail.ErrReadOnly) || errors.Is(err, trail.ErrUnavailable) {
				return err
			}
			if err == nil {
				return compareAfter(ctx, tr, e.Position, unsigned)
			} // else it is none of this log's
		}
		unsigned = append(unsigned, e)
	}
	if len(unsigned) == 0 {
		return nil
	}
	return tr.CompareEvent(ctx, Holder, unsigned[0].Bytes)
}

// compareAfter compares the last of the events that continue the one under the
// newest checkpoint: a relay that ended within a batch told them. What does not
// continue it is a stranger's.
func compareAfter(ctx context.Context, tr *trail.Trail, position int64, newest []events.Recorded) error {
	var last []byte
	for _, e := range slices.Backward(newest) {
		if e.Position == position+1 {
			position, last = e.Position, e.Bytes
		}
	}
	if last == nil {
		return nil
	}
	return tr.CompareEvent(ctx, Holder, last)
}

// eventsOf returns the stream of a trail's events, or nil where there is none.
func eventsOf(ctx context.Context, js jetstream.JetStream, origin string) (jetstream.Stream, error) {
	if !js.Conn().IsConnected() {
		return nil, errAway
	}
	s, err := js.Stream(ctx, EventsStream)
	switch {
	case errors.Is(err, jetstream.ErrStreamNotFound):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("%w: %w", errAway, err)
	case s.CachedInfo().Config.Metadata[originKey] != origin:
		return nil, nil // another trail's, or made by hand
	}
	return s, nil
}

// toldEvent reads a message of DAYBOOK_EVENTS. Anybody may publish there; what
// is an event as the relay tells them carries its position and hash within.
func toldEvent(h nats.Header, data []byte) (events.Recorded, bool) {
	p, ok := parsePosition(h.Get(PositionHeader))
	if !ok || h.Get(nats.MsgIdHdr) != LeafID(data) {
		return events.Recorded{}, false
	}
	e, err := events.ParseRecorded(data)
	return e, err == nil && e.Position == p
}

// toldCheckpoint reads the checkpoint that a message carries, if it does. It is
// not verified.
func toldCheckpoint(h nats.Header) ([]byte, bool) {
	note, err := base64.StdEncoding.DecodeString(h.Get(CheckpointHeader))
	return note, err == nil && len(note) > 0
}
