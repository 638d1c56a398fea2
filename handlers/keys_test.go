package handlers_test

import (
	"net/http"
	"testing"

	"github.com/daybookhq/daybook/events/client"
	"github.com/daybookhq/daybook/events/seal"
	"github.com/daybookhq/daybook/events/trail"
	"github.com/daybookhq/daybook/events/trail/trailtest"
	"github.com/daybookhq/daybook/handlers/access"
)

// What is served is enough for somebody who has the first public key alone.
func TestRotationsLeadToWhatIsPublished(t *testing.T) {
	trailtest.Each(t, func(t *testing.T, o trail.Options) {
		s := serve(t, o)
		get := func(path string) answer {
			t.Helper()
			a := s.do(call{as: access.Reader, path: path})
			if a.StatusCode != http.StatusOK {
				t.Fatalf("%s: %d %s", path, a.StatusCode, a.body)
			}
			return a
		}
		before := decode[client.Keys](t, get("/v1/keys"), http.StatusOK)
		if before.FirstKey != before.PublicKey || len(before.Keys) != 1 || before.File != nil || string(get("/rotations.json").body) != "[]\n" {
			t.Fatalf("before: %+v", before)
		}
		for range 2 {
			done := s.do(call{as: access.Admin, method: "POST", path: "/v1/keys/rotate", contentType: client.TypeJSON, body: `{"reason":"yearly"}`})
			decode[client.KeyRotated](t, done, http.StatusOK)
			post := s.do(call{as: access.Admin, method: "POST", path: "/v1/events", contentType: client.TypeEvent, body: event(done.Header.Get("X-Request-Id"))})
			decode[client.Receipt](t, post, http.StatusCreated)
		}
		problem(t, s.do(call{as: access.Admin, method: "POST", path: "/v1/keys/rotate", contentType: client.TypeJSON, body: `{"when":"now"}`}), http.StatusBadRequest)

		chain, err := seal.ParseRotations([]byte(get("/rotations.json").body))
		if err != nil || len(chain) != 2 {
			t.Fatalf("%d rotations, %v", len(chain), err)
		}
		ring, err := seal.NewKeyring(before.FirstKey, chain...)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ring.Open([]byte(get("/checkpoint").body)); err != nil {
			t.Fatalf("the published checkpoint: %v", err)
		}
		admin := decode[client.Keys](t, s.do(call{as: access.Admin, path: "/v1/keys"}), http.StatusOK)
		if admin.File == nil || admin.File.Mode != "0600" || admin.PublicKey != ring.Current() || len(admin.Keys) != 3 || admin.Keys[1].Reason != "yearly" || admin.Keys[1].Actor != "token/a-admin" {
			t.Fatalf("%+v", admin)
		}
	})
}
