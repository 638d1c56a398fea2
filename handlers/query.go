package handlers

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/events/client"
	"github.com/daybookhq/daybook/events/trail"
)

// maxCounted is how many events are looked at to count those that fit.
const maxCounted = 1_000_000

// filter reads what GET /v1/events filters by.
func filter(p *parameters) trail.Filter {
	f := trail.Filter{
		Types:        p.list("type"),
		Actor:        p.text("actor"),
		HappenedFrom: p.moment("from"),
		HappenedTo:   p.moment("to"),
		RecordedFrom: p.moment("recorded-from"),
		RecordedTo:   p.moment("recorded-to"),
		Text:         p.text("text"),
	}
	if source := p.text("source"); source != "" {
		f.Keys = append(f.Keys, events.Key{Kind: events.KindSource, Value: source})
	}
	for _, k := range events.Kinds() {
		for _, v := range p.list(string(k)) {
			f.Keys = append(f.Keys, events.Key{Kind: k, Value: v})
		}
	}
	switch o := p.text("order"); o {
	case "", "oldest":
	case "newest":
		f.Newest = true
	default:
		p.fail("order", "%q is neither oldest nor newest", o)
	}
	return f
}

// listEvents answers a query: a page of recorded events and the cursor of the
// next. Accept chooses a page (JSON), a CloudEvents batch, or one event a line.
func (a *api) listEvents(w http.ResponseWriter, r *http.Request) error {
	p := parametersOf(r)
	f := filter(p)
	count := p.yes("count")
	cursor := trail.Cursor{Limit: int(p.number("limit", trail.DefaultPage, trail.MaxPage)), Position: p.number("cursor", 0, 1<<62)}
	at, err := a.prefix(r, p)
	if p.err == nil && err != nil {
		return err
	}
	f.Before = at.size
	if before := p.number("before", at.size, 1<<62); before < f.Before {
		f.Before = before
	}
	if cursor.Limit == 0 {
		p.fail("limit", "at least 1")
	}
	if err := p.done(); err != nil {
		return err
	}
	media := accepted(r, client.TypeJSON, client.TypeBatch, client.TypeLines)
	if media == "" {
		return notAcceptable(client.TypeJSON, client.TypeBatch, client.TypeLines)
	}
	// To the trail a prefix of 0 means all there is; here it means what it says.
	var page trail.Page
	if f.Before > 0 {
		if page, err = a.Trail.Query(r.Context(), f, cursor); err != nil {
			return err
		}
	}
	var total int64
	exact := true
	if count && f.Before > 0 {
		if total, exact, err = a.Trail.Count(r.Context(), f, maxCounted); err != nil {
			return err
		}
	}
	next := ""
	if page.More {
		next = strconv.FormatInt(page.Next.Position, 10)
	}
	size := 128
	for i := range page.Events {
		size += len(page.Events[i].Bytes) + 1
	}
	b := make([]byte, 0, size)
	switch media {
	case client.TypeLines:
		for i := range page.Events {
			b = append(append(b, page.Events[i].Served()...), '\n')
		}
	case client.TypeBatch:
		b = append(appendEvents(b, page.Events), '\n')
	case client.TypeJSON:
		b = appendEvents(append(b, `{"events":`...), page.Events)
		if next != "" {
			b = appendString(append(b, `,"next":`...), next)
		}
		if count {
			b = strconv.AppendInt(append(b, `,"count":`...), total, 10)
			if !exact {
				b = append(b, `,"count_at_least":true`...)
			}
		}
		b = strconv.AppendInt(append(b, `,"size":`...), page.Size, 10)
		b = append(b, "}\n"...)
	}
	h := w.Header()
	h.Set("Content-Type", media)
	h.Set("Cache-Control", "no-store")
	if next != "" {
		after := *r.URL
		q := after.Query()
		q.Set("cursor", next)
		after.RawQuery = q.Encode()
		h.Set("Link", "<"+after.RequestURI()+`>; rel="next"`)
	}
	_, err = w.Write(b)
	return err
}

func appendEvents(b []byte, evs []events.Recorded) []byte {
	b = append(b, '[')
	for i := range evs {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, evs[i].Served()...)
	}
	return append(b, ']')
}

// getEvent serves the bytes of one event exactly as they are stored and hashed.
// One whose content was erased is gone (410), and the problem says what is left.
func (a *api) getEvent(w http.ResponseWriter, r *http.Request) error {
	p := parametersOf(r)
	position, err := strconv.ParseInt(r.PathValue("position"), 10, 64)
	if err != nil || position < 0 {
		return badParameter("position", "%q is not a position; positions are 0, 1, 2 …", r.PathValue("position"))
	}
	if err := p.done(); err != nil {
		return err
	}
	media := accepted(r, client.TypeEvent, client.TypeJSON)
	if media == "" {
		return notAcceptable(client.TypeEvent, client.TypeJSON)
	}
	e, err := a.Trail.Get(r.Context(), position)
	if err != nil {
		return err
	}
	if e.Erased != nil {
		return &erased{e}
	}
	h := w.Header()
	h.Set("Content-Type", media)
	h.Set("Cache-Control", "private, no-cache") // content can be erased, though never changed
	return conditional(w, r, `"`+leafHash(e.Bytes).String()+`"`, e.Bytes)
}

// getHead names what the trail holds, with the signed checkpoint.
func (a *api) getHead(w http.ResponseWriter, r *http.Request) error {
	p := parametersOf(r)
	at, err := a.prefix(r, p)
	if e := p.done(); e != nil {
		return e
	}
	if err != nil {
		return err
	}
	h, err := a.Trail.HeadAt(r.Context(), at.size)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, client.Head{
		Size: h.Size, Root: client.Hash(h.Root), LedgerTime: h.LedgerTime, Origin: h.Origin, Checkpoint: string(h.Checkpoint),
	})
}

// conditional writes b, or 304 if the caller has what etag names.
func conditional(w http.ResponseWriter, r *http.Request, etag string, b []byte) error {
	w.Header().Set("ETag", etag)
	for _, v := range r.Header.Values("If-None-Match") {
		if slices.ContainsFunc(strings.Split(v, ","), func(s string) bool {
			s = strings.TrimSpace(s)
			return s == "*" || strings.TrimPrefix(s, "W/") == etag
		}) {
			w.WriteHeader(http.StatusNotModified)
			return nil
		}
	}
	_, err := w.Write(b)
	return err
}
