package handlers_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/events/bundle"
	"github.com/daybookhq/daybook/events/client"
	"github.com/daybookhq/daybook/events/trail"
	"github.com/daybookhq/daybook/events/trail/trailtest"
	"github.com/daybookhq/daybook/handlers"
	"github.com/daybookhq/daybook/handlers/access"
)

// lastExport is the export.created at the head, and its data.
func lastExport(t *testing.T, tr *trail.Trail) (events.Recorded, events.ExportCreated) {
	t.Helper()
	h, err := tr.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	e, err := tr.Get(t.Context(), h.Size-1)
	if err != nil {
		t.Fatal(err)
	}
	var data events.ExportCreated
	if e.Short() != "export.created" || json.Unmarshal(e.Data, &data) != nil {
		t.Fatalf("the last event is %s", e.Bytes)
	}
	return e, data
}

func TestExport(t *testing.T) {
	trailtest.Each(t, func(t *testing.T, o trail.Options) {
		s := serve(t, o)
		trailtest.Append(t, s.trail, trailtest.Notes(t, "INC-7", 300)...)
		trailtest.Append(t, s.trail, trailtest.Notes(t, "INC-8", 20)...)
		key := s.trail.PublicKey()
		for path, want := range map[string]struct {
			asked  string
			events int64
			size   int64
		}{
			"/v1/export":                                     {"everything", 10, 10},
			"/v1/export?incident=INC-7":                      {"incident=INC-7", 9, 10},
			"/v1/export?story=incident/INC-7":                {"story=incident/INC-7", 300, 301},
			"/v1/export?type=note.*&incident=INC-8":          {"type=note.* incident=INC-8", 20, 321},
			"/v1/export?source=/test&to=2026-03-15&from=":    {"source=/test to=2026-03-15T00:00:00Z", 20, 21},
			"/v1/export?recorded-to=2020-01-01&text=nothing": {"recorded-to=2020-01-01T00:00:00Z text=nothing", 0, 100},
		} {
			sep := "?"
			if strings.Contains(path, "?") {
				sep = "&"
			}
			a := s.do(call{as: access.Auditor, path: path + sep + "as-of=" + strconv.FormatInt(want.size, 10)})
			if a.StatusCode != http.StatusOK || a.Header.Get("Content-Type") != client.TypeBundle {
				t.Fatalf("%s: %d %s", path, a.StatusCode, a.body)
			}
			r, err := bundle.Verify(bytes.NewReader(a.body), bundle.VerifyOptions{PublicKey: key})
			if err != nil {
				t.Fatalf("%s: %v", path, err)
			}
			if r.Asked != want.asked {
				t.Errorf("%s: asked for %s", path, r.Asked)
			}
			if r.Coverage.Events != want.events || r.Coverage.Size != want.size {
				t.Errorf("%s: %+v", path, r.Coverage)
			}
			e, data := lastExport(t, s.trail)
			if e.AuthID != "token/a-auditor" || e.Writer != trail.LedgerWriter || data.Query != want.asked || data.Digest != r.Receipt.Digest || e.Position != r.Receipt.Position || data.Note != "" {
				t.Errorf("%s: recorded as %s", path, e.Bytes)
			}
		}
		head, err := s.trail.Head(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for path, field := range map[string]string{
			"/v1/export?order=newest":                          "order",
			"/v1/export?limit=5":                               "limit",
			"/v1/export?story=flags/x":                         "story",
			"/v1/export?story=incident/":                       "story",
			"/v1/export?story=incident/INC-7&type=note.*":      "story",
			"/v1/export?as-of=999999":                          "as-of",
			"/v1/export?text=%ff":                              "",
			"/v1/export?type=" + strings.Repeat("x", 20_000):   "",
			"/v1/export?incident=INC-7&incidents=INC-7&type=a": "incidents",
		} {
			if p := problem(t, s.do(call{as: access.Auditor, path: path}), http.StatusBadRequest); p.Field != field {
				t.Errorf("%.60s: %+v", path, p)
			}
		}
		problem(t, s.do(call{as: access.Auditor, path: "/v1/export?story=incident/none"}), http.StatusNotFound)
		problem(t, s.do(call{as: access.Auditor, path: "/v1/export", header: map[string]string{"Accept": "text/html"}}), http.StatusNotAcceptable)
		if a := s.do(call{as: access.Auditor, method: http.MethodHead, path: "/v1/export"}); a.StatusCode != http.StatusMethodNotAllowed {
			t.Errorf("HEAD: %d", a.StatusCode)
		}
		if now, err := s.trail.Head(t.Context()); err != nil || now.Size != head.Size {
			t.Errorf("what was refused was written down: %d events, then %d (%v)", head.Size, now.Size, err)
		}
	})
}

// gone takes some bytes and then nothing more.
type gone struct {
	http.ResponseWriter
	left int
}

func (g *gone) Write(b []byte) (int, error) {
	if len(b) > g.left {
		return 0, errors.New("connection reset by peer")
	}
	g.left -= len(b)
	return g.ResponseWriter.Write(b)
}

// Who takes half and goes has had it all the same.
func TestExportThatBreaksOff(t *testing.T) {
	s := serve(t, trailtest.SQLite(t))
	trailtest.Append(t, s.trail, trailtest.Notes(t, "INC-7", 300)...)
	h := handlers.New(handlers.Deps{Trail: s.trail, Tokens: s.tokens, Clock: s.clock})
	r := httptest.NewRequestWithContext(handlers.WithPrincipal(t.Context(), access.Principal{Name: "token/eve", Role: access.Auditor}), "GET", "/v1/export", nil)
	func() {
		defer func() {
			if v := recover(); v != http.ErrAbortHandler {
				t.Errorf("it ended in %v, so that a reader would take it for whole", v)
			}
		}()
		h.ServeHTTP(&gone{httptest.NewRecorder(), 70 << 10}, r)
	}()
	e, data := lastExport(t, s.trail)
	if e.AuthID != "token/eve" || data.Query != "everything" || data.ResultCount == nil || *data.ResultCount < 1 || *data.ResultCount > 301 || !strings.Contains(data.Note, "broke off") {
		t.Errorf("recorded as %s", e.Bytes)
	}
}
