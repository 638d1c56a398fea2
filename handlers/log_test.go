package handlers_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/daybookhq/daybook/events/seal"
	"github.com/daybookhq/daybook/events/trail/trailtest"
	"github.com/daybookhq/daybook/events/witness"
	"github.com/daybookhq/daybook/handlers"
	"github.com/daybookhq/daybook/handlers/access"
)

// publishAt shows outsiders the log as it was at a size.
func publishAt(s **server, size *int64) func(*handlers.Deps) {
	return func(d *handlers.Deps) {
		d.Published = func(ctx context.Context) ([]byte, error) {
			h, err := (*s).trail.HeadAt(ctx, *size)
			return h.Checkpoint, err
		}
	}
}

func TestLogOverHTTP(t *testing.T) {
	var s *server
	size := int64(300)
	s = serve(t, trailtest.SQLite(t), publishAt(&s, &size))
	trailtest.Append(t, s.trail, trailtest.Notes(t, "a", 599)...)
	get := func(path string, header ...string) answer {
		c := call{as: access.Reader, path: path, header: map[string]string{"Accept-Encoding": "identity"}}
		for i := 0; i < len(header); i += 2 {
			c.header[header[i]] = header[i+1]
		}
		return s.do(c)
	}
	want := func(a answer, contentType, cache string) {
		t.Helper()
		if a.StatusCode != http.StatusOK || a.Header.Get("Content-Type") != contentType || a.Header.Get("Cache-Control") != cache {
			t.Errorf("%d %v %s", a.StatusCode, a.Header, a.body)
		}
	}
	a := get("/checkpoint")
	want(a, "text/plain; charset=utf-8", "private, no-cache")
	key, err := seal.ParsePublic(s.trail.PublicKey())
	if err != nil {
		t.Fatal(err)
	}
	if c, err := seal.OpenCheckpoint(a.body, key); err != nil || c.Size != size {
		t.Fatalf("%+v, %v in %s", c, err, a.body)
	}
	for path, size := range map[string]int{"/tile/0/000": 8192, "/tile/0/001.p/44": 44 * 32, "/tile/0/001.p/1": 32, "/tile/0/000.p/255": 255 * 32, "/tile/1/000.p/1": 32} {
		a := get(path)
		want(a, "application/octet-stream", "private, max-age=31536000, immutable")
		if len(a.body) != size || a.ContentLength != int64(size) {
			t.Errorf("%s has %d bytes", path, len(a.body))
		}
	}
	// Entries can be had in two forms of the same bytes.
	plain := get("/tile/entries/001.p/44")
	want(plain, "application/octet-stream", "private, no-cache")
	entries, err := s.trail.Entries(t.Context(), 256, 1)
	if err != nil || string(plain.body[2:2+len(entries[0])]) != string(entries[0]) {
		t.Fatalf("%v: %.100s", err, plain.body)
	}
	zipped := get("/tile/entries/001.p/44", "Accept-Encoding", "br;q=1, gzip;q=0.5, identity;q=0.1")
	want(zipped, "application/octet-stream", "private, no-cache")
	if zipped.Header.Get("Content-Encoding") != "gzip" || string(unzip(t, zipped.body)) != string(plain.body) || zipped.Header.Get("ETag") == plain.Header.Get("ETag") {
		t.Errorf("%v", zipped.Header)
	}
	for _, no := range []string{"", "identity", "gzip;q=0", "*;q=0", "br", "gzip;q=x", "*, gzip;q=0"} {
		if a := get("/tile/entries/001.p/44", "Accept-Encoding", no); a.Header.Get("Content-Encoding") != "" || string(a.body) != string(plain.body) {
			t.Errorf("Accept-Encoding %q: %v", no, a.Header)
		}
	}
	if a := get("/tile/entries/001.p/44", "If-None-Match", plain.Header.Get("ETag")); a.StatusCode != http.StatusNotModified || len(a.body) != 0 {
		t.Errorf("unchanged: %d", a.StatusCode)
	}
	// What is not published is not there, though it is in the trail; and what is no path never is.
	for _, path := range []string{
		"/tile/0/001", "/tile/0/001.p/45", "/tile/0/002.p/1", "/tile/1/000", "/tile/1/000.p/2", "/tile/2/000.p/1", "/tile/63/000", "/tile/63/000.p/1",
		"/tile/entries/001", "/tile/entries/001.p/45", "/tile/entries/002.p/88", "/tile/0/x036/x028/x797/x018/x963/967",
		"/tile/", "/tile/0", "/tile/64/000", "/tile/0/0", "/tile/0/x000/001", "/tile/00/000", "/tile/0/%30%30%30", "/tile/0/000.p/0", "/tile/0/000.p/256",
		"/tile/0/x999/x999/x999/x999/x999/x999/999", "/tile/entries/-01", "/tile/entries/000.p/", "/tile/0/000/", "/tile/" + strings.Repeat("9", 4000),
	} {
		if p := problem(t, get(path), http.StatusNotFound); p.Detail == "" {
			t.Errorf("%s: %+v", path, p)
		}
	}
	problem(t, get("/tile/0/000?x=1"), http.StatusBadRequest)
	size = 600
	if a := get("/tile/0/002.p/88"); a.StatusCode != http.StatusOK {
		t.Errorf("published since: %d %s", a.StatusCode, a.body)
	}
	// HEAD is GET without the body.
	if a := s.do(call{as: access.Reader, method: "HEAD", path: "/tile/0/000"}); a.StatusCode != http.StatusOK || a.ContentLength != 8192 || len(a.body) != 0 {
		t.Errorf("HEAD: %d, %d bytes", a.StatusCode, a.ContentLength)
	}
}

