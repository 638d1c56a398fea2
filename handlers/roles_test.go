package handlers_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/daybookhq/daybook/events/client"
	"github.com/daybookhq/daybook/events/trail"
	"github.com/daybookhq/daybook/events/trail/trailtest"
	"github.com/daybookhq/daybook/handlers"
	"github.com/daybookhq/daybook/handlers/access"
	"github.com/daybookhq/daybook/handlers/tokens"
)

// TestEveryRouteAndRole asks every route for every role and for nobody, and
// holds what is answered against what may be. A route that is added without a
// row in want fails it.
func TestEveryRouteAndRole(t *testing.T) {
	s := serve(t, trailtest.SQLite(t))
	want := map[string]string{ // who gets past the door
		"POST /v1/events":                     "recorder admin",
		"GET /v1/events":                      "reader auditor admin",
		"GET /v1/events/{position}":           "reader auditor admin",
		"GET /v1/head":                        "reader auditor admin",
		"GET /v1/stories/{kind}/{key...}":     "reader auditor admin",
		"GET /v1/export":                      "auditor admin",
		"GET /v1/stats":                       "reader auditor admin",
		"GET /v1/stats/{name}":                "reader auditor admin",
		"GET /v1/reports/{kind}/{id...}":      "reader auditor admin",
		"GET /v1/proofs/inclusion":            "reader auditor admin",
		"GET /v1/proofs/consistency":          "reader auditor admin",
		"GET /v1/proofs/event/{position}":     "reader auditor admin",
		"GET /checkpoint":                     "reader auditor admin",
		"GET /rotations.json":                 "reader auditor admin",
		"GET /tile/{path...}":                 "reader auditor admin",
		"GET /v1/projections":                 "auditor admin",
		"POST /v1/projections/{name}/rebuild": "admin",
		"GET /v1/keys":                        "reader auditor admin",
		"POST /v1/keys/rotate":                "admin",
		"GET /v1/tokens":                      "admin",
		"POST /v1/tokens":                     "admin",
		"DELETE /v1/tokens/{token}":           "admin",
		"GET /metrics":                        "auditor admin",
		"GET /healthz":                        "nobody recorder reader auditor admin",
		"GET /readyz":                         "nobody recorder reader auditor admin",
	}
	example := strings.NewReplacer("{position}", "0", "{kind}", "incident", "{key...}", "x", "{id...}", "x", "{path...}", "0/000.p/1", "{name}", "x", "{token}", "x")
	for _, r := range handlers.Routes() {
		route := r.Method + " " + r.Path
		may, known := want[route]
		if !known {
			t.Errorf("%s is not in the matrix", route)
			continue
		}
		delete(want, route)
		for _, role := range append(access.Roles(), "nobody") {
			a := s.do(call{as: role, method: r.Method, path: example.Replace(r.Path), contentType: client.TypeEvent, body: "{}"})
			allowed := strings.Contains(" "+may+" ", " "+string(role)+" ")
			switch {
			case allowed && (a.StatusCode == 401 || a.StatusCode == 403):
				t.Errorf("%s by %s: %d %s", route, role, a.StatusCode, a.body)
			case !allowed && role == "nobody":
				if p := problem(t, a, http.StatusUnauthorized); a.Header.Get("WWW-Authenticate") == "" {
					t.Errorf("%s by nobody: %+v", route, p)
				}
			case !allowed:
				problem(t, a, http.StatusForbidden)
			}
		}
	}
	for route := range want {
		t.Errorf("%s is in the matrix and does not exist", route)
	}
}

