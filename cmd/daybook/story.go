package main

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/events/client"
)

// printStory prints a story as people tell it: in the order it happened, with
// what was corrected or taken back marked.
func printStory(w io.Writer, s client.Story) error {
	if len(s.Events) == 0 {
		return fmt.Errorf("nothing is recorded of %s", s.Root)
	}
	fmt.Fprintf(w, "%s: %d events of the first %d in the trail; joined by %s\n", clean(s.Root), len(s.Events), s.Size, clean(strings.Join(s.Keys, ", ")))
	rows := make([][]string, 0, len(s.Events)+len(s.Linked))
	for _, e := range s.Events {
		row, err := storyRow(e, "")
		if err != nil {
			return err
		}
		rows = append(rows, row)
	}
	for _, e := range s.Linked {
		row, err := storyRow(e, "linked")
		if err != nil {
			return err
		}
		rows = append(rows, row)
	}
	return table(w, []string{"HAPPENED (UTC)", "#", "TYPE", "ACTOR", "WHAT", ""}, rows)
}

func storyRow(s client.StoryEvent, mark string) ([]string, error) {
	e, err := events.ParseRecorded(s.Event)
	if err != nil {
		return nil, err
	}
	var marks []string
	if mark != "" {
		marks = append(marks, mark)
	}
	for _, c := range s.Corrections {
		var names []string
		for _, f := range c.Fields {
			names = append(names, f.Name)
		}
		slices.Sort(names)
		marks = append(marks, fmt.Sprintf("%s corrected by #%d", strings.Join(names, ", "), c.Position))
	}
	if s.Retracted != nil {
		marks = append(marks, fmt.Sprintf("taken back by #%d", s.Retracted.Position))
	}
	return []string{
		s.At.UTC().Format("2006-01-02 15:04:05"), strconv.FormatInt(e.Position, 10), e.Short(), shorten(e.AuthID, 20),
		shorten(gist(e.Data), 60), strings.Join(marks, "; "),
	}, nil
}
