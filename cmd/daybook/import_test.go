package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// daybook runs a command in this process and returns its exit code.
func daybook(t *testing.T, args ...string) (code int, out, errs string) {
	t.Helper()
	return daybookIn(t.Context(), args...)
}

func daybookIn(ctx context.Context, args ...string) (code int, out, errs string) {
	var o, e bytes.Buffer
	code = execute(ctx, args, strings.NewReader(""), &o, &e)
	return code, o.String(), e.String()
}

// events writes a file of n events, with each line named in bad no event at all.
func eventsFile(t *testing.T, n int, bad ...int) string {
	t.Helper()
	var b bytes.Buffer
	pad := strings.Repeat("x", 900)
	for i := 1; i <= n; i++ {
		if len(bad) > 0 && bad[0] == i {
			fmt.Fprintln(&b, "no event")
			bad = bad[1:]
			continue
		}
		fmt.Fprintf(&b, `{"specversion":"1.0","id":"%d","source":"/file","type":"dev.daybook.note.added.v1","time":"2026-03-14T12:00:00Z","data":{"text":"%s"}}`+"\n", i, pad)
	}
	path := filepath.Join(t.TempDir(), "events.jsonl")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// interrupted imports a file and stops after the given number of parts.
func interrupted(t *testing.T, dir, file string, parts int) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	l, err := openLedger(ctx, settings{DataDir: dir}, "import", discard())
	if err != nil {
		t.Fatal(err)
	}
	s, err := inProcess(l)
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	im := &importing{cmd: newImportCmd(), session: s, format: "auto"}
	im.afterPart = func(n int) error {
		if n == parts {
			return context.Canceled
		}
		return nil
	}
	if err := im.file(ctx, file); err == nil {
		t.Fatalf("the import was not interrupted")
	}
}

func imported(t *testing.T, dir, file string) (tally, string) {
	t.Helper()
	_, out, errs := daybook(t, "import", file, "--data-dir", dir, "--json")
	var all []tally
	if err := json.Unmarshal([]byte(out), &all); err != nil || len(all) != 1 {
		t.Fatalf("%v in %s %s", err, out, errs)
	}
	return all[0], errs
}

func TestAnInterruptedImportGoesOn(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	file := eventsFile(t, 12_000, 17, 11_000)
	interrupted(t, dir, file, 2)

	got, errs := imported(t, dir, file)
	if got.Resumed == 0 || !strings.Contains(errs, "going on after line") {
		t.Fatalf("it started over: %+v, %s", got, errs)
	}
	// The earlier run's refused line is not forgotten, and all is accounted for.
	if got.Accepted != 11_998 || got.Duplicates != 0 || got.Refused != 2 || len(got.Problems) != 2 || got.Problems[0].Line != 17 || got.Problems[1].Line != 11_000 {
		t.Fatalf("%+v", got)
	}
	// A finished import leaves nothing to go on from: all of it is looked at.
	again, _ := imported(t, dir, file)
	if again.Resumed != 0 || again.Duplicates != 11_998 || again.Accepted != 0 || again.Refused != 2 {
		t.Fatalf("%+v", again)
	}
	if code, out, errs := daybook(t, "verify", "--data-dir", dir); code != 0 {
		t.Fatalf("%s%s", out, errs)
	}
}

func TestAnImportIsResumedOnlyWhereItIsSafe(t *testing.T) {
	for name, change := range map[string]func(t *testing.T, dir, file string){
		"another ledger": func(t *testing.T, dir, file string) {
			keep, err := os.ReadDir(dir)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range keep {
				if e.Name() != "imports" {
					os.RemoveAll(filepath.Join(dir, e.Name()))
				}
			}
		},
		"a changed file": func(t *testing.T, dir, file string) {
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			b = bytes.Replace(b, []byte(`"id":"3"`), []byte(`"id":"0"`), 1)
			if err := os.WriteFile(file, b, 0o600); err != nil {
				t.Fatal(err)
			}
		},
		"a broken cursor": func(t *testing.T, dir, file string) {
			names, err := filepath.Glob(filepath.Join(dir, "imports", "*.json"))
			if err != nil || len(names) != 1 {
				t.Fatalf("%v %v", names, err)
			}
			if err := os.WriteFile(names[0], []byte(`{"offset":`), 0o600); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "data")
			file := eventsFile(t, 9_000)
			interrupted(t, dir, file, 1)
			change(t, dir, file)
			got, _ := imported(t, dir, file)
			if got.Resumed != 0 || got.Accepted+got.Duplicates != 9_000 || got.Refused+got.Conflicts != 0 {
				t.Fatalf("%+v", got)
			}
		})
	}
}

// TestTwoClientsImportOneFile lets two clients of one server import the same
// file at once: each event is recorded once, whoever was first.
func TestTwoClientsImportOneFile(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	srv := runServer(t, settings{DataDir: dir, Listen: "127.0.0.1:0"})
	file := eventsFile(t, 7_000)
	var got [2]tally
	var errs [2]string
	var wait sync.WaitGroup
	for i := range got {
		wait.Go(func() {
			var out string
			_, out, errs[i] = daybookIn(t.Context(), "import", file, "--data-dir", dir, "--json")
			var all []tally
			if json.Unmarshal([]byte(out), &all) == nil && len(all) == 1 {
				got[i] = all[0]
			}
		})
	}
	wait.Wait()
	accepted := got[0].Accepted + got[1].Accepted
	if accepted != 7_000 || got[0].Duplicates+got[1].Duplicates != 7_000 || got[0].Refused+got[1].Refused+got[0].Conflicts+got[1].Conflicts != 0 {
		t.Fatalf("%+v\n%+v\n%s", got[0], got[1], errs)
	}
	head, err := srv.trail.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if head.Size != 7_000+2 { // the policy, and the first token
		t.Fatalf("%d events", head.Size)
	}
}

// TestCommandsWithoutAServerTakeTurns runs several on one directory at once.
func TestCommandsWithoutAServerTakeTurns(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	var wait sync.WaitGroup
	codes := make([]string, 6)
	for i := range codes {
		wait.Go(func() {
			code, _, errs := daybookIn(t.Context(), "note", "hello", "--data-dir", dir)
			if code != 0 {
				codes[i] = errs
			}
		})
	}
	wait.Wait()
	for _, errs := range codes {
		if errs != "" {
			t.Error(errs)
		}
	}
	if _, out, _ := daybook(t, "trail", "list", "--json", "--type", "note.added", "--data-dir", dir); strings.Count(out, "\n") != len(codes) {
		t.Fatalf("%s", out)
	}
}
