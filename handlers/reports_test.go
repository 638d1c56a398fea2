package handlers_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/daybookhq/daybook/events/client"
	"github.com/daybookhq/daybook/events/trail/trailtest"
)

func TestDocumentsAndStatistics(t *testing.T) {
	s := serve(t, trailtest.SQLite(t))
	typed := func(id, typ, at string, members ...string) string {
		return strings.NewReplacer("note.added", typ, "12:00:00", at).Replace(event(id, append(members, `"incident":"INC-7"`)...))
	}
	s.post(client.TypeLines, strings.Join([]string{
		typed("1", "incident.started", "12:00:00"), typed("2", "incident.detected", "12:03:00", `"data":{"detected_by":"alert"}`),
		typed("3", "note.added", "12:04:00", `"data":{"text":"<script>alert(1)</script>"}`), typed("4", "incident.resolved", "12:27:00"),
	}, "\n"))
	const doc = "/v1/reports/postmortem/INC-7"

	md := s.read(doc)
	if md.StatusCode != 200 || md.Header.Get("Content-Type") != "text/markdown; charset=utf-8" || !strings.HasPrefix(string(md.body), "# ") {
		t.Fatalf("%d %s %s", md.StatusCode, md.Header.Get("Content-Type"), md.body)
	}
	html := s.read(doc, map[string]string{"Accept": "text/html,*/*;q=0.1"})
	csp := html.Header.Get("Content-Security-Policy")
	if html.Header.Get("Content-Type") != "text/html; charset=utf-8" || !strings.Contains(csp, "default-src 'none'") || !strings.Contains(csp, "frame-ancestors 'none'") || strings.Contains(csp, "unsafe") {
		t.Fatalf("%s; %s", html.Header.Get("Content-Type"), csp)
	}
	if strings.Contains(string(html.body), "<script>alert") {
		t.Fatal("foreign text became markup")
	}
	if json := s.read(doc + "?format=json"); json.Header.Get("Content-Type") != client.TypeJSON || !strings.Contains(string(json.body), `"M-20"`) {
		t.Fatalf("%s", json.body)
	}
	if etag := md.Header.Get("ETag"); etag == "" || etag == html.Header.Get("ETag") {
		t.Fatalf("ETags %q and %q", etag, html.Header.Get("ETag"))
	}
	again := s.read(doc, map[string]string{"If-None-Match": md.Header.Get("ETag")})
	if again.StatusCode != http.StatusNotModified || len(again.body) > 0 {
		t.Fatalf("%d", again.StatusCode)
	}
	// A minute later, or one event later, it is another document; as of the same
	// moment it is the same.
	s.advance(60 * 1e9)
	later := s.read(doc, map[string]string{"If-None-Match": md.Header.Get("ETag")})
	if later.StatusCode != 200 || later.Header.Get("ETag") == md.Header.Get("ETag") {
		t.Fatalf("%d", later.StatusCode)
	}
	fixed := s.read(doc + "?as-of=5&at=2026-03-20T09:00:00Z")
	s.post(client.TypeEvent, typed("5", "note.added", "12:30:00", `"data":{"text":"more"}`))
	if same := s.read(doc + "?as-of=5&at=2026-03-20T09:00:00Z"); string(same.body) != string(fixed.body) {
		t.Fatal("the same prefix and time gave other bytes")
	}
	for path, status := range map[string]int{
		doc + "?format=pdf": 400, doc + "?zone=Mars/X": 400, doc + "?colour=red": 400, doc + "?as-of=99": 400, doc + "?at=x": 400,
		"/v1/reports/postmortem/none": 404, "/v1/reports/poem/INC-7": 400, "/v1/reports/emergencies/2026-13": 400,
		"/v1/stats/none": 404, "/v1/stats/latency?zone=Mars/X": 400, "/v1/stats/latency?x=1": 400,
	} {
		problem(t, s.read(path), status)
	}
	problem(t, s.read(doc, map[string]string{"Accept": "image/png"}), http.StatusNotAcceptable)

	names := decode[[]client.StatName](t, s.read("/v1/stats"), 200)
	for _, n := range names {
		table := s.read("/v1/stats/"+n.Name, map[string]string{"Accept": "text/plain"})
		if table.StatusCode != 200 || len(table.body) == 0 || table.Header.Get("Content-Type") != "text/plain; charset=utf-8" {
			t.Errorf("%s: %d %s", n.Name, table.StatusCode, table.body)
		}
		if j := s.read("/v1/stats/" + n.Name); j.StatusCode != 200 || !strings.Contains(string(j.body), `"name":"`+n.Name+`"`) {
			t.Errorf("%s: %d %s", n.Name, j.StatusCode, j.body)
		}
	}
}
