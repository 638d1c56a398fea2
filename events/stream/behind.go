package stream

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/daybookhq/daybook/events"
)

// A BehindError says that the stream was told what the trail does not hold:
// the database was restored from an old backup, and must take nothing that
// would stand where lost events stood.
type BehindError struct {
	Position int64 // of an event that the stream was told
	Size     int64 // of the trail
	Other    bool  // the trail holds another event at that position
}

func (e *BehindError) Error() string {
	found := fmt.Sprintf("the stream %s was told %d events and the trail holds %d", EventsStream, e.Position+1, e.Size)
	if e.Other {
		found += fmt.Sprintf(", with another event at position %d", e.Position)
	}
	return found + ": the database seems to be restored from an old backup; restore a newer one, or, if what the stream was told is to be given up, purge that stream"
}

// lookBack is how many of the newest messages may be strangers'.
const lookBack = 32

// checkBehind compares the newest event that the stream was told with the
// trail. A stream that is away, purged, or not there yet proves nothing.
func checkBehind(ctx context.Context, js jetstream.JetStream, source Source, origin string) error {
	if !js.Conn().IsConnected() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	s, err := js.Stream(ctx, EventsStream)
	if err != nil {
		return nil
	}
	if theirs := s.CachedInfo().Config.Metadata[originKey]; theirs != origin {
		return nil // another trail's, or made by hand
	}
	state := s.CachedInfo().State
	for seq, n := state.LastSeq, 0; seq >= max(1, state.FirstSeq) && n < lookBack && state.Msgs > 0; seq, n = seq-1, n+1 {
		m, err := s.GetMsg(ctx, seq)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			continue
		}
		if err != nil {
			return nil
		}
		// Anybody may publish there; what is an event as the relay tells them
		// carries its position and hash within.
		e, err := events.ParseRecorded(m.Data)
		p, ok := parsePosition(m.Header.Get(PositionHeader))
		if err != nil || !ok || e.Position != p || m.Header.Get(nats.MsgIdHdr) != LeafID(m.Data) {
			continue
		}
		size, err := source.Size(ctx) // after the message: what was told is committed
		if err != nil {
			return err
		}
		if p >= size {
			return &BehindError{Position: p, Size: size}
		}
		at, err := source.Read(ctx, p, p+1, 1)
		if err != nil {
			return err
		}
		if len(at) == 1 && LeafID(at[0].Bytes) != LeafID(m.Data) {
			return &BehindError{Position: p, Size: size, Other: true}
		}
		return nil
	}
	return nil
}
