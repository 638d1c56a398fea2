package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/daybookhq/daybook/events/client"
)

// serve answers with each of the handlers in turn, and the last for ever.
func serve(t *testing.T, answers ...http.HandlerFunc) (*client.Client, *[]time.Duration) {
	t.Helper()
	n := 0
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answers[min(n, len(answers)-1)](w, r)
		n++
	}))
	t.Cleanup(srv.Close)
	waits := &[]time.Duration{}
	c, err := client.New(client.Options{URL: srv.URL + "/base/", Token: "secret", Wait: func(_ context.Context, d time.Duration) error {
		*waits = append(*waits, d)
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	return c, waits
}

func status(code int, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if len(header) == 2 {
			w.Header().Set(header[0], header[1])
		}
		w.Header().Set("Content-Type", client.TypeProblem)
		w.WriteHeader(code)
		json.NewEncoder(w).Encode(client.Problem{Status: code, Title: http.StatusText(code), Detail: "because", Field: "id"})
	}
}

func TestRequestsThatMayBeRepeatedAre(t *testing.T) {
	var bodies []string
	c, waits := serve(t, status(503), status(429, "Retry-After", "3"), func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		bodies = append(bodies, string(b))
		if r.Header.Get("Authorization") != "Bearer secret" || r.URL.EscapedPath() != "/base/v1/events" {
			t.Errorf("%s %v", r.URL.EscapedPath(), r.Header)
		}
		w.Write([]byte(`{"accepted":1,"results":[]}`))
	})
	got, err := c.SendLines(t.Context(), []byte("{}\n"), true)
	if err != nil || got.Accepted != 1 || !slices.Equal(bodies, []string{"{}\n"}) {
		t.Fatalf("%+v, %v, %q", got, err, bodies)
	}
	if want := []time.Duration{200 * time.Millisecond, 3 * time.Second}; !slices.Equal(*waits, want) {
		t.Fatalf("waited %v, want %v", *waits, want)
	}
}

func TestProblemsAreErrors(t *testing.T) {
	for _, code := range []int{400, 401, 403, 404, 409, 413, 422, 500, 507} {
		c, waits := serve(t, status(code))
		err := c.JSON(t.Context(), client.Request{Path: "/v1/head"}, nil)
		var p *client.Problem
		if !errors.As(err, &p) || p.Status != code || err.Error() != "id: because" || len(*waits) != 0 {
			t.Errorf("%d: %v after %v", code, err, *waits)
		}
	}
	c, waits := serve(t, status(503))
	if err := c.JSON(t.Context(), client.Request{Path: "/v1/head"}, nil); err == nil || len(*waits) != 3 {
		t.Fatalf("%v after %v", err, *waits)
	}
	// What is not the same twice is sent once.
	if err := c.Post(t.Context(), "/v1/tokens", struct{}{}, nil); err == nil || len(*waits) != 3 {
		t.Fatalf("%v after %v", err, *waits)
	}
	// Something that is not a ledger answers.
	c, _ = serve(t, func(w http.ResponseWriter, r *http.Request) { http.Error(w, "<html>", 404) })
	if err := c.JSON(t.Context(), client.Request{Path: "/v1/head"}, nil); err == nil || err.Error() != "the server answered 404 Not Found" {
		t.Fatalf("%v", err)
	}
}

func TestPathsKeepWhatIsEncoded(t *testing.T) {
	var got string
	c, _ := serve(t, func(w http.ResponseWriter, r *http.Request) { got = r.URL.EscapedPath(); w.Write([]byte("{}")) })
	if err := c.JSON(t.Context(), client.Request{Path: "/v1/stories/incident/a%2Fb%20c"}, nil); err != nil || got != "/base/v1/stories/incident/a%2Fb%20c" {
		t.Fatalf("%s, %v", got, err)
	}
}

func TestNobodyThere(t *testing.T) {
	srv := httptest.NewServer(nil)
	srv.Close()
	c, err := client.New(client.Options{URL: srv.URL, Tries: 2, Wait: func(context.Context, time.Duration) error { return nil }})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.JSON(t.Context(), client.Request{Path: "/v1/head"}, nil); err == nil {
		t.Fatal("no error")
	}
	for _, url := range []string{"", "ledger", "ftp://x", "http://", "://"} {
		if _, err := client.New(client.Options{URL: url}); err == nil {
			t.Errorf("%q was taken for the address of a server", url)
		}
	}
}

// TestASummaryDoesNotHideThatTheLedgerFailed holds apart the lines that cannot
// be recorded, which the summary names, and a ledger that stopped midway.
func TestASummaryDoesNotHideThatTheLedgerFailed(t *testing.T) {
	for code, fails := range map[int]bool{403: false, 409: false, 422: false, 400: true, 408: true, 413: true, 500: true, 503: true, 507: true} {
		c, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", client.TypeProblem)
			w.WriteHeader(code)
			sum := client.Summary{Accepted: 2, Stopped: "nothing from line 3 on was recorded", StoppedAt: 3}
			json.NewEncoder(w).Encode(client.Problem{Status: code, Detail: "because", Summary: &sum})
		})
		got, err := c.SendLines(t.Context(), []byte("{}\n"), true)
		var p *client.Problem
		if (err != nil) != fails || fails && (!errors.As(err, &p) || p.Status != code) {
			t.Errorf("%d: %v", code, err)
		}
		if got.Accepted != 2 || got.StoppedAt != 3 {
			t.Errorf("%d: the summary is lost: %+v", code, got)
		}
	}
}
