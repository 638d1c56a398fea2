package main

import (
	"bytes"
	"fmt"
	"io"
	"maps"

	"github.com/spf13/cobra"
)

// A fileReport says what checking one file proved.
type fileReport struct {
	File      string
	Kind      string // what it is, as one word
	PublicKey string
	Lines     []string // what it holds, for people
	Fault     string   // the first thing that does not hold; empty if all does
	Proved    []string // only where everything holds
	NotProved []string
}

// Holds reports whether nothing was found wrong.
func (r *fileReport) Holds() bool { return r.Fault == "" }

// fault notes what does not hold, if it is the first.
func (r *fileReport) fault(format string, args ...any) {
	if r.Fault == "" {
		r.Fault = fmt.Sprintf(format, args...)
	}
}

func (r *fileReport) line(format string, args ...any) {
	r.Lines = append(r.Lines, fmt.Sprintf(format, args...))
}

// print prints the report, in JSON with fields besides, and returns the error
// of a file that does not hold.
func (r *fileReport) print(cmd *cobra.Command, fields map[string]any) error {
	out := cmd.OutOrStdout()
	var err error
	if settingsOf(cmd).JSON {
		all := map[string]any{"file": r.File, "kind": r.Kind, "public_key": r.PublicKey, "holds": r.Holds(), "not_proved": r.NotProved}
		if r.Holds() {
			all["proved"] = r.Proved
		} else {
			all["fault"] = r.Fault
		}
		maps.Copy(all, fields)
		err = printJSON(out, all)
	} else {
		err = r.write(out)
	}
	if err != nil || r.Holds() {
		return err
	}
	return notHeld("%s", r.Fault)
}

func (r *fileReport) write(w io.Writer) error {
	var b bytes.Buffer
	say := func(format string, args ...any) { fmt.Fprintln(&b, clean(fmt.Sprintf(format, args...))) }
	say("%s", r.File)
	for _, l := range r.Lines {
		say("  %s", l)
	}
	if r.Holds() {
		say("%s", "It holds. Proved:")
		for _, p := range r.Proved {
			say("  - %s", p)
		}
	} else {
		say("IT DOES NOT HOLD: %s", r.Fault)
	}
	say("%s", "Not proved:")
	for _, p := range r.NotProved {
		say("  - %s", p)
	}
	_, err := w.Write(b.Bytes())
	return err
}
