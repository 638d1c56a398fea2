package main

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestDemoOnce(t *testing.T) {
	data, out := filepath.Join(t.TempDir(), "data"), filepath.Join(t.TempDir(), "out")
	first := runCommand(t, "demo", "--once", "--data-dir", data, "--output", out)
	for _, want := range []string{"events entered.", "cloudflare-2019-07-02", "The three documents are in " + out} {
		if !strings.Contains(first, want) {
			t.Errorf("the first run does not say %q", want)
		}
	}
	for name, facts := range map[string][]string{
		"postmortem-INC-2019-07-02": {"INC-2019-07-02", "27 min", "13:45", "45 min"},
		"followup-EM-12":            {"EM-12", "eval-regression-suite", "18:30"},
		"emergencies-2026-03":       {"EM-12", "EM-13", "EM-14", "2.50", "0.52", "7.31", "1,250", "0.80"},
	} {
		md, err := os.ReadFile(filepath.Join(out, name+".md"))
		if err != nil {
			t.Fatal(err)
		}
		for _, fact := range facts {
			if !strings.Contains(string(md), fact) {
				t.Errorf("%s.md does not say %q", name, fact)
			}
		}
		page, err := os.ReadFile(filepath.Join(out, name+".html"))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(page, []byte("<html")) || bytes.Contains(page, []byte("<script")) {
			t.Errorf("%s.html is not a plain page", name)
		}
	}

	// The same again adds nothing, and the documents say the same.
	before := readAll(t, out)
	second := runCommand(t, "demo", "--once", "--data-dir", data, "--output", out)
	if !strings.Contains(second, "nothing was entered twice") {
		t.Errorf("the second run said:\n%s", second)
	}
	for name, text := range readAll(t, out) {
		if text != before[name] {
			t.Errorf("%s changed although nothing was entered", name)
		}
	}
}

func TestDemoServes(t *testing.T) {
	// A program that has the default address must not stop the demonstration.
	l, err := net.Listen("tcp", defaultListen)
	if err == nil {
		defer l.Close()
	}
	data := filepath.Join(t.TempDir(), "data")
	for _, run := range []string{"first", "second"} {
		ctx, stop := context.WithCancel(t.Context())
		var out, errs syncBuffer
		done := make(chan int)
		go func() {
			done <- execute(ctx, []string{"demo", "--data-dir", data, "--output", filepath.Join(t.TempDir(), "out")}, strings.NewReader(""), &out, &errs)
		}()
		text := out.waitFor(t, "Ctrl-C stops it", done, &errs)
		url := find(t, text, `address +(http://\S+)`)
		token := find(t, text, `token +(\S+)`)
		if !strings.Contains(text, "another port was chosen") {
			t.Errorf("%s run: nothing is said about the busy address", run)
		}
		req, err := http.NewRequestWithContext(ctx, "GET", url+"/v1/reports/postmortem/INC-2019-07-02?format=md", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+token)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			t.Errorf("%s run: the printed token got %s", run, resp.Status)
		}

		// A second demonstration on the same directory goes through the first.
		other := runCommand(t, "demo", "--data-dir", data, "--output", filepath.Join(t.TempDir(), "out"))
		if !strings.Contains(other, "already running") || !strings.Contains(other, "nothing was entered twice") {
			t.Errorf("beside a running server:\n%s", other)
		}
		stop()
		if code := <-done; code != exitDone {
			t.Fatalf("%s run: exit %d: %s", run, code, errs.String())
		}
	}
}

func TestDemoWantsADirectory(t *testing.T) {
	var out, errs bytes.Buffer
	code := execute(t.Context(), []string{"demo", "--once", "--server", "http://127.0.0.1:1"}, strings.NewReader(""), &out, &errs)
	if code != exitUsage || !strings.Contains(errs.String(), "data directory") {
		t.Errorf("exit %d: %s", code, errs.String())
	}
}

// runCommand runs one command in this process and returns what it printed.
func runCommand(t *testing.T, args ...string) string {
	t.Helper()
	var out, errs bytes.Buffer
	if code := execute(t.Context(), args, strings.NewReader(""), &out, &errs); code != exitDone {
		t.Fatalf("daybook %s: exit %d: %s", strings.Join(args, " "), code, errs.String())
	}
	if errs.Len() > 0 {
		t.Errorf("daybook %s wrote to stderr: %s", strings.Join(args, " "), errs.String())
	}
	return out.String()
}

func readAll(t *testing.T, dir string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		all[e.Name()] = string(b)
	}
	return all
}

func find(t *testing.T, text, pattern string) string {
	t.Helper()
	m := regexp.MustCompile(pattern).FindStringSubmatch(text)
	if m == nil {
		t.Fatalf("%s is not in:\n%s", pattern, text)
	}
	return m[1]
}

// A syncBuffer is written by one goroutine and read by another.
type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
	new chan struct{} // closed and replaced by each write
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.new != nil {
		close(b.new)
		b.new = nil
	}
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// waitFor returns what was written once it holds text.
func (b *syncBuffer) waitFor(t *testing.T, text string, done <-chan int, errs *syncBuffer) string {
	t.Helper()
	timeout := time.After(time.Minute)
	for {
		b.mu.Lock()
		if s := b.buf.String(); strings.Contains(s, text) {
			b.mu.Unlock()
			return s
		}
		if b.new == nil {
			b.new = make(chan struct{})
		}
		more := b.new
		b.mu.Unlock()
		select {
		case <-more:
		case code := <-done:
			t.Fatalf("it ended with exit %d: %s", code, errs.String())
		case <-timeout:
			t.Fatalf("it did not say %q:\n%s\n%s", text, b.String(), errs.String())
		}
	}
}
