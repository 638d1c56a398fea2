package handlers_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/events/client"
	"github.com/daybookhq/daybook/events/trail"
	"github.com/daybookhq/daybook/events/trail/trailtest"
	"github.com/daybookhq/daybook/handlers"
	"github.com/daybookhq/daybook/handlers/access"
)

func (s *server) read(path string, header ...map[string]string) answer {
	c := call{as: access.Reader, path: path}
	if len(header) > 0 {
		c.header = header[0]
	}
	return s.do(c)
}

func TestQueries(t *testing.T) {
	trailtest.Each(t, func(t *testing.T, o trail.Options) {
		s := serve(t, o)
		s.post(client.TypeLines, strings.Join([]string{
			event("1", `"incident":"INC-7"`, `"authid":"u-1"`),
			strings.Replace(event("2", `"incident":"INC-7"`, `"flag":"waf"`), "note.added", "killswitch.engaged", 1),
			strings.Replace(event("3", `"incident":"INC-8"`, `"data":{"text":"Größe & more"}`), "2026-03-14", "2026-03-15", 1),
		}, "\n"))
		s.advance(60 * 60 * 1e9)
		s.post(client.TypeEvent, strings.Replace(event("4", `"incident":"INC-7"`), "/test", "/test/deep", 1))

		for query, want := range map[string]string{
			"":                                   "policy.set 1 2 3 4",
			"order=newest":                       "4 3 2 1 policy.set",
			"incident=INC-7":                     "1 2 4",
			"incident=INC-7&flag=waf":            "2",
			"type=killswitch.*":                  "2",
			"type=policy.*,killswitch.*":         "policy.set 2",
			"type=*.engaged&type=policy.*":       "policy.set 2",
			"actor=u-1":                          "1",
			"source=/test/deep":                  "4",
			"from=2026-03-15&to=2026-03-16":      "3",
			"recorded-from=2026-03-20T09:30:00Z": "4",
			"recorded-to=2026-03-20T09:30:00Z&incident=INC-7": "1 2",
			"text=" + url.QueryEscape("größe &"):              "3",
			"before=3":                                        "policy.set 1 2",
			"as-of=3":                                         "policy.set 1 2",
			"before=0":                                        "",
			"before=0&as-of=3&order=newest":                   "",
			"before=2&as-of=3":                                "policy.set 1",
			"as-of=2026-03-20T09:30Z":                         "policy.set 1 2 3",
			"incident=nothing":                                "",
			"limit=2&order=newest":                            "4 3",
			"limit=2&order=newest&cursor=3":                   "2 1",
			"environment=&incident=INC-8":                     "3",
		} {
			p := decode[client.Page](t, s.read("/v1/events?"+query), 200)
			var got []string
			for _, b := range p.Events {
				e, err := events.ParseRecorded(b)
				if err != nil {
					t.Fatal(err)
				}
				if e.Position == 0 {
					e.ID = e.Short()
				}
				got = append(got, e.ID)
			}
			if strings.Join(got, " ") != want {
				t.Errorf("?%s: got %v, want %s", query, got, want)
			}
		}
		for query, field := range map[string]string{
			"incidnet=INC-7": "incidnet", "limit=1001": "limit", "limit=x": "limit", "limit=0": "limit", "order=up": "order", "from=yesterday": "from",
			"as-of=99": "as-of", "as-of=0": "as-of", "as-of=2020-01-01": "as-of", "as-of=x": "as-of", "actor=a&actor=b": "actor", "count=maybe": "count", "cursor=-1": "cursor",
		} {
			if p := problem(t, s.read("/v1/events?"+query), http.StatusBadRequest); p.Field != field {
				t.Errorf("?%s: %+v", query, p)
			}
		}
	})
}

func TestPagesJoinToTheWhole(t *testing.T) {
	s := serve(t, trailtest.SQLite(t))
	trailtest.Append(t, s.trail, trailtest.Notes(t, "INC-7", 57)...)
	for _, order := range []string{"oldest", "newest"} {
		var got []string
		next, pages := "", 0
		for {
			a := s.read("/v1/events?incident=INC-7&limit=10&count=true&order=" + order + "&cursor=" + next)
			p := decode[client.Page](t, a, 200)
			if p.Count == nil || *p.Count != 57 || p.Size != 58 {
				t.Fatalf("%+v", p)
			}
			for _, b := range p.Events {
				e, _ := events.ParseRecorded(b)
				got = append(got, e.ID)
			}
			pages++
			if next = p.Next; next == "" {
				break
			}
			if !strings.Contains(a.Header.Get("Link"), "cursor="+next) {
				t.Fatalf("Link %q", a.Header.Get("Link"))
			}
		}
		if len(got) != 57 || pages != 6 {
			t.Fatalf("%s: %d events on %d pages", order, len(got), pages)
		}
		for i, id := range got {
			n := i
			if order == "newest" {
				n = 56 - i
			}
			if id != fmt.Sprintf("INC-7-%d", n) {
				t.Fatalf("%s: event %d is %s", order, i, id)
			}
		}
	}
}

