package main

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// TestArgumentsThatTheServerReads gives commands what only the server can tell to
// be wrong: a mistake of usage all the same.
func TestArgumentsThatTheServerReads(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	in := func(args ...string) []string { return append(args, "--data-dir", dir, "--listen", "127.0.0.1:0") }
	if code, _, errs := daybook(t, in("note", "hello")...); code != exitDone {
		t.Fatal(errs)
	}
	for want, args := range map[string][]string{
		"no such statistics":      {"stats", "nonsense"},
		"not a time zone":         {"stats", "latency", "--zone", "Mars/Olympus"},
		"there is no document":    {"report", "poem", "INC-7"},
		"neither a time":          {"trail", "list", "--as-of", "nonsense"},
		"choose recorder":         {"token", "issue", "x", "--role", "king"},
		"is not a whole number":   {"trail", "list", "--cursor", "x"},
		"daybook prove takes one": {"prove"},
	} {
		if code, _, errs := daybook(t, in(args...)...); code != exitUsage || !strings.Contains(errs, want) {
			t.Errorf("%v: %d %s", args, code, errs)
		}
	}
	if code, _, errs := daybook(t, in("report", "postmortem", "INC-8")...); code != exitFailed {
		t.Errorf("a document about nothing: %d %s", code, errs)
	}
}

// TestHelp reads the help of every command: each has an example, and shows only
// flags that it or a server knows.
func TestHelp(t *testing.T) {
	flag := regexp.MustCompile(`(?m)^ +(?:-\w, )?--([a-z-]+)`)
	var visit func(c *cobra.Command)
	visit = func(c *cobra.Command) {
		for _, sub := range c.Commands() {
			if sub.Name() != "help" && sub.Name() != "completion" {
				visit(sub)
			}
		}
		args := append(strings.Fields(c.CommandPath())[1:], "--help")
		code, out, errs := daybook(t, args...)
		if code != exitDone || errs != "" || !strings.Contains(out, "Examples:") {
			t.Errorf("%v: %d %s%s", args, code, out, errs)
		}
		settings := 0
		for _, f := range flag.FindAllStringSubmatch(out, -1) {
			if c.Root().PersistentFlags().Lookup(f[1]) != nil && c.LocalNonPersistentFlags().Lookup(f[1]) == nil {
				settings++
			}
		}
		if all := strings.Contains(out, "--public-log"); all != (settings > 5) {
			t.Errorf("%v shows %d settings:\n%s", args, settings, out)
		}
	}
	visit(newRootCmd())
}
