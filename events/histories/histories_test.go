package histories_test

import (
	"encoding/json"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/events/histories"
)

// lacks lists, per history, the required fields that its source does not tell.
var lacks = map[string][]string{
	"cloudflare-2019-07-02":  {"decision.recorded authid"}, // who decided at 14:02
	"shakespeare-2015-10-21": nil,
	"emergency-pii":          {"emergency.documented outcome"}, // still to be written, on purpose
	"reverts":                {"rollback.decided decider", "rollback.decided level"},
	"unleash-flags":          {"flag.created intent", "flag.created kind", "flag.created owner"},
}

func TestEveryHistoryIsComplete(t *testing.T) {
	for _, h := range histories.List() {
		t.Run(h.Name, func(t *testing.T) {
			missing := map[string]bool{}
			for _, e := range load(t, h.Name) {
				d, ok := events.Lookup(e.Type)
				if !ok {
					t.Errorf("%s: not in the catalogue", e.Type)
					continue
				}
				_, problems := d.Read(&e)
				for _, p := range problems {
					t.Errorf("%s at %s: %s", e.Short(), e.TimeText(), p)
				}
				for _, name := range fieldsOf(t, &e) {
					if _, ok := d.Field(name); !ok && name != "reason_given" {
						t.Errorf("%s at %s: the type has no field %q", e.Short(), e.TimeText(), name)
					}
				}
				for _, p := range events.Missing(&e) {
					missing[e.Short()+" "+p.Field] = true
				}
			}
			want := slices.Sorted(slices.Values(lacks[h.Name]))
			if h.Name == "emergencies-2026-03" {
				want = lacks["emergency-pii"] // which it includes
			}
			if diff := cmp.Diff(want, slices.Sorted(maps.Keys(missing))); diff != "" {
				t.Errorf("required fields that are missing (-expected +found):\n%s", diff)
			}
		})
	}
}

func TestTheSameEventsEveryTime(t *testing.T) {
	owner := map[events.Identity]string{}
	for _, h := range histories.List() {
		once, again := load(t, h.Name), load(t, h.Name)
		if len(once) != len(again) {
			t.Fatalf("%s: %d events, then %d", h.Name, len(once), len(again))
		}
		inThis := map[events.Identity]bool{}
		for i := range once {
			if string(once[i].Body()) != string(again[i].Body()) {
				t.Errorf("%s: event %d differs between two readings", h.Name, i)
			}
			id := once[i].Identity()
			if inThis[id] {
				t.Errorf("%s: source and id %s %s stand twice", h.Name, once[i].Source, once[i].ID)
			}
			inThis[id] = true
			if other := owner[id]; other != "" && other != string(once[i].Body()) {
				t.Errorf("%s: %s %s has another content in another history", h.Name, once[i].Source, once[i].ID)
			}
			owner[id] = string(once[i].Body())
		}
	}
}

// The past is the past: nothing in a history may lie after the day it was
// written down, or a report of today would count it.
func TestTimesAreInThePast(t *testing.T) {
	latest := time.Date(2026, 9, 1, 0, 0, 0, 0, time.UTC)
	for _, h := range histories.List() {
		for _, e := range load(t, h.Name) {
			if e.Time.After(latest) || e.Time.Year() < 2015 {
				t.Errorf("%s: %s at %s", h.Name, e.Short(), e.TimeText())
			}
		}
	}
}

func TestRecordsStayOutOfProduction(t *testing.T) {
	for _, name := range []string{"reverts", "unleash-flags"} {
		count := map[string]int{}
		for _, e := range load(t, name) {
			count[e.Short()]++
			if e.Key(events.KindEnvironment) != "repository" {
				t.Errorf("%s: %s stands in environment %q", name, e.ID, e.Key(events.KindEnvironment))
			}
			if !strings.HasPrefix(e.AuthID, "author-") || len(e.AuthID) != len("author-")+10 {
				t.Errorf("%s: actor %q is not a pseudonym", name, e.AuthID)
			}
		}
		want := map[string]map[string]int{
			"reverts":       {"change.proposed": 213, "rollback.decided": 225},
			"unleash-flags": {"flag.created": 314, "flag.retired": 246},
		}[name]
		if diff := cmp.Diff(want, count); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// Every history says where it is from: in the list, in the file, in the README.
func TestSourcesAreNamed(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]bool{}
	for _, h := range histories.List() {
		if h.Title == "" || h.Kind == "" || h.Licence == "" || len(h.Sources) == 0 {
			t.Errorf("%s: title, kind, licence and sources are needed: %+v", h.Name, h)
		}
		if !strings.Contains(string(readme), "| `"+h.Name+"` |") || !strings.Contains(string(readme), "| "+string(h.Kind)+" |") {
			t.Errorf("README.md has no row for %s, %s", h.Name, h.Kind)
		}
		for _, file := range h.Files {
			listed[file] = true
			b, err := fs.ReadFile(histories.FS(), file)
			if err != nil {
				t.Fatal(err)
			}
			for _, source := range h.Sources {
				repo := strings.TrimPrefix(source, "https://github.com/")
				if !strings.Contains(string(b), source) && (repo == source || !strings.Contains(string(b), repo+",")) {
					t.Errorf("%s does not name its source %s", file, source)
				}
				if h.Name != "reverts" && !strings.Contains(string(readme), source) {
					t.Errorf("README.md does not name %s", source)
				}
			}
		}
	}
	files, err := fs.Glob(histories.FS(), "*")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if !listed[file] {
			t.Errorf("data/%s belongs to no history", file)
		}
	}
}

func TestUnknownHistory(t *testing.T) {
	if _, err := histories.Events("nowhere"); err == nil || !strings.Contains(err.Error(), "nowhere") {
		t.Errorf("got %v", err)
	}
}

// References inside a history lead to events of it.
func TestReferencesResolve(t *testing.T) {
	for _, h := range histories.List() {
		evs := load(t, h.Name)
		ids := map[string]bool{}
		for _, e := range evs {
			ids[e.ID] = true
		}
		for _, e := range evs {
			var refs struct {
				Use, Bypass, Satisfies string
				UseIDs                 []string `json:"use_ids"`
			}
			if err := json.Unmarshal(e.Data, &refs); len(e.Data) > 0 && err != nil {
				t.Errorf("%s: %s: %v", h.Name, e.ID, err)
			}
			for _, id := range append(refs.UseIDs, refs.Use, refs.Bypass, refs.Satisfies) {
				if id != "" && !ids[id] {
					t.Errorf("%s: %s at %s refers to %q, which is not there", h.Name, e.Short(), e.TimeText(), id)
				}
			}
		}
	}
}

func fieldsOf(t *testing.T, e *events.Event) []string {
	t.Helper()
	if len(e.Data) == 0 {
		return nil
	}
	var data map[string]json.RawMessage
	if err := json.Unmarshal(e.Data, &data); err != nil {
		t.Fatalf("%s: %v", e.ID, err)
	}
	return slices.Sorted(maps.Keys(data))
}

func load(t *testing.T, name string) []events.Event {
	t.Helper()
	evs, err := histories.Events(name)
	if err != nil {
		t.Fatal(err)
	}
	if len(evs) == 0 {
		t.Fatalf("%s is empty", name)
	}
	return evs
}
