package handlers_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/events/client"
	"github.com/daybookhq/daybook/events/trail/trailtest"
	"github.com/daybookhq/daybook/handlers/access"
)

// FuzzPost sends any body in any of the forms. Whatever comes, the answer is one
// of those that are promised, what is counted as recorded is recorded, and the
// trail still verifies.
func FuzzPost(f *testing.F) {
	forms := []string{client.TypeEvent, client.TypeBatch, client.TypeLines, "application/json", "text/plain"}
	for i := range forms {
		f.Add(uint8(i), event("1"), "id-1")
		f.Add(uint8(i), "["+event("1")+","+event("2")+"]", "%41")
		f.Add(uint8(i), event("1")+"\n\n"+event("1", `"data":2`)+"\nx", `"q"`)
		f.Add(uint8(i), `{"specversion":"1.0"`, "")
		f.Add(uint8(i), "[[[[", "a\tb")
		f.Add(uint8(i), "\x1f\x8b\x08\x00", "é")
	}
	s := serve(f, trailtest.SQLite(f))
	f.Fuzz(func(t *testing.T, form uint8, body, id string) {
		before, err := s.trail.Head(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		req, _ := http.NewRequest("POST", s.URL+"/v1/events", strings.NewReader(body))
		req.Header.Set("Content-Type", forms[int(form)%len(forms)])
		req.Header.Set("Authorization", "Bearer "+s.secret[access.Recorder])
		if strings.ContainsFunc(id, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			return // not a header at all
		}
		for name, v := range map[string]string{"Ce-Id": id, "Ce-Specversion": "1.0", "Ce-Source": "/test", "Ce-Type": "x.y.z", "Ce-Time": "2026-03-14T12:00:00Z"} {
			req.Header.Set(name, v)
		}
		resp, err := s.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		var answer struct {
			client.Summary
			Problem  *client.Summary `json:"summary"`
			Position *int64          `json:"position"`
			Detail   string          `json:"detail"`
		}
		if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
			t.Fatalf("%d: %v", resp.StatusCode, err)
		}
		accepted := int64(answer.Accepted)
		switch resp.StatusCode {
		case http.StatusCreated:
			accepted = 1
		case http.StatusOK, http.StatusMultiStatus:
		case 400, 403, 409, 413, 415, 422:
			if answer.Detail == "" || accepted > 0 {
				t.Fatalf("%d without a reason, or with %d recorded", resp.StatusCode, accepted)
			}
		default:
			t.Fatalf("status %d: %s", resp.StatusCode, answer.Detail)
		}
		after, err := s.trail.Head(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		added, err := s.trail.Read(t.Context(), before.Size, after.Size, 0)
		if err != nil {
			t.Fatal(err)
		}
		var recorded int64
		for _, e := range added {
			if e.Source != access.LedgerSource {
				recorded++
			}
			if _, err := events.ParseRecorded(e.Bytes); err != nil {
				t.Fatalf("stored what cannot be read: %v", err)
			}
		}
		if recorded != accepted {
			t.Fatalf("%d recorded, %d said to be (status %d)", recorded, accepted, resp.StatusCode)
		}
	})
}
