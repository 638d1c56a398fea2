package stream

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Headers of the messages on daybook.events.>.
const (
	PositionHeader   = "Daybook-Position"   // the event's place in the trail, decimal
	CheckpointHeader = "Daybook-Checkpoint" // on the last event that there was: the signed checkpoint of all up to it, in base64
	uuidHeader       = "Daybook-Message-Uuid"
)

// Metadata of a received watermill message, besides one entry for each header.
const (
	SubjectKey   = "nats_subject"   // where it was published
	SequenceKey  = "nats_sequence"  // its place in the stream, decimal
	DeliveredKey = "nats_delivered" // how often it has been delivered, 1 at first
)

// LeafID is the Merkle leaf hash of recorded bytes in hex: the message id.
func LeafID(recorded []byte) string {
	h := sha256.New()
	h.Write([]byte{0})
	h.Write(recorded)
	return hex.EncodeToString(h.Sum(nil))
}

// Position reads the position that a message on daybook.events.> carries.
func Position(m *message.Message) (int64, bool) { return parsePosition(m.Metadata.Get(PositionHeader)) }

func parsePosition(s string) (int64, bool) {
	p, err := strconv.ParseInt(s, 10, 64)
	return p, err == nil && p >= 0
}

// Original is the JetStream message that a received watermill message was made
// from, with its headers exactly as they came. Acknowledge the watermill one.
func Original(m *message.Message) (jetstream.Msg, bool) {
	o, ok := m.Context().Value(originalKey{}).(jetstream.Msg)
	return o, ok
}

type originalKey struct{}

// received turns a JetStream message into a watermill one. A header that is
// repeated becomes one entry, its values joined with a comma as HTTP does.
func received(m jetstream.Msg) *message.Message {
	h := m.Headers()
	id := h.Get(uuidHeader)
	if id == "" {
		id = h.Get(nats.MsgIdHdr)
	}
	w := message.NewMessage(id, m.Data())
	for k, v := range h {
		if k != uuidHeader {
			w.Metadata[k] = strings.Join(v, ", ")
		}
	}
	w.Metadata[SubjectKey] = m.Subject()
	if meta, err := m.Metadata(); err == nil {
		w.Metadata[SequenceKey] = strconv.FormatUint(meta.Sequence.Stream, 10)
		w.Metadata[DeliveredKey] = strconv.FormatUint(meta.NumDelivered, 10)
		if w.UUID == "" {
			w.UUID = meta.Stream + "/" + w.Metadata[SequenceKey]
		}
	}
	return w
}

// sent turns a watermill message into a NATS one. Headers through which a
// client commands the server (Nats-Rollup, Nats-Expected-…) are left behind:
// they were meant for the stream the message came from.
func sent(subject string, w *message.Message) *nats.Msg {
	m := nats.NewMsg(subject)
	m.Data = w.Payload
	if w.UUID != "" {
		m.Header.Set(uuidHeader, w.UUID)
	}
	for k, v := range w.Metadata {
		if k != "" && !strings.HasPrefix(strings.ToLower(k), "nats-") {
			m.Header[k] = []string{v}
		}
	}
	return m
}
