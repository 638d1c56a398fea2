package handlers

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/events/client"
	"github.com/daybookhq/daybook/events/trail"
)

// TestWhatAFailureSaysOfTheRest: an append that failed after some of its events
// were durable must not be answered as if none were, and one of which nobody
// knows must say that.
func TestWhatAFailureSaysOfTheRest(t *testing.T) {
	places := []int{3, 5, 8}
	for name, c := range map[string]struct {
		receipts int
		err      error
		at       int
		says     string
		not      string
	}{
		"none durable": {0, trail.ErrFull, 3, "nothing from line 3 on was recorded", "nothing was recorded"},
		"two durable":  {2, fmt.Errorf("x: %w", trail.ErrUnavailable), 8, "nothing from line 8 on was recorded", "nothing was recorded"},
		"not known":    {1, trail.ErrUnknown, 5, "from line 5 on was recorded is not known", "nothing"},
		"another":      {1, trail.ErrStopped, 5, "nothing from line 5 on was recorded", "nothing was"},
	} {
		t.Run(name, func(t *testing.T) {
			s := &several{unit: "line", last: -1, reasons: map[int]reason{}}
			receipts := make([]trail.Receipt, c.receipts)
			s.receive(places, make([]events.Event, len(places)), receipts)
			s.broken(places, receipts, c.err)
			var f *fault
			if !errors.As(s.answer(nil, c.err), &f) || f.summary == nil {
				t.Fatal("no fault with a summary")
			}
			if f.summary.StoppedAt != c.at || f.summary.Accepted != c.receipts || !strings.Contains(f.detail, c.says) || strings.Contains(f.detail, c.not) || f.status < 500 {
				t.Fatalf("%d %q %+v", f.status, f.detail, f.summary)
			}
		})
	}
}

// TestLongAnswersListLess: a body of a million short lines must not be kept as a
// million results.
func TestLongAnswersListLess(t *testing.T) {
	s := &several{unit: "line", last: -1, reasons: map[int]reason{}}
	evs := make([]events.Event, 1000)
	line := 0
	for range 80 {
		places, receipts := make([]int, len(evs)), make([]trail.Receipt, len(evs))
		for i := range places {
			line++
			places[i], receipts[i] = line, trail.Receipt{Position: int64(line), Duplicate: line%3 == 1, Conflict: line%3 == 2}
		}
		s.receive(places, evs, receipts)
	}
	line++
	s.refuse(line, tooLong)
	if len(s.kept) != maxListed+1 || len(s.reasons) > maxListed || s.sum.Unlisted != 80_000-maxListed || s.sum.Accepted+s.sum.Duplicates+s.sum.Conflicts != 80_000 {
		t.Fatalf("%d listed, %d reasons, %+v", len(s.kept), len(s.reasons), s.sum)
	}
	var sum client.Summary
	if err := json.Unmarshal(s.append(nil), &sum); err != nil || sum.Unlisted != s.sum.Unlisted || *sum.Results[maxListed].Line != line || sum.Results[maxListed].Detail == "" {
		t.Fatalf("%v, %d", err, sum.Unlisted)
	}
}