func TestForms(t *testing.T) {
	s := serve(t, trailtest.SQLite(t))
	s.post(client.TypeLines, event("1")+"\n"+event("2"))
	lines := s.read("/v1/events", map[string]string{"Accept": client.TypeLines})
	all, err := s.trail.Read(t.Context(), 0, 10, 0)
	if err != nil {
		t.Fatal(err)
	}
	var want []byte
	for _, e := range all {
		want = append(append(want, e.Bytes...), '\n')
	}
	if !bytes.Equal(lines.body, want) || lines.Header.Get("Content-Type") != client.TypeLines {
		t.Fatalf("%s", lines.body)
	}
	batch := s.read("/v1/events", map[string]string{"Accept": "text/html;q=0.9, " + client.TypeBatch + ";q=0.5"})
	if batch.Header.Get("Content-Type") != client.TypeBatch || !bytes.HasPrefix(batch.body, []byte("["+string(all[0].Bytes))) {
		t.Fatalf("%s %s", batch.Header.Get("Content-Type"), batch.body)
	}
	problem(t, s.read("/v1/events", map[string]string{"Accept": "text/html"}), http.StatusNotAcceptable)
	problem(t, s.read("/v1/events/1", map[string]string{"Accept": "text/html"}), http.StatusNotAcceptable)
	problem(t, s.read("/v1/events", map[string]string{"Accept": client.TypeJSON + ";q=0"}), http.StatusNotAcceptable)

	one := s.read("/v1/events/1", map[string]string{"Accept": client.TypeJSON})
	if one.Header.Get("Content-Type") != client.TypeJSON || !bytes.Equal(one.body, all[1].Bytes) {
		t.Fatalf("%s", one.body)
	}
	same := s.read("/v1/events/1", map[string]string{"If-None-Match": `"x", W/` + one.Header.Get("ETag")})
	if same.StatusCode != http.StatusNotModified || len(same.body) != 0 {
		t.Fatalf("%d %s", same.StatusCode, same.body)
	}
	for path, status := range map[string]int{"/v1/events/3": 404, "/v1/events/-1": 400, "/v1/events/x": 400, "/v1/events/1?x=y": 400, "/v1/nothing": 404, "/": 404} {
		problem(t, s.read(path), status)
	}
	a := s.do(call{as: access.Admin, method: "PUT", path: "/v1/events"})
	problem(t, a, http.StatusMethodNotAllowed)
	if a.Header.Get("Allow") != "GET, POST" {
		t.Fatalf("Allow %q", a.Header.Get("Allow"))
	}
}

func TestHead(t *testing.T) {
	s := serve(t, trailtest.SQLite(t))
	s.post(client.TypeLines, event("1")+"\n"+event("2"))
	now := decode[client.Head](t, s.read("/v1/head"), 200)
	then := decode[client.Head](t, s.read("/v1/head?as-of=2"), 200)
	if now.Size != 3 || then.Size != 2 || now.Root == then.Root || !strings.HasPrefix(now.Checkpoint, now.Origin+"\n3\n"+now.Root.String()+"\n") {
		t.Fatalf("%+v\n%+v", now, then)
	}
}

