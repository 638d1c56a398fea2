package handlers_test

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/daybookhq/daybook/events/client"
	"github.com/daybookhq/daybook/events/trail"
	"github.com/daybookhq/daybook/events/trail/trailtest"
	"github.com/daybookhq/daybook/handlers"
	"github.com/daybookhq/daybook/handlers/access"
)

func TestRecordOne(t *testing.T) {
	trailtest.Each(t, func(t *testing.T, o trail.Options) {
		s := serve(t, o)
		body := event("a-1", `"incident":"INC-7"`, `"data":{"text":"hello","n":1.50}`)

		first := s.post(client.TypeEvent, body)
		r := decode[client.Receipt](t, first, http.StatusCreated)
		if r.Position != 1 || r.Duplicate || first.Header.Get("Location") != "/v1/events/1" {
			t.Fatalf("%+v, Location %q", r, first.Header.Get("Location"))
		}
		got := s.do(call{as: access.Reader, path: "/v1/events/1"})
		if got.StatusCode != 200 || got.Header.Get("Content-Type") != client.TypeEvent {
			t.Fatalf("%d %s", got.StatusCode, got.Header.Get("Content-Type"))
		}
		stored, err := s.trail.Get(t.Context(), 1)
		if err != nil || !bytes.Equal(stored.Bytes, got.body) {
			t.Fatalf("served %s, stored %s (%v)", got.body, stored.Bytes, err)
		}
		if sum := sha256.Sum256(append([]byte{0}, got.body...)); sum != r.LeafHash {
			t.Fatal("the receipt's hash is not that of the bytes served")
		}
		if stored.Writer != "token/a-recorder" || !strings.Contains(string(got.body), `"n":1.50`) {
			t.Fatalf("stored %s", stored.Bytes)
		}

		again := decode[client.Receipt](t, s.post(client.TypeEvent+"; charset=utf-8", body), http.StatusOK)
		if !again.Duplicate || again.Position != 1 || again.LeafHash != r.LeafHash {
			t.Fatalf("again %+v", again)
		}
		p := problem(t, s.post(client.TypeEvent, event("a-1", `"data":{"text":"other"}`)), http.StatusConflict)
		if p.Position == nil || *p.Position != 1 || p.Field != "id" {
			t.Fatalf("conflict %+v", p)
		}
		trailtest.Check(t, s.trail)
	})
}

func TestRefused(t *testing.T) {
	s := serve(t, trailtest.SQLite(t), func(d *handlers.Deps) { d.MaxEventBytes = 80 << 10 })
	for name, c := range map[string]struct {
		contentType, body string
		status            int
		field             string
	}{
		"not JSON":          {client.TypeEvent, `{`, 422, ""},
		"no time":           {client.TypeEvent, strings.Replace(event("1"), `,"time":"2026-03-14T12:00:00Z"`, "", 1), 422, "time"},
		"the ledger's own":  {client.TypeEvent, event("1", `"ledgerposition":"7"`), 422, "ledgerposition"},
		"a name twice":      {client.TypeEvent, event("1", `"flag":"a"`, `"flag":"b"`), 422, ""},
		"too large to keep": {client.TypeEvent, event("1", `"data":"`+strings.Repeat("x", 61<<10)+`"`), 422, ""},
		"too large to read": {client.TypeEvent, event("1", `"data":"`+strings.Repeat("x", 90<<10)+`"`), 413, ""},
		"no form":           {"", event("1"), 415, "Content-Type"},
		"plain JSON":        {client.TypeJSON, event("1"), 415, "Content-Type"},
		"another format":    {"application/cloudevents+avro", "x", 415, "Content-Type"},
		"other source":      {client.TypeEvent, strings.Replace(event("1"), `"/test"`, `"/other"`, 1), 403, "source"},
		"needs admin":       {client.TypeEvent, strings.Replace(event("1"), "note.added", "policy.set", 1), 403, "type"},
		"ledger only":       {client.TypeEvent, strings.Replace(event("1"), "note.added", "token.issued", 1), 403, "type"},
		"another's record":  {client.TypeEvent, strings.Replace(event("1", `"data":{"retracts":{"source":"/x","id":"1"}}`), "note.added", "event.retracted", 1), 403, "data"},
	} {
		t.Run(name, func(t *testing.T) {
			p := problem(t, s.post(c.contentType, c.body), c.status)
			if p.Field != c.field || p.Detail == "" {
				t.Fatalf("%+v, want the field %q", p, c.field)
			}
		})
	}
	if h, _ := s.trail.Head(t.Context()); h.Size != 1 {
		t.Fatalf("%d events after nothing but refusals", h.Size)
	}
}

