package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/events/timeline"
)

func runEvents(t *testing.T, args ...string) (string, error) {
	t.Helper()
	root := &cobra.Command{Use: "daybook", SilenceErrors: true, SilenceUsage: true}
	root.PersistentFlags().Bool("json", false, "")
	root.AddCommand(newEventsCmd())
	var out bytes.Buffer
	root.SetOut(&out)
	root.SetArgs(append([]string{"events"}, args...))
	err := root.Execute()
	return out.String(), err
}

func TestEventsList(t *testing.T) {
	out, err := runEvents(t, "list", "--family", "killswitch")
	if err != nil || strings.Count(out, "\n") != 3 || !strings.Contains(out, "killswitch.reenabled") {
		t.Fatalf("%v\n%s", err, out)
	}
	all, err := runEvents(t, "list", "--json")
	if err != nil {
		t.Fatal(err)
	}
	var list []struct{ Type, Family, Meaning string }
	if err := json.Unmarshal([]byte(all), &list); err != nil || len(list) != len(events.Catalogue()) || list[0].Type == "" {
		t.Fatalf("%v, %d types", err, len(list))
	}
	if _, err := runEvents(t, "list", "--family", "killswich"); err == nil || !strings.Contains(err.Error(), "did you mean killswitch?") {
		t.Fatal(err)
	}
}

// Every type can be explained, and what is shown as a line of a timeline is one.
func TestEventsDescribe(t *testing.T) {
	for _, d := range events.Catalogue() {
		out, err := runEvents(t, "describe", d.Short)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{d.Meaning, d.Practice, d.Type()} {
			if !strings.Contains(out, want) {
				t.Errorf("%s: %q is not shown", d.Short, want)
			}
		}
		if d.Ledger {
			continue
		}
		_, after, _ := strings.Cut(out, "As a line of a timeline:\n\n  ")
		line, _, _ := strings.Cut(after, "\n")
		n := 0
		for e := range timeline.Parse(strings.NewReader(line), timeline.Options{}) {
			n++
			if e.Err != nil || e.Event.Type != d.Type() || len(e.Warnings) > 0 || len(events.Missing(&e.Event)) > 0 {
				t.Errorf("%s: %v %v %s", d.Short, e.Err, e.Warnings, line)
			}
		}
		if n != 1 {
			t.Errorf("%s: no line is shown in\n%s", d.Short, out)
		}
	}
}

func TestEventsDescribeForPrograms(t *testing.T) {
	out, err := runEvents(t, "describe", "dev.daybook.flag.flipped.v1", "--json")
	var d struct {
		Type    string
		Fields  []struct{ Name, In, Takes string }
		Example map[string]any
	}
	if err != nil || json.Unmarshal([]byte(out), &d) != nil || d.Type != "flag.flipped" || len(d.Fields) < 10 || d.Example["flag"] == "" {
		t.Fatalf("%v\n%s", err, out)
	}
	out, err = runEvents(t, "describe", "flag.flipped", "--schema")
	if err != nil || !strings.Contains(out, `"https://json-schema.org/draft/2020-12/schema"`) || !json.Valid([]byte(out)) {
		t.Fatalf("%v\n%s", err, out)
	}
	if _, err = runEvents(t, "describe", "flag.fliped"); err == nil || !strings.Contains(err.Error(), "did you mean flag.flipped?") {
		t.Fatal(err)
	}
}
