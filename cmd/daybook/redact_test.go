package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/events/trail"
	"github.com/daybookhq/daybook/events/trail/trailtest"
)

// TestRedactSurvivesSIGKILL kills redact at random moments and runs it again
// until it is done: then everything is erased, once, and nothing else.
func TestRedactSurvivesSIGKILL(t *testing.T) {
	t.Parallel()
	trailtest.Each(t, func(t *testing.T, o trail.Options) {
		t.Parallel()
		tr := trailtest.Open(t, o)
		var positions []string
		for i := range 20 {
			trailtest.Append(t, tr, trailtest.Notes(t, fmt.Sprint("kept", i), 10)...)
			rc := trailtest.Append(t, tr, trailtest.Event(t, fmt.Sprint("gone", i), "note.added", trailtest.Key(events.KindChange, "Quittenbaum"), func(e *events.Event) {
				e.Data = []byte(`{"text":"Quittenbaum did it"}`)
			}))
			positions = append(positions, fmt.Sprint(rc[0].Position))
		}
		before, err := tr.Head(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := tr.Close(); err != nil {
			t.Fatal(err)
		}
		args := append([]string{"redact", "--basis", "x", "--yes", "--data-dir", o.DataDir}, positions...)
		if o.DatabaseURL != "" {
			args = append(args, "--database-url", o.DatabaseURL)
		}
		random := rand.New(rand.NewPCG(3, 7))
		killed := 0
		for done := false; !done; {
			cmd := exec.Command("daybook", args...)
			var said bytes.Buffer
			cmd.Stdout, cmd.Stderr = &said, &said
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			if killed < 6 {
				time.Sleep(time.Duration(30*killed+random.IntN(60)) * time.Millisecond) // the random moment
				cmd.Process.Kill()
				killed++
			}
			err := cmd.Wait()
			if done = err == nil; !done && cmd.ProcessState.Exited() {
				t.Fatalf("%v: %s", err, said.String())
			}
		}
		files, err := filepath.Glob(filepath.Join(o.DataDir, "*"))
		if err != nil || len(files) == 0 {
			t.Fatalf("%v, %v", files, err)
		}
		for _, name := range files {
			if b, err := os.ReadFile(name); err == nil && bytes.Contains(b, []byte("Quittenbaum")) {
				t.Errorf("it still stands in %s", name)
			}
		}
		o.AllowOwner = true
		tr = trailtest.Open(t, o)
		r := trailtest.Check(t, tr)
		if r.Erased != 20 || r.Size != before.Size+20 || len(r.Notes) > 0 {
			t.Errorf("%d of 20 erased by %d events; %s", r.Erased, r.Size-before.Size, strings.Join(r.Notes, "; "))
		}
		if values, err := tr.KeysOf(t.Context(), events.KindChange, "", 10); err != nil || len(values) > 0 {
			t.Errorf("the changes are %v, %v", values, err)
		}
	})
}