func TestBinaryIsTheSameEventAsStructured(t *testing.T) {
	s := serve(t, trailtest.SQLite(t))
	structured := event("b-1", `"datacontenttype":"application/json"`, `"flag":"w f%ü"`, `"data":{"text":"hello"}`)
	first := decode[client.Receipt](t, s.post(client.TypeEvent, structured), http.StatusCreated)
	headers := map[string]string{
		"ce-specversion": "1.0", "CE-ID": "b-1", "Ce-Source": "/test", "ce-type": "dev.daybook.note.added.v1",
		"ce-time": "2026-03-14T12:00:00Z", "ce-flag": `"w%20f%25%C3%BC"`,
	}
	again := decode[client.Receipt](t, s.post("application/json", ` {"text": "hello"} `, headers), http.StatusOK)
	if again.Position != first.Position || !again.Duplicate {
		t.Fatalf("%+v is not %+v", again, first)
	}
	for name, c := range map[string]struct{ header, value, body, field string }{
		"body that is two values":     {"ce-x", "y", `1,"flag":"z"`, "data"},
		"body that is not JSON":       {"ce-x", "y", `{`, "data"},
		"content type as a header":    {"ce-datacontenttype", "text/plain", `{}`, "datacontenttype"},
		"data as a header":            {"ce-data", "1", `{}`, "data"},
		"attribute of another shape":  {"ce-a-b", "1", `{}`, "a-b"},
		"a value that is not UTF-8":   {"ce-x", "%ff", `{}`, "x"},
		"an attribute of the ledger":  {"ce-ledgertime", "x", `{}`, "ledgertime"},
		"a control character encoded": {"ce-x", "a%07", `{}`, "x"},
	} {
		t.Run(name, func(t *testing.T) {
			h := map[string]string{c.header: c.value}
			for k, v := range headers {
				h[k] = v
			}
			if p := problem(t, s.post("application/json", c.body, h), http.StatusUnprocessableEntity); p.Field != c.field {
				t.Fatalf("%+v, want the field %q", p, c.field)
			}
		})
	}
	headers["CE-ID"] = "b-2"
	text := decode[client.Receipt](t, s.post("text/plain", `say "hi"`, headers), http.StatusCreated)
	if e, _ := s.trail.Get(t.Context(), text.Position); string(e.Data) != `"say \"hi\""` {
		t.Fatalf("text became %s", e.Data)
	}
	headers["CE-ID"] = "b-3"
	bin := decode[client.Receipt](t, s.post("application/octet-stream", "\x00\x01", headers), http.StatusCreated)
	if e, _ := s.trail.Get(t.Context(), bin.Position); e.DataBase64 != "AAE=" || e.Data != nil {
		t.Fatalf("bytes became %q %s", e.DataBase64, e.Data)
	}
}

