package main

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"github.com/schollz/progressbar/v3"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/events/client"
	"github.com/daybookhq/daybook/events/histories"
)

// demoBatch is how many events go in one request.
const demoBatch = 500

// enter records the histories and says what was new. An event that stands in
// two histories is sent with the first.
func (d *demo) enter(ctx context.Context, c *client.Client) error {
	type part struct {
		histories.History
		events []events.Event
	}
	var parts []part
	total, seen := 0, map[events.Identity]bool{}
	for _, h := range histories.List() {
		all, err := histories.Events(h.Name)
		if err != nil {
			return err
		}
		p := part{History: h}
		for i := range all {
			if id := all[i].Identity(); !seen[id] {
				seen[id] = true
				p.events = append(p.events, all[i])
			}
		}
		parts = append(parts, p)
		total += len(p.events)
	}

	fmt.Fprintf(d.out, "Entering %d histories into %s\n", len(parts), d.settings.DataDir)
	bar := progressbar.NewOptions(total,
		progressbar.OptionSetWriter(d.progress), progressbar.OptionSetVisibility(isTerminal(d.progress)),
		progressbar.OptionSetWidth(30), progressbar.OptionShowCount(), progressbar.OptionClearOnFinish())
	entered, there := 0, 0
	rows := make([][]string, 0, len(parts))
	for _, p := range parts {
		now, before := 0, 0
		for chunk := range slices.Chunk(p.events, demoBatch) {
			sum, err := c.SendLines(ctx, linesOf(chunk), true)
			if err != nil {
				return fmt.Errorf("entering %s: %w", p.Name, err)
			}
			if n := sum.Conflicts + sum.Refused; n > 0 || sum.Stopped != "" {
				return fmt.Errorf("entering %s: %s", p.Name, whatWentWrong(sum))
			}
			now, before = now+sum.Accepted, before+sum.Duplicates
			bar.Add(len(chunk))
		}
		entered, there = entered+now, there+before
		rows = append(rows, []string{"  " + p.Name, fmt.Sprint(len(p.events)), p.Title})
	}
	bar.Finish()
	if err := table(d.out, []string{"  History", "Events", "What"}, rows); err != nil {
		return err
	}
	switch {
	case there == 0:
		fmt.Fprintf(d.out, "%d events entered.\n", entered)
	case entered == 0:
		fmt.Fprintf(d.out, "All %d events were already there; nothing was entered twice.\n", there)
	default:
		fmt.Fprintf(d.out, "%d events entered, %d were already there.\n", entered, there)
	}
	return nil
}

// linesOf writes checked events as newline-delimited JSON.
func linesOf(evs []events.Event) []byte {
	var b bytes.Buffer
	for i := range evs {
		b.WriteString(`{"specversion":"1.0"`)
		b.Write(evs[i].Body())
		b.WriteByte('\n')
	}
	return b.Bytes()
}

func whatWentWrong(sum client.Summary) string {
	if len(sum.Results) == 0 {
		return sum.Stopped
	}
	r := sum.Results[0]
	text := r.Outcome
	if r.Field != "" {
		text += ": " + r.Field
	}
	if r.Detail != "" {
		text += ": " + r.Detail
	}
	if r.Outcome == client.Conflict {
		text += " (this trail holds the history of another version of the demonstration; use a new --data-dir)"
	}
	return text
}
