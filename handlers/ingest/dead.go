package ingest

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/events/client"
	"github.com/daybookhq/daybook/events/stream"
	"github.com/daybookhq/daybook/handlers/access"
)

// Headers of dead letters, and the one that asks for a receipt.
const (
	replyHeader    = "Daybook-Reply"
	outcomeHeader  = "Daybook-Outcome"
	reasonHeader   = "Daybook-Reason"
	fieldHeader    = "Daybook-Field"
	subjectHeader  = "Daybook-Subject"
	sequenceHeader = "Daybook-Sequence"
	timeHeader     = "Daybook-Time"
	indexHeader    = "Daybook-Index"
	headerPrefix   = "Daybook-Header-"
)

// deadSubject is where a refused message goes.
func deadSubject(subject string) string {
	return stream.DeadPrefix + "ingest." + strings.TrimPrefix(subject, stream.IngestPrefix)
}

// bury puts an item of a letter where the dead letters are. It is there, on
// disk as far as the broker promises that, when the error is nil.
func (d *Door) bury(ctx context.Context, l *letter, index int) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if _, err := d.js.PublishMsg(ctx, l.dead(index)); err != nil {
		return fmt.Errorf("keep what was refused on %s: %w", deadSubject(l.original.Subject()), err)
	}
	d.m.dead.Inc()
	return nil
}

// dead makes the dead letter of an item.
func (l *letter) dead(index int) *nats.Msg {
	it := &l.items[index]
	m := nats.NewMsg(deadSubject(l.original.Subject()))
	m.Data = it.raw
	// The originals stand under names of their own: some would command the
	// broker (Nats-Rollup, Nats-Expected-…).
	for name, values := range l.original.Headers() {
		m.Header[headerPrefix+name] = values
	}
	outcome, field, reason := explain(it.refusal)
	m.Header[outcomeHeader] = []string{outcome}
	m.Header[reasonHeader] = []string{reason}
	if field != "" {
		m.Header[fieldHeader] = []string{field}
	}
	m.Header[subjectHeader] = []string{l.original.Subject()}
	sequence := ""
	if meta, err := l.original.Metadata(); err == nil {
		sequence = strconv.FormatUint(meta.Sequence.Stream, 10)
		m.Header[sequenceHeader] = []string{sequence}
		m.Header[timeHeader] = []string{meta.Timestamp.UTC().Format(time.RFC3339Nano)}
	}
	if l.batch {
		m.Header[indexHeader] = []string{strconv.Itoa(index)}
	}
	// The same message delivered again is the same dead letter. Its content is
	// in the id since sequences begin anew in a stream that was replaced.
	m.Header[nats.MsgIdHdr] = []string{fmt.Sprintf("%s/%d/%x", sequence, index, sha256.Sum256(it.raw))}
	return m
}

// A conflictError says that source and id are taken.
type conflictError struct {
	source, id string
	kept       int64
}

func (e *conflictError) Error() string {
	return fmt.Sprintf("source %q and id %q were recorded at position %d with another content, which is kept; give a new event a new id, or correct the old one with event.corrected", e.source, e.id, e.kept)
}

// explain says what became of a refused item in the words of package client.
func explain(err error) (outcome, field, reason string) {
	var (
		refusal  *events.Refusal
		denied   *access.Denied
		conflict *conflictError
	)
	switch {
	case errors.As(err, &conflict):
		return client.Conflict, "id", conflict.Error()
	case errors.As(err, &denied):
		return client.Denied, denied.Field, denied.Reason
	case errors.As(err, &refusal):
		return client.Refused, refusal.Field, refusal.Reason
	}
	return client.Refused, "", err.Error()
}