func TestBatch(t *testing.T) {
	s := serve(t, trailtest.SQLite(t))
	ok := decode[client.Summary](t, s.post(client.TypeBatch, "[ "+event("1")+" , "+event("2")+"]"), http.StatusOK)
	if ok.Accepted != 2 || len(ok.Results) != 2 || *ok.Results[1].Index != 1 || *ok.Results[1].Position != 2 || ok.Results[1].LeafHash == nil {
		t.Fatalf("%+v", ok)
	}
	mixed := decode[client.Summary](t, s.post(client.TypeBatch,
		"["+event("1")+","+event("2", `"data":1`)+`,{"id":"x"},`+strings.Replace(event("9"), `"/test"`, `"/x"`, 1)+","+event("3", `"a":1`, `"a":2`)+","+event("4")+"]"), http.StatusMultiStatus)
	want := []string{client.Duplicate, client.Conflict, client.Refused, client.Denied, client.Refused, client.Accepted}
	for i, r := range mixed.Results {
		if r.Outcome != want[i] || *r.Index != i || (r.Status >= 400) != (r.Detail != "") {
			t.Errorf("result %d: %+v, want %s", i, r, want[i])
		}
	}
	if mixed.Accepted != 1 || mixed.Duplicates != 1 || mixed.Conflicts != 1 || mixed.Refused != 3 || *mixed.Results[1].Position != 2 {
		t.Fatalf("%+v", mixed)
	}
	none := problem(t, s.post(client.TypeBatch, `[{},{}]`), http.StatusUnprocessableEntity)
	if none.Summary == nil || none.Summary.Refused != 2 {
		t.Fatalf("%+v", none)
	}
	if p := problem(t, s.post(client.TypeBatch, "["+strings.Replace(event("9"), `"/test"`, `"/x"`, 1)+"]"), http.StatusForbidden); p.Summary.Results[0].Outcome != client.Denied {
		t.Fatalf("%+v", p)
	}
	if p := problem(t, s.post(client.TypeBatch, "["+event("1", `"data":7`)+"]"), http.StatusConflict); p.Summary.Conflicts != 1 {
		t.Fatalf("%+v", p)
	}
	many := problem(t, s.post(client.TypeBatch, "["+event("77")+strings.Repeat(",{}", handlers.MaxRefusals-1)+","+event("77")+"]"), http.StatusUnprocessableEntity)
	if many.Summary != nil || !strings.Contains(many.Detail, "10000") {
		t.Fatalf("%+v", many)
	}
	empty := decode[client.Summary](t, s.post(client.TypeBatch, "[]"), http.StatusOK)
	if empty.Accepted != 0 || len(empty.Results) != 0 {
		t.Fatalf("%+v", empty)
	}
	for _, broken := range []string{"", "[", "{}", "[" + event("77") + ",", "[" + event("77") + "] x", "[" + event("77") + "]]", "null"} {
		problem(t, s.post(client.TypeBatch, broken), http.StatusUnprocessableEntity)
	}
	if _, err := s.trail.Get(t.Context(), 6); err == nil {
		// policy.set, 1, 2, the conflict observed (twice), 4
		got, _ := s.trail.Head(t.Context())
		t.Logf("size %d", got.Size)
	}
	all, err := s.trail.Read(t.Context(), 0, 100, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range all {
		if e.ID == "77" {
			t.Fatal("a batch that was broken off was half recorded")
		}
	}
}

func TestLines(t *testing.T) {
	trailtest.Each(t, func(t *testing.T, o trail.Options) {
		s := serve(t, o)
		body := strings.Join([]string{event("1"), "", event("2") + "\r", `{"no":"event"}`, event("1"), event("1", `"data":1`), "  ", event("3")}, "\n")
		sum := decode[client.Summary](t, s.post(client.TypeLines, body), http.StatusMultiStatus)
		want := map[int]string{1: client.Accepted, 3: client.Accepted, 4: client.Refused, 5: client.Duplicate, 6: client.Conflict, 8: client.Accepted}
		last := 0
		for _, r := range sum.Results {
			if r.Outcome != want[*r.Line] || *r.Line <= last {
				t.Errorf("line %d: %+v", *r.Line, r)
			}
			last = *r.Line
		}
		if len(sum.Results) != len(want) || sum.Accepted != 3 || sum.Duplicates != 1 || sum.Conflicts != 1 || sum.Refused != 1 || sum.Last == nil {
			t.Fatalf("%+v", sum)
		}
		minimal := decode[client.Summary](t, s.post(client.TypeLines, body, map[string]string{"Prefer": "respond-async, return=minimal"}), http.StatusMultiStatus)
		if minimal.Duplicates != 4 || len(minimal.Results) != 2 {
			t.Fatalf("%+v", minimal)
		}
		trailtest.Check(t, s.trail)
	})
}

func TestLongBodiesOfLines(t *testing.T) {
	s := serve(t, trailtest.SQLite(t))
	var b strings.Builder
	n := 0
	pad := strings.Repeat("x", 1000)
	for b.Len() < 5*handlers.PieceBytes+1234 {
		n++
		switch n {
		case 100, 1000: // the second lies within a later piece
			fmt.Fprintln(&b, "not an event")
		case 200:
			fmt.Fprintln(&b, strings.Repeat("y", handlers.MaxLineBytes+1))
		case 900: // longer than a piece
			fmt.Fprintln(&b, strings.Repeat("z", handlers.PieceBytes+handlers.MaxLineBytes))
		default:
			fmt.Fprintln(&b, event(fmt.Sprintf("long-%d", n), `"data":"`+pad+`"`))
		}
	}
	body := strings.TrimSuffix(b.String(), "\n") // the last line has no end
	sum := decode[client.Summary](t, s.post(client.TypeLines, body), http.StatusMultiStatus)
	if sum.Refused != 4 || sum.Accepted != n-4 || len(sum.Results) != n {
		t.Fatalf("%d accepted, %d refused, %d results of %d lines", sum.Accepted, sum.Refused, len(sum.Results), n)
	}
	for i, r := range sum.Results {
		if *r.Line != i+1 {
			t.Fatalf("result %d is of line %d", i, *r.Line)
		}
		refused := i+1 == 100 || i+1 == 200 || i+1 == 900 || i+1 == 1000
		if refused != (r.Outcome == client.Refused) {
			t.Fatalf("line %d: %+v", i+1, r)
		}
	}
	all, err := s.trail.Read(t.Context(), 1, 1<<40, 0)
	if err != nil || len(all) != sum.Accepted {
		t.Fatalf("%d stored, %v", len(all), err)
	}
	lastLine := 0
	for _, e := range all {
		var line int
		fmt.Sscanf(e.ID, "long-%d", &line)
		if line <= lastLine {
			t.Fatalf("line %d was recorded after line %d", line, lastLine)
		}
		lastLine = line
	}
}

func TestTooManyRefusedLines(t *testing.T) {
	s := serve(t, trailtest.SQLite(t))
	body := event("first") + "\n" + strings.Repeat("x\n", handlers.MaxRefusals+500) + event("never") + "\n"
	sum := decode[client.Summary](t, s.post(client.TypeLines, body), http.StatusMultiStatus)
	if sum.Stopped == "" || sum.StoppedAt != handlers.MaxRefusals+2 || sum.Accepted != 1 || sum.Refused != handlers.MaxRefusals {
		t.Fatalf("%d accepted, %d refused, stopped %q at %d", sum.Accepted, sum.Refused, sum.Stopped, sum.StoppedAt)
	}
}

func TestLinesOverTheLimit(t *testing.T) {
	s := serve(t, trailtest.SQLite(t), func(d *handlers.Deps) { d.MaxLinesBytes = 1 << 20 })
	var b strings.Builder
	for i := 0; b.Len() < 2<<20; i++ {
		fmt.Fprintln(&b, event(fmt.Sprintf("over-%d", i)))
	}
	p := problem(t, s.post(client.TypeLines, b.String()), http.StatusRequestEntityTooLarge)
	if p.Summary == nil || p.Summary.Accepted == 0 || p.Summary.StoppedAt != p.Summary.Accepted+1 {
		t.Fatalf("%+v", p.Summary)
	}
	head, _ := s.trail.Head(t.Context())
	if head.Size != int64(p.Summary.Accepted)+1 {
		t.Fatalf("%d stored, %d said to be", head.Size-1, p.Summary.Accepted)
	}
}

func zip(t *testing.T, s string) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	z.Write([]byte(s))
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestGzip(t *testing.T) {
	s := serve(t, trailtest.SQLite(t), func(d *handlers.Deps) { d.MaxEventBytes, d.MaxLinesBytes = 64<<10, 1<<20 })
	gz := map[string]string{"Content-Encoding": "gzip"}
	decode[client.Receipt](t, s.post(client.TypeEvent, zip(t, event("z-1")), gz), http.StatusCreated)
	decode[client.Summary](t, s.post(client.TypeLines, zip(t, event("z-2")+"\n"+event("z-3")), gz), http.StatusOK)

	bomb := zip(t, event("z-4", `"data":"`+strings.Repeat("0", 20<<20)+`"`))
	if len(bomb) > 64<<10 {
		t.Fatalf("the bomb has %d bytes, which proves nothing", len(bomb))
	}
	problem(t, s.post(client.TypeEvent, bomb, gz), http.StatusRequestEntityTooLarge)
	problem(t, s.post(client.TypeLines, bomb, gz), http.StatusRequestEntityTooLarge)
	problem(t, s.post(client.TypeEvent, "not gzip", gz), http.StatusBadRequest)
	whole := zip(t, event("z-5"))
	problem(t, s.post(client.TypeEvent, whole[:len(whole)-6], gz), http.StatusBadRequest)
	problem(t, s.post(client.TypeEvent, event("z-6"), map[string]string{"Content-Encoding": "br"}), http.StatusUnsupportedMediaType)
}
