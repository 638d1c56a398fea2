package handlers_test

import (
	"bytes"
	"net/http"
	"strings"
	"testing"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/events/client"
	"github.com/daybookhq/daybook/events/trail"
	"github.com/daybookhq/daybook/events/trail/trailtest"
	"github.com/daybookhq/daybook/handlers/access"
)

// What the API says of an event whose content was erased, and that sending it
// again does not bring it back.
func TestErasedEvents(t *testing.T) {
	trailtest.Each(t, func(t *testing.T, o trail.Options) {
		s := serve(t, o)
		said := event("q", `"incident":"INC-7"`, `"authid":"quittenbaum"`, `"data":{"text":"Quittenbaum did it"}`)
		first := decode[client.Receipt](t, s.post(client.TypeEvent, said), http.StatusCreated)
		s.post(client.TypeEvent, event("r", `"incident":"INC-7"`))
		etag := s.read("/v1/events/1").Header.Get("ETag")
		before := s.read("/v1/reports/postmortem/INC-7?as-of=3").Header.Get("ETag")
		if _, err := s.trail.Redact(t.Context(), trail.Redaction{Positions: []int64{1}, Basis: "GDPR article 17", Actor: "dpo-1"}); err != nil {
			t.Fatal(err)
		}

		p := decode[client.Problem](t, s.read("/v1/events/1", map[string]string{"If-None-Match": etag}), http.StatusGone)
		if p.Type != "urn:daybook:problem:erased" || !strings.Contains(p.Detail, "by #3, basis: GDPR article 17") {
			t.Errorf("%+v", p)
		}
		left, err := events.ParseServed(p.Erased)
		if err != nil || left.Position != 1 || left.Erased == nil || client.Hash(left.Erased.Leaf) != first.LeafHash {
			t.Errorf("%s: %v", p.Erased, err)
		}
		c, err := client.New(client.Options{URL: s.URL, Token: s.secret[access.Reader]})
		if err != nil {
			t.Fatal(err)
		}
		if e, err := c.Event(t.Context(), 1); err != nil || e.Erased == nil || e.Erased.By != 3 {
			t.Errorf("the client says %+v, %v", e, err)
		}

		page := decode[client.Page](t, s.read("/v1/events"), 200)
		if len(page.Events) != 4 || !bytes.Equal(page.Events[1], p.Erased) {
			t.Errorf("the page is %s", page.Events)
		}
		for _, path := range []string{"/v1/events?incident=INC-7", "/v1/stories/incident/INC-7", "/v1/reports/postmortem/INC-7", "/v1/stats/stories", "/tile/entries/000.p/4", "/v1/proofs/event/1"} {
			a := s.do(call{as: access.Auditor, path: path})
			if a.StatusCode != 200 || strings.Contains(strings.ToLower(string(a.body)), "quittenbaum") {
				t.Errorf("%s: %d %s", path, a.StatusCode, a.body)
			}
		}
		// The same prefix, without what was in it, is not the same document.
		if after := s.read("/v1/reports/postmortem/INC-7?as-of=3").Header.Get("ETag"); before == "" || after == before {
			t.Errorf("the ETag of the document was %s and is %s", before, after)
		}

		again := decode[client.Receipt](t, s.post(client.TypeEvent, said), http.StatusOK)
		if !again.Duplicate || again.Position != 1 || again.LeafHash != first.LeafHash {
			t.Errorf("sent again: %+v", again)
		}
		if a := s.read("/v1/events/1"); a.StatusCode != http.StatusGone {
			t.Errorf("then it is %d %s", a.StatusCode, a.body)
		}
		trailtest.Check(t, s.trail)
	})
}
