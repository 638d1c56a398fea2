package handlers

import (
	"bytes"
	"fmt"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/events/client"
	"github.com/daybookhq/daybook/events/trail"
	"github.com/daybookhq/daybook/handlers/cloudevent"
)

// postEvents records events. Content-Type says in which of four forms they come:
// one event (structured, or binary with ce-* headers), a batch, or one a line.
func (a *api) postEvents(w http.ResponseWriter, r *http.Request) error {
	header := r.Header.Get("Content-Type")
	media := header
	if strings.IndexByte(header, ';') >= 0 || header != client.TypeEvent {
		var err error
		if media, _, err = mime.ParseMediaType(header); err != nil && r.Header.Get("Ce-Specversion") == "" {
			media = ""
		}
	}
	switch {
	case media == client.TypeEvent:
		return a.postStructured(w, r)
	case media == client.TypeBatch:
		return a.postBatch(w, r)
	case media == client.TypeLines || media == "application/jsonl" || media == "application/ndjson":
		return a.postLines(w, r)
	case strings.HasPrefix(media, "application/cloudevents"):
		return &fault{status: http.StatusUnsupportedMediaType, field: "Content-Type", detail: fmt.Sprintf("%s is not taken; the JSON forms are %s and %s", media, client.TypeEvent, client.TypeBatch)}
	case r.Header.Get("Ce-Specversion") != "" || r.Header.Get("Ce-Id") != "":
		return a.postBinary(w, r)
	}
	return &fault{status: http.StatusUnsupportedMediaType, field: "Content-Type",
		detail: "say in which form the events come: " + strings.Join([]string{client.TypeEvent, client.TypeBatch, client.TypeLines}, ", ") + ", or ce-* headers"}
}

func (a *api) postStructured(w http.ResponseWriter, r *http.Request) error {
	buf, err := a.whole(w, r, a.MaxEventBytes)
	if err != nil {
		return err
	}
	defer giveBack(buf)
	e, err := events.Parse(buf.Bytes())
	if err != nil {
		a.metrics.refused.Inc()
		return err
	}
	return a.recordOne(w, r, e)
}

func (a *api) postBinary(w http.ResponseWriter, r *http.Request) error {
	buf, err := a.whole(w, r, a.MaxEventBytes)
	if err != nil {
		return err
	}
	defer giveBack(buf)
	e, err := cloudevent.Binary(r.Header, buf.Bytes())
	if err != nil {
		return err
	}
	return a.recordOne(w, r, e)
}

// recordOne answers 201 for what is recorded now, 200 for what had been, and
// 409 for what stands in the trail with another content.
func (a *api) recordOne(w http.ResponseWriter, r *http.Request, e events.Event) error {
	p := principalOf(r)
	if err := p.MayRecord(&e); err != nil {
		a.metrics.refused.Inc()
		return err
	}
	receipts, err := a.Trail.Append(r.Context(), p.Name, e)
	if err != nil {
		return err
	}
	rc := receipts[0]
	a.metrics.count(rc)
	if rc.Conflict {
		return conflict(&e, rc.Position)
	}
	status := http.StatusCreated
	if rc.Duplicate {
		status = http.StatusOK
	}
	buf := buffers.Get().(*bytes.Buffer)
	defer giveBack(buf)
	buf.Reset()
	b := append(buf.AvailableBuffer(), `{"position":`...)
	b = strconv.AppendInt(b, rc.Position, 10)
	b = append(b, `,"leaf_hash":"`...)
	b = appendHash(b, rc.LeafHash)
	b = append(b, `","ledgertime":"`...)
	b = rc.LedgerTime.UTC().AppendFormat(b, events.LedgerTimeFormat)
	b = append(b, `","duplicate":`...)
	b = strconv.AppendBool(b, rc.Duplicate)
	b = append(b, '}', '\n')
	h := w.Header()
	h["Content-Type"] = jsonType
	h["Location"] = []string{string(strconv.AppendInt(append(make([]byte, 0, 32), "/v1/events/"...), rc.Position, 10))}
	w.WriteHeader(status)
	_, err = w.Write(b)
	return err
}

var jsonType = []string{client.TypeJSON}

func conflict(e *events.Event, kept int64) error {
	return &fault{status: http.StatusConflict, field: "id", position: &kept, detail: conflictDetail(e, kept)}
}

func conflictDetail(e *events.Event, kept int64) string {
	return fmt.Sprintf("source %q and id %q were recorded at position %d with another content, which is kept; give a new event a new id, or correct the old one with event.corrected", e.Source, e.ID, kept)
}

func appendHash(b []byte, h [32]byte) []byte {
	t, _ := client.Hash(h).AppendText(b)
	return t
}

// outcomeOf turns a receipt into what the API calls it.
func outcomeOf(rc trail.Receipt) (outcome string, status int) {
	switch {
	case rc.Conflict:
		return client.Conflict, http.StatusConflict
	case rc.Duplicate:
		return client.Duplicate, http.StatusOK
	}
	return client.Accepted, http.StatusCreated
}

// writeTimeout is how long the answer to a long body may take to be written.
const writeTimeout = time.Minute
