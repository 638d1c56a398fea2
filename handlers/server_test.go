package handlers_test

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/daybookhq/daybook/events/client"
	"github.com/daybookhq/daybook/events/trail"
	"github.com/daybookhq/daybook/events/trail/trailtest"
	"github.com/daybookhq/daybook/handlers"
	"github.com/daybookhq/daybook/handlers/access"
	"github.com/daybookhq/daybook/handlers/tokens"
	"github.com/daybookhq/daybook/projections"
	"github.com/daybookhq/daybook/reports"
)

// A server is the API over a fresh trail, with a token of each role.
type server struct {
	*httptest.Server
	t      testing.TB
	trail  *trail.Trail
	tokens *tokens.Store
	secret map[access.Role]string
	log    *syncBuffer

	mu  sync.Mutex
	now time.Time
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(b)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func (s *server) clock() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

func (s *server) advance(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = s.now.Add(d)
}

func serve(t testing.TB, o trail.Options, change ...func(*handlers.Deps)) *server {
	t.Helper()
	s := &server{t: t, secret: map[access.Role]string{}, log: &syncBuffer{}, now: time.Date(2026, 3, 20, 9, 0, 0, 0, time.UTC)}
	o.Clock = s.clock
	s.trail = trailtest.Open(t, o)
	s.tokens = tokens.New(tokens.Options{DB: s.trail.DB(), Write: s.trail.Write, Classify: s.trail.Classify, Clock: s.clock, Rand: rand.Reader})
	runner, err := projections.Open(t.Context(), s.trail, projections.Options{})
	if err != nil {
		t.Fatal(err)
	}
	level := slog.LevelDebug
	if _, ok := t.(*testing.B); ok {
		level = slog.LevelInfo
	}
	d := handlers.Deps{
		Trail: s.trail, Tokens: s.tokens, Runner: runner, Clock: s.clock,
		Reports: reports.New(reports.Deps{Trail: s.trail, Register: runner.Reader()}),
		Logger:  slog.New(slog.NewTextHandler(s.log, &slog.HandlerOptions{Level: level})),
	}
	for _, f := range change {
		f(&d)
	}
	for _, role := range access.Roles() {
		g := tokens.Grant{Name: "a-" + string(role), Role: role}
		if role == access.Recorder {
			g.Sources = []string{"/test", "/test/*"}
		}
		s.secret[role] = s.issue(g)
	}
	s.Server = httptest.NewServer(handlers.New(d))
	t.Cleanup(s.Close)
	return s
}

func (s *server) issue(g tokens.Grant) string {
	s.t.Helper()
	tok, secret, err := s.tokens.Prepare(g, "test")
	if err == nil {
		err = s.tokens.Add(s.t.Context(), tok, secret)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return secret
}

// A call is a request of a test; Authorization is the role's token.
type call struct {
	as          access.Role
	method      string
	path        string
	contentType string
	body        string
	header      map[string]string
}

// An answer is what came back.
type answer struct {
	*http.Response
	body []byte
}

func (s *server) do(c call) answer {
	s.t.Helper()
	if c.method == "" {
		c.method = http.MethodGet
	}
	req, err := http.NewRequestWithContext(s.t.Context(), c.method, s.URL+c.path, strings.NewReader(c.body))
	if err != nil {
		s.t.Fatal(err)
	}
	if c.contentType != "" {
		req.Header.Set("Content-Type", c.contentType)
	}
	if secret := s.secret[c.as]; secret != "" {
		req.Header.Set("Authorization", "Bearer "+secret)
	}
	for name, v := range c.header {
		req.Header.Set(name, v)
	}
	resp, err := s.Client().Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return answer{resp, b}
}

func (s *server) post(contentType, body string, header ...map[string]string) answer {
	s.t.Helper()
	h := map[string]string{}
	for _, more := range header {
		maps.Copy(h, more)
	}
	return s.do(call{as: access.Recorder, method: "POST", path: "/v1/events", contentType: contentType, body: body, header: h})
}

// decode reads an answer of the status wanted as JSON.
func decode[T any](t *testing.T, a answer, status int) T {
	t.Helper()
	if a.StatusCode != status {
		t.Fatalf("status %d, want %d: %s", a.StatusCode, status, a.body)
	}
	var v T
	dec := json.NewDecoder(bytes.NewReader(a.body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&v); err != nil {
		t.Fatalf("%v in %s", err, a.body)
	}
	return v
}

// problem reads an answer that is a problem of the status wanted.
func problem(t *testing.T, a answer, status int) client.Problem {
	t.Helper()
	p := decode[client.Problem](t, a, status)
	if ct := a.Header.Get("Content-Type"); ct != client.TypeProblem {
		t.Fatalf("a problem came as %q", ct)
	}
	if p.Status != status || p.Title == "" || p.Type == "" || p.RequestID == "" || p.RequestID != a.Header.Get("X-Request-Id") {
		t.Fatalf("problem %+v", p)
	}
	return p
}

// event is one event as a producer sends it.
func event(id string, members ...string) string {
	e := fmt.Sprintf(`{"specversion":"1.0","id":%q,"source":"/test","type":"dev.daybook.note.added.v1","time":"2026-03-14T12:00:00Z"`, id)
	for _, m := range members {
		e += "," + m
	}
	return e + "}"
}
