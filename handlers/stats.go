package handlers

import (
	"bytes"
	"net/http"

	"github.com/daybookhq/daybook/events/client"
	"github.com/daybookhq/daybook/projections"
)

// listStats says which statistics there are.
func (a *api) listStats(w http.ResponseWriter, r *http.Request) error {
	if err := parametersOf(r).done(); err != nil {
		return err
	}
	var out []client.StatName
	for _, s := range projections.StatNames() {
		out = append(out, client.StatName{Name: s.Name, Meaning: s.Meaning})
	}
	return writeJSON(w, http.StatusOK, out)
}

// getStat answers with one set of figures, as JSON or as a table for people.
func (a *api) getStat(w http.ResponseWriter, r *http.Request) error {
	if a.Runner == nil {
		return unavailable("statistics")
	}
	p := parametersOf(r)
	q := projections.StatQuery{
		At: p.moment("at"), Zone: p.text("zone"), From: p.moment("from"), To: p.moment("to"),
		Months: int(p.number("months", 0, 600)), Limit: int(p.number("limit", 0, 10_000)),
	}
	pre, err := a.prefix(r, p)
	if e := p.done(); e != nil {
		return e
	}
	if err != nil {
		return err
	}
	q.Size = pre.orAll()
	if q.At.IsZero() {
		q.At = pre.at
	}
	media := accepted(r, client.TypeJSON, "text/plain")
	if media == "" {
		return notAcceptable(client.TypeJSON, "text/plain")
	}
	s, err := a.Runner.Reader().Stats(r.Context(), r.PathValue("name"), q)
	if err != nil {
		return err
	}
	w.Header().Set("Vary", "Accept")
	if media == client.TypeJSON {
		return writeJSON(w, http.StatusOK, s)
	}
	var b bytes.Buffer
	if err := s.Table(&b); err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_, err = w.Write(b.Bytes())
	return err
}
