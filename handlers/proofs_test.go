package handlers_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/daybookhq/daybook/events/client"
	"github.com/daybookhq/daybook/events/seal"
	"github.com/daybookhq/daybook/events/trail"
	"github.com/daybookhq/daybook/events/trail/trailtest"
	"github.com/daybookhq/daybook/handlers/access"
)

func hashesOf(hs []client.Hash) []seal.Hash {
	out := make([]seal.Hash, len(hs))
	for i, h := range hs {
		out[i] = seal.Hash(h)
	}
	return out
}

func TestProofsOverHTTP(t *testing.T) {
	trailtest.Each(t, func(t *testing.T, o trail.Options) {
		var s *server
		size := int64(300)
		s = serve(t, o, publishAt(&s, &size))
		trailtest.Append(t, s.trail, trailtest.Notes(t, "a", 299)...) // 300 with the first
		trailtest.Append(t, s.trail, trailtest.Notes(t, "b", 300)...) // 600
		get := func(path string, args ...any) answer {
			return s.do(call{as: access.Reader, path: fmt.Sprintf(path, args...)})
		}
		entries, err := s.trail.Entries(t.Context(), 0, 600)
		if err != nil {
			t.Fatal(err)
		}
		root := func(size int64) seal.Hash {
			h, err := s.trail.HeadAt(t.Context(), size)
			if err != nil {
				t.Fatal(err)
			}
			return h.Root
		}
		key, err := seal.ParsePublic(s.trail.PublicKey())
		if err != nil {
			t.Fatal(err)
		}
		// Of the published size where none is given, of any other that the trail had.
		for _, c := range []struct {
			query string
			at    int64
			size  int64
			kept  bool
		}{{"position=7", 7, 300, true}, {"position=299&size=300", 299, 300, true}, {"position=7&size=601", 0, 0, false}, {"position=7&size=450", 7, 450, false}, {"position=599&size=600", 599, 600, true}, {"position=0&size=1", 0, 1, true}} {
			a := get("/v1/proofs/inclusion?%s", c.query)
			if c.size == 0 {
				if p := problem(t, a, http.StatusBadRequest); !strings.Contains(p.Detail, "the size 601 is beyond the trail, which has 600 events") {
					t.Errorf("%+v", p)
				}
				continue
			}
			got := decode[client.Inclusion](t, a, http.StatusOK)
			if got.Position != c.at || got.Size != c.size || seal.Hash(got.LeafHash) != seal.LeafHash(entries[c.at]) {
				t.Fatalf("%s: %+v", c.query, got)
			}
			if err := seal.CheckInclusion(seal.LeafHash(entries[c.at]), c.at, c.size, root(c.size), hashesOf(got.Hashes)); err != nil {
				t.Errorf("%s: %v", c.query, err)
			}
			if cp, err := seal.OpenCheckpoint([]byte(got.Checkpoint), key); c.kept != (err == nil) || c.kept && (cp.Size != c.size || cp.Root != seal.Hash(got.Root)) {
				t.Errorf("%s: checkpoint %q, %v", c.query, got.Checkpoint, err)
			}
		}
		for _, c := range []struct{ from, to int64 }{{1, 300}, {300, 300}, {300, 600}, {257, 599}, {0, 300}} {
			got := decode[client.Consistency](t, get("/v1/proofs/consistency?from=%d&to=%d", c.from, c.to), http.StatusOK)
			if err := seal.CheckConsistencyProof(c.from, root(c.from), c.to, root(c.to), hashesOf(got.Hashes)); err != nil || got.From != c.from || got.To != c.to {
				t.Errorf("%d to %d: %+v, %v", c.from, c.to, got, err)
			}
			if (got.FromCheckpoint != "") != slices.Contains([]int64{1, 300, 600}, c.from) || (got.ToCheckpoint != "") != slices.Contains([]int64{300, 600}, c.to) {
				t.Errorf("%d to %d: checkpoints %q and %q", c.from, c.to, got.FromCheckpoint, got.ToCheckpoint)
			}
		}
		if got := decode[client.Consistency](t, get("/v1/proofs/consistency?from=256"), http.StatusOK); got.To != 300 {
			t.Errorf("to %d, published is 300", got.To)
		}
		// Refused, with the reason.
		for path, reason := range map[string]string{
			"inclusion":                               "which event is to be proved",
			"inclusion?position=x":                    "not a whole number",
			"inclusion?position=-1":                   "not a whole number",
			"inclusion?position=7&size=7":             "the first 7 events have no position 7",
			"inclusion?position=7&size=0":             "the first 0 events have no position 7",
			"inclusion?position=900":                  "the first 300 events have no position 900",
			"inclusion?position=1&position=2":         "more than once",
			"inclusion?position=1&sizes=2":            "not a parameter",
			"inclusion?position=99999999999999999999": "not a whole number",
			"consistency":                             "the smaller of the two sizes",
			"consistency?from=3&to=2":                 "a trail of 2 events does not begin with 3",
			"consistency?from=3&to=601":               "the size 601 is beyond the trail",
			"consistency?from=301":                    "a trail of 300 events does not begin with 301",
			"event/x":                                 "is not a position",
			"event/-1":                                "is not a position",
			"event/0?size=3":                          "not a parameter",
		} {
			if p := problem(t, get("/v1/proofs/%s", path), http.StatusBadRequest); !strings.Contains(p.Detail, reason) {
				t.Errorf("%s: %+v", path, p)
			}
		}
		// The file that proves one event.
		a := get("/v1/proofs/event/42")
		if a.StatusCode != http.StatusOK || a.Header.Get("Content-Type") != "text/plain; charset=utf-8" || !strings.Contains(a.Header.Get("Content-Disposition"), `"event-42.tlog-proof"`) {
			t.Fatalf("%d %v %s", a.StatusCode, a.Header, a.body)
		}
		p, err := seal.ParseEventProof(a.body)
		if err != nil {
			t.Fatal(err)
		}
		if c, err := p.Check(s.trail.PublicKey()); err != nil || c.Size != 300 || string(p.Event) != string(entries[42]) {
			t.Errorf("%+v, %v", c, err)
		}
		if p := problem(t, get("/v1/proofs/event/300"), http.StatusServiceUnavailable); !strings.Contains(p.Detail, "#300 is recorded, but the checkpoint that is published is of 300 events") {
			t.Errorf("%+v", p)
		}
		problem(t, get("/v1/proofs/event/600"), http.StatusNotFound)
	})
}
