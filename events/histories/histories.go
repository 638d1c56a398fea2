// Package histories carries things that happened, as facts, so that what is
// computed can be held against what was published, and so that a first run has
// something to show.
//
// It promises that the same history gives the same events, with the same
// source and id, on every machine: entering one twice adds nothing. Each
// history names its source; facts were taken, no sentence was copied, and
// people appear as pseudonyms or by the part they played. Where a source does
// not tell something, the event goes without it.
//
// It never fills such a gap with a guess, and it writes nowhere: taking a
// history into a trail is the caller's.
package histories

import (
	"bytes"
	"embed"
	"fmt"
	"io/fs"
	"path"
	"slices"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/events/timeline"
)

// Kind says how much of a history is fact.
type Kind string

// The kinds of history.
const (
	Incident    Kind = "incident"    // a real incident, by the account of those who had it
	Example     Kind = "example"     // a published example: its numbers are given, its story may be made up
	Constructed Kind = "constructed" // made for this project after a described practice
	Record      Kind = "record"      // computed from public version control
)

// A History is a set of events that belong together.
type History struct {
	Name    string     // what Events takes, as in "cloudflare-2019-07-02"
	Title   string     // one line for a person
	Kind    Kind       // how much of it is fact
	Story   events.Key // where its story begins; zero where there are many
	Sources []string   // addresses of what the facts were taken from
	Licence string     // under which terms the sources stand, and what was taken
	Files   []string   // its data files, in the order of Events; see FS
}

//go:embed data
var data embed.FS

// FS holds the data files: timelines as a person types them, and tables.
func FS() fs.FS {
	sub, err := fs.Sub(data, "data")
	if err != nil {
		panic(err) // the directory is embedded above
	}
	return sub
}

// Lookup finds a history by its name.
func Lookup(name string) (History, bool) {
	i := slices.IndexFunc(histories, func(h History) bool { return h.Name == name })
	if i < 0 {
		return History{}, false
	}
	return List()[i], true
}

// Events returns the events of a history, checked, in the order of its files.
func Events(name string) ([]events.Event, error) {
	h, ok := Lookup(name)
	if !ok {
		return nil, fmt.Errorf("no history is called %q", name)
	}
	var all []events.Event
	for _, file := range h.Files {
		evs, err := readFile(file)
		if err != nil {
			return nil, fmt.Errorf("history %s: %w", name, err)
		}
		all = append(all, evs...)
	}
	return all, nil
}

func readFile(file string) ([]events.Event, error) {
	b, err := fs.ReadFile(FS(), file)
	if err != nil {
		return nil, err
	}
	switch {
	case file == revertsFile:
		return readReverts(b)
	case file == flagsFile:
		return readFlags(b)
	case path.Ext(file) == ".timeline":
		return readTimeline(file, b)
	}
	return nil, fmt.Errorf("%s: nothing reads such a file", file)
}

func readTimeline(file string, b []byte) ([]events.Event, error) {
	var evs []events.Event
	for entry := range timeline.Parse(bytes.NewReader(b), timeline.Options{}) {
		if entry.Err != nil {
			return nil, fmt.Errorf("%s: %w", file, entry.Err)
		}
		if len(entry.Warnings) > 0 {
			return nil, fmt.Errorf("%s: line %d: %s", file, entry.Line, entry.Warnings[0])
		}
		evs = append(evs, entry.Event)
	}
	return evs, nil
}