func TestWhatIsNoToken(t *testing.T) {
	s := serve(t, trailtest.SQLite(t))
	good := s.secret[access.Reader]
	for name, header := range map[string]string{
		"empty":         "",
		"basic":         "Basic " + good,
		"no scheme":     good,
		"another":       "Bearer " + good[:len(good)-1] + "x",
		"cut off":       "Bearer " + good[:len(good)-1],
		"longer":        "Bearer " + good + "x",
		"wrong prefix":  "Bearer x" + good,
		"endless":       "Bearer daybook_" + strings.Repeat("a", 10000),
		"only a prefix": "Bearer daybook_",
	} {
		t.Run(name, func(t *testing.T) {
			problem(t, s.do(call{path: "/v1/events", header: map[string]string{"Authorization": header}}), http.StatusUnauthorized)
		})
	}
	a := s.do(call{path: "/v1/events", header: map[string]string{"Authorization": "bearer  " + good}})
	if a.StatusCode != http.StatusOK {
		t.Fatalf("a lower-case scheme: %d", a.StatusCode)
	}
	if a := s.do(call{path: "/v1/events?access_token=" + good}); a.StatusCode != http.StatusUnauthorized {
		t.Fatalf("a token in the query: %d", a.StatusCode)
	}
}

func TestTokensFromIssueToEnd(t *testing.T) {
	trailtest.Each(t, func(t *testing.T, o trail.Options) {
		s := serve(t, o)
		issue := func(body string) answer {
			return s.do(call{as: access.Admin, method: "POST", path: "/v1/tokens", contentType: client.TypeJSON, body: body})
		}
		got := decode[client.Token](t, issue(`{"name":"ci","role":"recorder","sources":["/ci/*"],"types":["change.*"],"expires":"2026-03-20T10:00:00Z"}`), http.StatusCreated)
		if got.Secret == "" || got.By != "token/a-admin" || got.ID == "" {
			t.Fatalf("%+v", got)
		}
		s.secret["ci"] = got.Secret
		ship := strings.NewReplacer("/test", "/ci/main", "note.added", "change.shipped")
		use := func(id string) answer {
			return s.do(call{as: "ci", method: "POST", path: "/v1/events", contentType: client.TypeEvent, body: ship.Replace(event(id))})
		}
		decode[client.Receipt](t, use("1"), http.StatusCreated)
		problem(t, s.do(call{as: "ci", method: "POST", path: "/v1/events", contentType: client.TypeEvent, body: strings.Replace(event("2"), "/test", "/ci/main", 1)}), http.StatusForbidden)

		// What cannot be issued.
		for body, field := range map[string]string{
			`{"name":"ci","role":"reader"}`:                                 "name",
			`{"name":"","role":"reader"}`:                                   "name",
			`{"name":"a/b","role":"reader"}`:                                "name",
			`{"name":"x","role":"root"}`:                                    "role",
			`{"name":"x","role":"recorder"}`:                                "sources",
			`{"name":"x","role":"admin","sources":["*"]}`:                   "sources",
			`{"name":"x","role":"reader","expires":"2020-01-01T00:00:00Z"}`: "expires",
			`{"name":"x","role":"reader","secret":"daybook_mine"}`:          "",
			`{"name":"x","role":"reader","unknown":1}`:                      "",
		} {
			a := issue(body)
			if a.StatusCode != http.StatusBadRequest && a.StatusCode != http.StatusConflict && !strings.Contains(body, "secret") {
				t.Errorf("%s: %d %s", body, a.StatusCode, a.body)
			}
			if a.StatusCode >= 400 {
				if p := problem(t, a, a.StatusCode); p.Field != field {
					t.Errorf("%s: %+v, want the field %q", body, p, field)
				}
			}
		}

		// It ends by itself, to the second.
		s.advance(59 * 60 * 1e9)
		decode[client.Receipt](t, use("3"), http.StatusCreated)
		s.advance(60 * 1e9)
		problem(t, use("4"), http.StatusUnauthorized)

		// A revoked one is useless at once, though it was used a moment ago.
		s.secret["r"] = decode[client.Token](t, issue(`{"name":"r","role":"reader"}`), http.StatusCreated).Secret
		read := call{as: "r", path: "/v1/events"}
		if a := s.do(read); a.StatusCode != 200 {
			t.Fatalf("%d %s", a.StatusCode, a.body)
		}
		revoke := call{as: access.Admin, method: "DELETE", path: "/v1/tokens/r?reason=test"}
		if got := decode[client.Token](t, s.do(revoke), http.StatusOK); got.Revoked == nil || got.Secret != "" {
			t.Fatalf("%+v", got)
		}
		problem(t, s.do(read), http.StatusUnauthorized)
		problem(t, s.do(revoke), http.StatusNotFound)

		// By its id it can be revoked again, which changes nothing.
		for _, old := range decode[[]client.Token](t, s.do(call{as: access.Admin, path: "/v1/tokens"}), http.StatusOK) {
			if old.Name != "r" {
				continue
			}
			s.advance(60 * 1e9)
			revoke.path = "/v1/tokens/" + old.ID + "?reason=another"
			if again := decode[client.Token](t, s.do(revoke), http.StatusOK); again.Revoked == nil || !again.Revoked.Equal(*old.Revoked) {
				t.Fatalf("%+v after %+v", again, old)
			}
		}

		// Its name is free again; the list has both, and no secret.
		decode[client.Token](t, issue(`{"name":"r","role":"reader"}`), http.StatusCreated)
		list := s.do(call{as: access.Admin, path: "/v1/tokens"})
		if n := strings.Count(string(list.body), `"name":"r"`); n != 2 || strings.Contains(string(list.body), "daybook_") {
			t.Fatalf("%d called r: %s", n, list.body)
		}

		// Issuing and revoking are events; no secret is in the trail or the log.
		types := map[string]int{}
		all, err := s.trail.Read(t.Context(), 0, 1000, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range all {
			types[e.Short()]++
			if strings.Contains(string(e.Bytes), "daybook_") {
				t.Fatalf("a secret is in the trail: %s", e.Bytes)
			}
			if strings.HasPrefix(e.Short(), "token.") && (e.AuthID != "token/a-admin" || e.Writer != trail.LedgerWriter || e.Source != access.LedgerSource) {
				t.Fatalf("%s", e.Bytes)
			}
		}
		if types["token.issued"] != 3 || types["token.revoked"] != 1 || types["conflict.observed"] != 0 {
			t.Fatalf("%v", types)
		}
		if strings.Contains(s.log.String(), "daybook_") {
			t.Fatal("a secret is in the log")
		}
		trailtest.Check(t, s.trail)
	})
}

func TestFirstAdminIsMadeOnce(t *testing.T) {
	s := serve(t, trailtest.SQLite(t))
	if secret, err := handlers.FirstAdmin(t.Context(), s.trail, s.tokens); err != nil || secret != "" {
		t.Fatalf("made another though there are tokens: %v", err)
	}
	o := trailtest.SQLite(t)
	tr := trailtest.Open(t, o)
	store := tokens.New(tokens.Options{DB: tr.DB(), Write: tr.Write, Clock: s.clock, Rand: zeroes{}})
	secret, err := handlers.FirstAdmin(t.Context(), tr, store)
	if err != nil || secret == "" {
		t.Fatalf("%q, %v", secret, err)
	}
	got, err := store.Authenticate(t.Context(), secret)
	if err != nil || got.Role != access.Admin {
		t.Fatalf("%+v, %v", got, err)
	}
	// Its use is remembered through a flush, and revoking it leaves none.
	if err := store.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	list, err := store.List(t.Context())
	if err != nil || len(list) != 1 || list[0].Used.IsZero() {
		t.Fatalf("%+v, %v", list, err)
	}
	if was, err := store.Revoke(t.Context(), got.ID); err != nil || !was {
		t.Fatalf("%v, %v", was, err)
	}
	if was, err := store.Revoke(t.Context(), got.ID); err != nil || was {
		t.Fatalf("revoked twice: %v, %v", was, err)
	}
	if again, err := handlers.FirstAdmin(t.Context(), tr, store); err != nil || again != "" {
		t.Fatalf("a ledger that had an admin got another by itself: %v", err)
	}
}

type zeroes struct{}

func (zeroes) Read(b []byte) (int, error) { clear(b); return len(b), nil }

func TestLedgerSourceIsOneAndTheSame(t *testing.T) {
	if access.LedgerSource != trail.LedgerSource {
		t.Fatalf("%q is guarded, %q is written", access.LedgerSource, trail.LedgerSource)
	}
}