func TestStories(t *testing.T) {
	s := serve(t, trailtest.SQLite(t))
	fix := strings.Replace(event("c", `"data":{"corrects":{"source":"/test","id":"1"},"fields":{"text":"right"},"why":"typo"}`), "note.added", "event.corrected", 1)
	s.post(client.TypeLines, strings.Join([]string{
		event("1", `"incident":"INC/7 ü"`, `"data":{"text":"wrong"}`),
		strings.Replace(event("0", `"incident":"INC/7 ü"`), "12:00", "11:00", 1),
		fix, event("other", `"incident":"INC-8"`),
	}, "\n"))
	for _, path := range []string{"/v1/stories/incident/" + url.PathEscape("INC/7 ü"), "/v1/stories/incident/INC/7%20%C3%BC"} {
		got := decode[client.Story](t, s.read(path), 200)
		if got.Root != "incident/INC/7 ü" || len(got.Events) != 2 || got.Events[0].Position != 2 || got.Events[1].Position != 1 {
			t.Fatalf("%+v", got)
		}
		if c := got.Events[1].Corrections; len(c) != 1 || c[0].Position != 3 || c[0].Why != "typo" || string(c[0].Fields[0].From) != `"wrong"` {
			t.Fatalf("%+v", c)
		}
	}
	before := decode[client.Story](t, s.read("/v1/stories/incident/"+url.PathEscape("INC/7 ü")+"?as-of=2"), 200)
	if len(before.Events) != 1 || len(before.Events[0].Corrections) != 0 || before.Size != 2 {
		t.Fatalf("%+v", before)
	}
	problem(t, s.read("/v1/stories/incident/none"), 404)
	problem(t, s.read("/v1/stories/actor/u-1"), 404)
	problem(t, s.read("/v1/stories/incident/x?as_of=1"), 400)
}

func TestHealthAndMetrics(t *testing.T) {
	s := serve(t, trailtest.SQLite(t))
	for _, path := range []string{"/healthz", "/readyz"} {
		if a := s.do(call{path: path}); a.StatusCode != 200 {
			t.Fatalf("%s: %d %s", path, a.StatusCode, a.body)
		}
	}
	s.post(client.TypeEvent, event("1"))
	s.post(client.TypeEvent, "{")
	m := string(s.do(call{as: access.Auditor, path: "/metrics"}).body)
	for _, want := range []string{
		`daybook_http_events_total{outcome="accepted"} 1`, `daybook_http_events_total{outcome="refused"} 1`, "daybook_trail_events 2",
		`daybook_http_requests_total{method="POST",route="/v1/events",status="201"} 1`, `daybook_http_requests_total{method="POST",route="/v1/events",status="422"} 1`,
	} {
		if !strings.Contains(m, want) {
			t.Errorf("no %s in the metrics", want)
		}
	}
	if err := s.trail.Close(); err != nil {
		t.Fatal(err)
	}
	a := s.do(call{path: "/readyz"})
	if a.StatusCode != http.StatusServiceUnavailable || !strings.Contains(string(a.body), "trail") {
		t.Fatalf("%d %s", a.StatusCode, a.body)
	}
}

// TestReadOnlyIsSaidWithoutFillingTheLog: clients try again for as long as the
// trail is behind, which may be days.
func TestReadOnlyIsSaidWithoutFillingTheLog(t *testing.T) {
	s := serve(t, trailtest.SQLite(t), func(d *handlers.Deps) {
		d.Degraded = func(context.Context) map[string]string { return map[string]string{"stream": "away"} }
	})
	if err := s.trail.Compare(t.Context(), "a witness", nil, 99); !errors.Is(err, trail.ErrReadOnly) {
		t.Fatal(err)
	}
	for _, body := range []string{event("1"), event("1"), "[" + event("1") + "," + event("2") + "]"} {
		typ := client.TypeEvent
		if body[0] == '[' {
			typ = client.TypeBatch
		}
		if a := s.post(typ, body); a.StatusCode != 503 || !strings.Contains(string(a.body), "a witness says that it holds a checkpoint of 99") {
			t.Fatalf("%d %s", a.StatusCode, a.body)
		}
	}
	if said := s.log.String(); strings.Contains(said, "level=ERROR") {
		t.Errorf("the log says of what clients repeat: %s", said)
	}
	a := s.do(call{path: "/readyz"})
	if a.StatusCode != 503 || !strings.Contains(string(a.body), `"status":"read-only"`) || !strings.Contains(string(a.body), `"degraded":{"stream":"away"}`) {
		t.Fatalf("%d %s", a.StatusCode, a.body)
	}
}

func TestWhatIsDegradedIsStillReady(t *testing.T) {
	s := serve(t, trailtest.SQLite(t), func(d *handlers.Deps) {
		d.Degraded = func(context.Context) map[string]string { return map[string]string{"stream": "away"} }
	})
	a := s.do(call{path: "/readyz"})
	if a.StatusCode != http.StatusOK || !strings.Contains(string(a.body), `"degraded":{"stream":"away"}`) {
		t.Fatalf("%d %s", a.StatusCode, a.body)
	}
}
