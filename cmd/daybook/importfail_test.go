package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jmoiron/sqlx"

	"github.com/daybookhq/daybook/events/client"
)

// TestAnImportFailsWhereTheTrailDoes imports through a server that takes the
// first part, and of the second a few lines before it answers 507. The import
// must say so, count what was recorded, and go on from there.
func TestAnImportFailsWhereTheTrailDoes(t *testing.T) {
	full := true
	sent := 0
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body bytes.Buffer
		body.ReadFrom(r.Body)
		n := bytes.Count(body.Bytes(), []byte("\n"))
		sent++
		last := int64(n)
		sum := client.Summary{Accepted: n, Last: &last}
		if sent == 1 || !full {
			json.NewEncoder(w).Encode(sum)
			return
		}
		sum.Accepted, sum.Stopped, sum.StoppedAt = 7, "nothing from line 8 on was recorded", 8
		w.Header().Set("Content-Type", client.TypeProblem)
		w.WriteHeader(http.StatusInsufficientStorage)
		json.NewEncoder(w).Encode(client.Problem{Status: 507, Detail: "no room left; " + sum.Stopped, Summary: &sum})
	}))
	defer srv.Close()
	t.Setenv("DAYBOOK_TOKEN", "t")
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	file := eventsFile(t, 12_000)
	run := func() (int, tally, string) {
		code, out, errs := daybook(t, "import", file, "--server", srv.URL, "--json")
		var all []tally
		if err := json.Unmarshal([]byte(out), &all); err != nil || len(all) != 1 {
			t.Fatalf("%v in %s %s", err, out, errs)
		}
		return code, all[0], errs
	}
	code, got, errs := run()
	if code == 0 || !strings.Contains(errs, "no room left") || !strings.Contains(errs, "line 8") {
		t.Fatalf("code %d after lines that were not recorded: %s", code, errs)
	}
	if sent != 2 || got.Accepted < 1000 || got.Accepted > 6000 {
		t.Fatalf("%d parts, %+v", sent, got)
	}
	// The next run goes on no later than the line that was not recorded. (This
	// server knows no duplicates, so the cursor may be refused as well.)
	full = false
	code, again, errs := run()
	if code != 0 || again.Resumed > got.Accepted-7 || again.Accepted+again.Duplicates != 12_000 {
		t.Fatalf("code %d, %+v, %s", code, again, errs)
	}
}

// TestAnImportIntoAFullTrail does the same with a real one.
func TestAnImportIntoAFullTrail(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	srv := runServer(t, settings{DataDir: dir, Listen: "127.0.0.1:0"})
	pages := func(more int) {
		t.Helper()
		err := srv.trail.Write(t.Context(), func(tx *sqlx.Tx) error {
			var used int
			if err := tx.Get(&used, "PRAGMA page_count"); err != nil {
				return err
			}
			_, err := tx.Exec(fmt.Sprintf("PRAGMA max_page_count = %d", used+more))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(t.TempDir(), "two.jsonl")
	b, err := os.ReadFile(eventsFile(t, 12_000))
	if err == nil {
		err = os.WriteFile(file, b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	pages(2000)
	code, out, errs := daybook(t, "import", file, "--data-dir", dir, "--json")
	var all []tally
	if err := json.Unmarshal([]byte(out), &all); err != nil || len(all) != 1 {
		t.Fatalf("%v in %s %s", err, out, errs)
	}
	if code == 0 || !strings.Contains(errs, "no room left") {
		t.Fatalf("code %d: %s", code, errs)
	}
	head, err := srv.trail.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if n := int(head.Size) - 2; n != all[0].Accepted || n == 0 || n >= 12_000 {
		t.Fatalf("%d events are in the trail, the import says %+v", n, all[0])
	}
	pages(1 << 20)
	got, _ := imported(t, dir, file)
	if got.Accepted+got.Duplicates != 12_000 {
		t.Fatalf("%+v", got)
	}
	if head, err = srv.trail.Head(t.Context()); err != nil || head.Size != 12_000+2 {
		t.Fatalf("%d events, %v", head.Size, err)
	}
}
