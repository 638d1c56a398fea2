package stream

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/events/trail"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// How much is published before the stream is asked whether it has it all.
const (
	maxBatch      = 1000
	maxBatchBytes = 4 << 20
)

// fences are the answers of a stream that does not end where it should. The
// client has a name for the first two only.
var fences = []jetstream.ErrorCode{
	jetstream.JSErrCodeStreamWrongLastSequence,
	jetstream.JSErrCodeStreamWrongLastSequenceConstant,
	10070, // wrong last message id
}

var (
	// errFenced: the stream's last sequence is not the one expected. Another
	// relay published, something of the batch went missing, or a stranger
	// wrote to the stream.
	errFenced = errors.New("the stream has moved on, or missed something")
	// errRemembered: the stream says it has had the message already, though it
	// holds it no longer. That passes with its dedupe window.
	errRemembered = errors.New("the stream still remembers a message that was purged")
)

// publish tells the stream a batch, or as much of it as fits in one go, and
// returns the stream's new last sequence and how many events were told.
//
// The first message names the stream's last sequence and each other one the
// message before it, so they form a chain: the stream takes it link by link and
// nothing after a link that is missing, is repeated or had something slip in
// before it. Asking about the last therefore answers for all, and nothing waits
// for a thousand answers.
//
// A message that tells the newest event carries the head's checkpoint, so that
// the stream holds what a trail restored from an old backup can be held against.
func (r *Relay) publish(ctx context.Context, batch []events.Recorded, head trail.Head) (last uint64, n int, err error) {
	for size := 0; n < len(batch) && (n == 0 || size < maxBatchBytes); n++ {
		size += len(batch[n].Bytes)
	}
	nc := r.o.JetStream.Conn()
	var newest *nats.Msg
	for i := range batch[:n] {
		if newest != nil {
			if err := nc.PublishMsg(newest); err != nil {
				return 0, 0, fmt.Errorf("tell the stream: %w", err)
			}
		}
		newest = r.message(&batch[i], newest)
	}
	if head.Checkpoint != nil && batch[n-1].Position == head.Size-1 {
		newest.Header[CheckpointHeader] = []string{base64.StdEncoding.EncodeToString(head.Checkpoint)}
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	ack, err := r.o.JetStream.PublishMsg(ctx, newest, jetstream.WithRetryAttempts(0))
	var api *jetstream.APIError
	switch {
	case errors.As(err, &api) && slices.Contains(fences, api.ErrorCode):
		return 0, 0, fmt.Errorf("%w: %w", errFenced, err)
	case err != nil:
		return 0, 0, fmt.Errorf("tell the stream up to position %s: %w", newest.Header.Get(PositionHeader), err)
	case ack.Duplicate:
		return 0, 0, errRemembered
	case ack.Sequence != r.last+uint64(n):
		return 0, 0, fmt.Errorf("%w: sequence %d came out as %d", errFenced, r.last+uint64(n), ack.Sequence)
	}
	return ack.Sequence, n, nil
}

func (r *Relay) message(e *events.Recorded, before *nats.Msg) *nats.Msg {
	m := &nats.Msg{
		Subject: Subject(e.Type, r.o.InCatalogue),
		Data:    e.Served(),
		Header: nats.Header{
			nats.MsgIdHdr:  {leafOf(e)},
			PositionHeader: {strconv.FormatInt(e.Position, 10)},
			"Content-Type": {"application/cloudevents+json"},
		},
	}
	if e.Erased != nil {
		m.Subject = ErasedSubject
		m.Header[ErasedHeader] = []string{strconv.FormatInt(e.Erased.By, 10)}
		m.Header["Content-Type"] = []string{"application/json"}
	}
	if before == nil {
		m.Header[jetstream.ExpectedLastSeqHeader] = []string{strconv.FormatUint(r.last, 10)}
	} else {
		m.Header[jetstream.ExpectedLastMsgIDHeader] = before.Header[nats.MsgIdHdr]
	}
	return m
}
