package ingest

import (
	"bytes"
	"mime"
	"net/http"
	"strings"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/events/client"
	"github.com/daybookhq/daybook/events/stream"
	"github.com/daybookhq/daybook/handlers/access"
	"github.com/daybookhq/daybook/handlers/cloudevent"
)

// A letter is a message on its way in.
type letter struct {
	message   *message.Message
	original  jetstream.Msg
	principal access.Principal
	batch     bool // it was an array
	items     []item
}

// An item is one event of a letter, or what should have been one.
type item struct {
	raw      []byte // as it came
	event    events.Event
	refusal  error // why it is not recorded, or nil
	position int64 // of what the trail holds under its source and id
	leaf     client.Hash
	outcome  string // as in package client; empty until it is settled
}

// open reads a message. What is wrong with it is in its items.
func open(m *message.Message, principal func(subject string) (access.Principal, error)) *letter {
	l := &letter{message: m}
	l.original, _ = stream.Original(m)
	var err error
	if l.principal, err = principal(l.original.Subject()); err != nil {
		l.items = []item{{raw: m.Payload, refusal: err}}
		return l
	}
	l.read(canonical(l.original), m.Payload)
	for i := range l.items {
		if it := &l.items[i]; it.refusal == nil {
			it.refusal = l.principal.MayRecord(&it.event)
		}
	}
	return l
}

// read finds out in which form the events came.
func (l *letter) read(h http.Header, body []byte) {
	one := func(e events.Event, err error) { l.items = []item{{raw: body, event: e, refusal: err}} }
	contentType := h.Get("Content-Type")
	media, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		media = strings.ToLower(strings.TrimSpace(contentType))
	}
	binary := h.Get("Ce-Specversion") != "" || h.Get("Ce-Id") != ""
	switch {
	case media == client.TypeBatch, media != client.TypeEvent && !binary && bytes.HasPrefix(bytes.TrimLeft(body, " \t\r\n"), []byte("[")):
		l.batch = true
		for raw, err := range cloudevent.Batch(body) {
			if err != nil {
				one(events.Event{}, err)
				return
			}
			it := item{raw: raw}
			it.event, it.refusal = events.Parse(raw)
			l.items = append(l.items, it)
		}
	case media == client.TypeEvent:
		one(events.Parse(body))
	case strings.HasPrefix(media, "application/cloudevents"):
		one(events.Event{}, &events.Refusal{Field: "Content-Type", Reason: "only the JSON forms " + client.TypeEvent + " and " + client.TypeBatch + " are taken"})
	case binary:
		one(cloudevent.Binary(h, body))
	default:
		one(events.Parse(body))
	}
}

// canonical is the message's headers as HTTP writes their names; on NATS
// producers write them as they like.
func canonical(m jetstream.Msg) http.Header {
	h := http.Header{}
	for name, values := range m.Headers() {
		key := http.CanonicalHeaderKey(name)
		if len(key) > 3 && strings.EqualFold(key[:3], "ce-") {
			key = "Ce-" + key[3:] // also where the rest is no header name and stays as it was
		}
		h[key] = append(h[key], values...)
	}
	return h
}
