package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/events/client"
	"github.com/daybookhq/daybook/events/timeline"
)

// defaultSource names the events that people type.
const defaultSource = "/daybook/cli"

// entry is the part of an event that flags say.
type entry struct {
	actor, at, source, id string
}

func (e *entry) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&e.actor, "actor", os.Getenv("DAYBOOK_ACTOR"), "who did it, by a pseudonymous id [$DAYBOOK_ACTOR]")
	f.StringVar(&e.at, "at", "", "when it happened: RFC 3339, a clock time of today in UTC (14:07), or how long ago (5m); default now")
	f.StringVar(&e.source, "source", "", "who says so; default "+defaultSource+" [$DAYBOOK_SOURCE]")
	f.StringVar(&e.id, "id", "", "id of the event within the source; default random")
}

// event makes the event that the flags and the words say.
func (e *entry) event(typ, text string, words []string, now time.Time) (events.Event, []string, error) {
	at := now.Truncate(time.Second)
	if e.at != "" {
		var err error
		if at, err = parseAt(e.at, now); err != nil {
			return events.Event{}, nil, usagef("--at: %w", err)
		}
	}
	b, err := timeline.NewBuilder(typ, at)
	if err != nil {
		return events.Event{}, nil, usagef("%w", err)
	}
	b.Text(text)
	// Words win over flags. A field of the data may have an attribute's name;
	// then the bare name is the field's, and ce.name the attribute's.
	desc, _ := events.Lookup(typ)
	given := func(attribute string, names ...string) bool {
		return slices.ContainsFunc(append(names, "ce."+attribute, attribute), func(name string) bool {
			f, _ := desc.Field(name)
			return f.In != events.InData && slices.ContainsFunc(words, func(w string) bool {
				return strings.HasPrefix(w, name+"=") || strings.HasPrefix(w, name+":=")
			})
		})
	}
	if !given("source") {
		words = append(words, "ce.source="+cmp.Or(e.source, os.Getenv("DAYBOOK_SOURCE"), defaultSource))
	}
	if e.actor != "" && !given("authid", "actor") {
		words = append(words, "ce.authid="+e.actor)
	}
	if !given("id") {
		id, err := uuid.NewV7()
		if err != nil {
			return events.Event{}, nil, err
		}
		words = append(words, "ce.id="+cmp.Or(e.id, id.String()))
	}
	for _, w := range words {
		if err := b.Add(w); err != nil {
			return events.Event{}, nil, usagef("%w", err)
		}
	}
	ev, err := b.Event()
	return ev, b.Warnings(), err
}

// parseAt reads when something happened.
func parseAt(s string, now time.Time) (time.Time, error) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04Z07:00"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, nil
		}
	}
	for _, layout := range []string{"15:04", "15:04:05"} {
		if c, err := time.Parse(layout, s); err == nil {
			y, m, d := now.UTC().Date()
			return time.Date(y, m, d, c.Hour(), c.Minute(), c.Second(), 0, time.UTC), nil
		}
	}
	if ago, err := time.ParseDuration(s); err == nil && ago >= 0 {
		return now.Add(-ago).Truncate(time.Second), nil
	}
	return time.Time{}, fmt.Errorf("%q is no time; write 2026-03-14T16:42:00Z, 16:42 (today, UTC) or 5m (ago)", s)
}

func newRecordCmd() *cobra.Command {
	var e entry
	cmd := &cobra.Command{
		Use:   "record TYPE [key=value …]",
		Short: "Record one event",
		Long: `Record writes down one event. TYPE is a name from the catalogue ("daybook events
list") or a full type of your own. A key=value whose key is a correlation key
(flag, change, incident …) becomes one; every other becomes a field of the data,
read the way the type wants it. key:=JSON gives a field as JSON.

Nothing is refused for being incomplete: what a complete record would also have
is said on stderr, and can be added by a later event.`,
		Example: `  daybook record flag.flipped flag=waf environment=production from=off to=on --actor u-7
  daybook record emergency.declared emergency=EM-12 category=security harm_if_not_shipped="PII visible"
  daybook record incident.mitigated incident=INC-7 --at 14:52
  daybook record gate.run gate=evals change=CH-9 result=passed 'scores:={"accuracy":0.97}'`,
		Args: arguments(1, -1, "a TYPE and key=value pairs"),
		RunE: func(cmd *cobra.Command, args []string) error {
			ev, warnings, err := e.event(args[0], "", args[1:], time.Now().UTC())
			if err != nil {
				return err
			}
			return recordOne(cmd, ev, warnings)
		},
	}
	e.flags(cmd)
	return cmd
}

func newNoteCmd() *cobra.Command {
	var e entry
	cmd := &cobra.Command{
		Use:   "note TEXT [key=value …]",
		Short: "Record a note, as somebody does at 3 a.m.",
		Example: `  daybook note "waf rule 7 looks wrong, rolling it back" incident=INC-7
  daybook note "customers report errors since 14:02" incident=INC-7 --at 14:10 --actor u-7`,
		Args: arguments(1, -1, "a TEXT and key=value pairs"),
		RunE: func(cmd *cobra.Command, args []string) error {
			ev, warnings, err := e.event("note.added", args[0], args[1:], time.Now().UTC())
			if err != nil {
				return err
			}
			return recordOne(cmd, ev, warnings)
		},
	}
	e.flags(cmd)
	return cmd
}

// spoken is the name of a field as the command line has it.
func spoken(field string) string {
	if field == "authid" {
		return "actor"
	}
	return field
}

// recordOne records an event, prints its receipt, and says what a complete
// record would have had.
func recordOne(cmd *cobra.Command, ev events.Event, warnings []string) error {
	for _, w := range warnings {
		fmt.Fprintln(cmd.ErrOrStderr(), "hint: "+oneLine(w))
	}
	for _, m := range events.Missing(&ev) {
		fmt.Fprintf(cmd.ErrOrStderr(), "hint: %s has no %s (%s)\n", ev.Short(), spoken(m.Field), oneLine(strings.TrimPrefix(m.Reason, "missing: ")))
	}
	return with(cmd, false, func(ctx context.Context, c *session) error {
		r, err := c.Record(ctx, ev)
		var p *client.Problem
		if errors.As(err, &p) && p.Status == http.StatusConflict && p.Position != nil {
			return fmt.Errorf("not recorded: %w", err)
		}
		if err != nil {
			return err
		}
		if settingsOf(cmd).JSON {
			return printJSON(cmd.OutOrStdout(), r)
		}
		what := "recorded"
		if r.Duplicate {
			what = "was already recorded"
		}
		_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s %s as #%d\n", ev.Short(), what, r.Position)
		return err
	})
}
