package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/events/client"
	"github.com/daybookhq/daybook/events/timeline"
)

// timeline sends the events of a timeline as people type it, in parts. Their ids
// come from what they say, so the same file again is nothing but duplicates.
func (im *importing) timeline(ctx context.Context, rd io.Reader, name string) error {
	var p part
	for e := range timeline.Parse(rd, timeline.Options{Source: im.source}) {
		im.tally.Lines = e.Line
		for _, w := range e.Warnings {
			fmt.Fprintf(im.cmd.ErrOrStderr(), "%s: line %d: hint: %s\n", clean(name), e.Line, oneLine(w))
		}
		if e.Err != nil {
			im.tally.Refused++
			im.problem(unreadable(e))
			continue
		}
		p.text = append(append(append(p.text, `{"specversion":"1.0"`...), e.Event.Body()...), '\n')
		p.lines = append(p.lines, e.Line)
		if len(p.lines) >= partLines || len(p.text) >= partBytes {
			if err := im.send(ctx, p); err != nil {
				return err
			}
			p = part{}
		}
	}
	return im.send(ctx, p)
}

func unreadable(e timeline.Entry) problem {
	p := problem{Line: e.Line, Outcome: client.Refused}
	err := e.Err
	var line *timeline.LineError
	if errors.As(err, &line) {
		err = line.Err
	}
	p.Detail = err.Error()
	var refusal *events.Refusal
	if errors.As(err, &refusal) {
		p.Field, p.Detail = refusal.Field, refusal.Reason
	}
	return p
}
