package main

import (
	"context"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestReadme runs the commands that the README tells a newcomer to type, as
// they stand there, against a server as "make run" starts it.
func TestReadme(t *testing.T) {
	for _, tool := range []string{"bash", "curl"} {
		if _, err := exec.LookPath(tool); err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatalf("%s is needed to run the README's commands", tool)
			}
			t.Skipf("LEFT OUT: %s is needed to run the README's commands", tool)
		}
	}
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)<!-- tested: (\\w+) -->\n```sh\n(.*?)```").FindAllStringSubmatch(string(readme), -1)
	if len(blocks) < 4 {
		t.Fatalf("the README has %d tested blocks, 4 are expected", len(blocks))
	}

	dir := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(self, filepath.Join(dir, "daybook")); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var out, errs syncBuffer
	done := make(chan int, 1)
	go func() {
		done <- execute(ctx, []string{
			"demo", "--data-dir", filepath.Join(dir, "daybook-data"), "--output", filepath.Join(dir, "daybook-out"), "--listen", "127.0.0.1:0",
		}, strings.NewReader(""), &out, &errs)
	}()
	text := out.waitFor(t, "Ctrl-C stops it", done, &errs)
	url, token := find(t, text, `address +(http://\S+)`), find(t, text, `token +(\S+)`)

	checkExcerpts(t, string(readme), readAll(t, filepath.Join(dir, "daybook-out")))

	said := map[string]string{}
	for _, b := range blocks {
		cmd := exec.CommandContext(ctx, "bash", "-euo", "pipefail", "-c", strings.ReplaceAll(b[2], "http://"+defaultListen, url))
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "DAYBOOK_TOKEN="+token, "NO_COLOR=1")
		answer, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("the commands of %s fail: %v\n%s", b[1], err, answer)
		}
		said[b[1]] = string(answer)
	}
	for block, facts := range map[string][]string{
		"curl":     {`"position"`},
		"timeline": {"4"},
		"read":     {"killswitch.engaged", "INC-1", "4 min", "15 min"},
		"audit":    {"Everything fits", "continues every checkpoint from elsewhere (1)", "Who could cheat", "Not proved"},
		"offline":  {"event-3.tlog-proof", "the log has this event at position 3", "each of the 5 events is in the log", "the holder of the key signed"},
	} {
		for _, fact := range facts {
			if !strings.Contains(said[block], fact) {
				t.Errorf("the commands of %s do not show %q:\n%s", block, fact, said[block])
			}
		}
	}
	if sums := regexp.MustCompile(`[0-9a-f]{64}`).FindAllString(said["byhand"], -1); len(sums) != 2 || sums[0] != sums[1] {
		t.Errorf("an event's hash is not what its tile has:\n%s", said["byhand"])
	}
	stop()
	if code := <-done; code != exitDone {
		t.Errorf("the server ended with exit %d: %s", code, errs.String())
	}
}

// checkExcerpts holds what the README quotes from the documents against them.
func checkExcerpts(t *testing.T, readme string, documents map[string]string) {
	t.Helper()
	_, rest, _ := strings.Cut(readme, "<!-- excerpts -->")
	excerpts, _, found := strings.Cut(rest, "<!-- /excerpts -->")
	if !found {
		t.Fatal("the README has no excerpts")
	}
	lines := map[string]bool{}
	for name, text := range documents {
		if filepath.Ext(name) == ".md" {
			for line := range strings.Lines(text) {
				lines[strings.TrimRight(line, "\n")] = true
			}
		}
	}
	quoted := 0
	for line := range strings.Lines(excerpts) {
		quote, ok := strings.CutPrefix(strings.TrimRight(line, "\n"), "> ")
		if !ok {
			continue
		}
		quoted++
		if !lines[quote] {
			t.Errorf("the README quotes a line that no document has:\n%s", quote)
		}
	}
	if quoted < 10 {
		t.Errorf("the README quotes %d lines", quoted)
	}
}

// TestReadmeNamesSettings holds the table of settings against the flags.
func TestReadmeNamesSettings(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	flags := regexp.MustCompile(`(?m)^ +--([a-z-]+)`).FindAllStringSubmatch(newRootCmd().PersistentFlags().FlagUsages(), -1)
	if len(flags) < 5 {
		t.Fatalf("%d flags", len(flags))
	}
	for _, f := range flags {
		row := "| `--" + f[1] + "` | `" + variableOf(f[1]) + "` |"
		if f[1] != "json" && !strings.Contains(string(readme), row) {
			t.Errorf("the README has no row %s", row)
		}
	}
}

// TestReadmeNamesTests holds the tests that the README names against those that
// there are.
func TestReadmeNamesTests(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	there := map[string]bool{}
	err = filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		b, err := os.ReadFile(path)
		for _, m := range regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`).FindAllStringSubmatch(string(b), -1) {
			there[m[1]] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile("`((?:Test|Fuzz)\\w+)`").FindAllStringSubmatch(string(readme), -1)
	if len(named) < 10 {
		t.Errorf("the README names %d tests", len(named))
	}
	for _, m := range named {
		if !there[m[1]] {
			t.Errorf("the README names %s, which does not exist", m[1])
		}
	}
}