// TestPublicLog opens the log to everybody, and nothing else.
func TestPublicLog(t *testing.T) {
	s := serve(t, trailtest.SQLite(t), func(d *handlers.Deps) { d.PublicLog = true })
	example := strings.NewReplacer("{position}", "0", "{kind}", "incident", "{key...}", "x", "{id...}", "x", "{name}", "x", "{token}", "x", "{path...}", "0/000.p/1")
	open := 0
	for _, r := range handlers.Routes() {
		a := s.do(call{method: r.Method, path: example.Replace(r.Path)})
		switch {
		case r.Need == access.Follow:
			open++
			if a.StatusCode != http.StatusOK || !strings.HasPrefix(a.Header.Get("Cache-Control"), "public, ") {
				t.Errorf("%s %s: %d %v", r.Method, r.Path, a.StatusCode, a.Header)
			}
		case r.Need != access.Nothing && a.StatusCode != http.StatusUnauthorized:
			t.Errorf("%s %s by nobody: %d", r.Method, r.Path, a.StatusCode)
		}
	}
	if open != 3 {
		t.Errorf("%d routes are open", open)
	}
	if a := s.do(call{path: "/tile/entries/000.p/1"}); a.StatusCode != http.StatusOK {
		t.Errorf("entries: %d", a.StatusCode)
	}
	if p := problem(t, s.do(call{path: "/tile/entries/000"}), http.StatusNotFound); !strings.Contains(p.Detail, "the published log of 1 entries has 1 of the 256") {
		t.Errorf("%+v", p)
	}
}

func TestLogNotPublishedYet(t *testing.T) {
	failing := fmt.Errorf("asked around: %w", witness.ErrNotYet)
	s := serve(t, trailtest.SQLite(t), func(d *handlers.Deps) {
		d.Published = func(context.Context) ([]byte, error) { return nil, failing }
	})
	for _, path := range []string{"/checkpoint", "/tile/0/000.p/1", "/v1/proofs/inclusion?position=0", "/v1/proofs/consistency?from=1", "/v1/proofs/event/0"} {
		if p := problem(t, s.do(call{as: access.Reader, path: path}), http.StatusServiceUnavailable); p.Detail != witness.ErrNotYet.Error() {
			t.Errorf("%s: %+v", path, p)
		}
	}
	failing = fmt.Errorf("no such thing")
	problem(t, s.do(call{as: access.Reader, path: "/checkpoint"}), http.StatusInternalServerError)
}

// FuzzTileAddress asks for whatever address under /tile/: it is there and
// whole, or it is not there.
func FuzzTileAddress(f *testing.F) {
	s := serve(f, trailtest.SQLite(f), func(d *handlers.Deps) { d.PublicLog = true })
	trailtest.Append(f, s.trail, trailtest.Notes(f, "a", 299)...)
	for _, seed := range []string{"0/000", "0/001.p/44", "entries/001.p/44", "1/000.p/1", "2/000.p/1", "0/x000/001", "../checkpoint", "0//000", "0/%2e%2e/000", "entries/x036/x028/x797/x018/x963/967", "\x00", "0/000?x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, path string) {
		req, err := http.NewRequestWithContext(t.Context(), "GET", s.URL+"/tile/"+path, nil)
		if err != nil {
			return // no address at all
		}
		resp, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			t.Fatalf("%q: %v", path, err)
		}
		defer resp.Body.Close()
		switch resp.StatusCode {
		case http.StatusOK:
			p, err := seal.ParseTilePath("tile/" + path)
			if err != nil || p.WidthIn(300) < p.Width {
				t.Fatalf("%q was served", path)
			}
		case http.StatusNotFound, http.StatusBadRequest, http.StatusMovedPermanently, http.StatusTemporaryRedirect, http.StatusUnauthorized:
		default:
			t.Fatalf("%q: %s", path, resp.Status)
		}
	})
}

func unzip(t *testing.T, b []byte) []byte {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	plain, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return plain
}
