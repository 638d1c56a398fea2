package trail

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/daybookhq/daybook/events"
)

// Limits of one call of Query.
const (
	DefaultPage = 100    // events per page, unless the cursor says otherwise
	MaxPage     = 1_000  // most events per page
	maxExamined = 20_000 // events looked at before a page ends early
	maxSpread   = 50_000 // events that a happened range is sorted for rather than scanned
)

// A Filter says which events are wanted. All that is given must hold; a zero
// filter takes everything.
type Filter struct {
	Types []string     // any of these, short or full, with * for any run of characters: "rollback.*"
	Keys  []events.Key // all of these; any kind that is indexed will do
	Actor string       // who did it: authid

	HappenedFrom, HappenedTo time.Time // happened at or after, and before
	RecordedFrom, RecordedTo time.Time // accepted by the ledger at or after, and before

	Text string // in any attribute or any value in the data, whatever the case

	Before int64 // only the prefix of this size; 0 means all there is
	Newest bool  // newest first, by position
}

// A Cursor says where a page begins. The zero cursor is the first page.
type Cursor struct {
	// Position is the first position that may be on the page (oldest first), or
	// the first that may not be on it (newest first; 0 means from the end).
	Position int64
	Limit    int // events on the page; DefaultPage if 0, at most MaxPage
}

// A Page is some of the events that a filter takes, in the order asked for.
type Page struct {
	Events []events.Recorded
	Next   Cursor // where to go on, if More
	More   bool   // there may be more events
	// Stopped says that the page ended early because too many events had to be
	// looked at for so few that fit. Going on from Next looks at more.
	Stopped bool
	Size    int64 // the prefix that was looked at
}

// Query returns a page of the events that a filter takes. The index narrows
// the search; every event is then held against the whole filter itself.
func (t *Trail) Query(ctx context.Context, f Filter, c Cursor) (Page, error) {
	s, err := t.search(ctx, f)
	if err != nil {
		return Page{}, err
	}
	page := Page{Size: s.size}
	limit := min(cmp.Or(max(c.Limit, 0), DefaultPage), MaxPage)
	at := max(s.from, c.Position)
	if f.Newest {
		at = s.to - 1
		if c.Position > 0 {
			at = min(at, c.Position-1)
		}
	}
	examined := 0
	err = s.each(ctx, at, func(r *events.Recorded) bool {
		if len(page.Events) == limit || examined == maxExamined {
			page.More, page.Stopped = true, len(page.Events) < limit
			page.Next = Cursor{Position: r.Position, Limit: c.Limit}
			if f.Newest {
				page.Next.Position++
			}
			return false
		}
		examined++
		if s.match.takes(r) {
			page.Events = append(page.Events, *r)
		}
		return true
	})
	return page, err
}

// Count returns how many events a filter takes. It looks at all that the index
// leaves, at most the given number of them; beyond that it gives up and exact
// is false, the count being of those that were looked at.
func (t *Trail) Count(ctx context.Context, f Filter, most int) (n int64, exact bool, err error) {
	s, err := t.search(ctx, f)
	if err != nil {
		return 0, false, err
	}
	exact = true
	at := s.from
	if f.Newest {
		at = s.to - 1
	}
	examined := 0
	err = s.each(ctx, at, func(r *events.Recorded) bool {
		if examined == most {
			exact = false
			return false
		}
		examined++
		if s.match.takes(r) {
			n++
		}
		return true
	})
	return n, exact, err
}

// A search is a filter made ready: what to check, and what to walk through.
type search struct {
	trail    *Trail
	newest   bool
	size     int64
	from, to int64 // positions from (included) to (excluded) can match
	match    matcher
	unlisted unlisted // what the newest events, which no walk through the index finds, have
	walks    []walk   // positions in all of these can match; none means every position
}

func (t *Trail) search(ctx context.Context, f Filter) (*search, error) {
	head, u, err := t.readUnlisted(ctx)
	if err != nil {
		return nil, err
	}
	s := &search{trail: t, newest: f.Newest, size: head.Size, match: newMatcher(f), unlisted: u}
	if f.Before > 0 {
		s.size = min(s.size, f.Before)
	}
	s.to = s.size
	if !f.RecordedFrom.IsZero() {
		if s.from, err = t.firstAfter(ctx, ceilMicro(f.RecordedFrom)-1, head); err != nil {
			return nil, err
		}
	}
	if !f.RecordedTo.IsZero() {
		to, err := t.firstAfter(ctx, ceilMicro(f.RecordedTo)-1, head)
		if err != nil {
			return nil, err
		}
		s.to = min(s.to, to)
	}
	for _, k := range s.match.keys {
		s.walks = append(s.walks, s.walkKey(ctx, k))
	}
	if len(f.Types) > 0 {
		w, err := s.walkTypes(ctx)
		if err != nil {
			return nil, err
		}
		s.walks = append(s.walks, w)
	}
	if !f.HappenedFrom.IsZero() || !f.HappenedTo.IsZero() {
		w, narrow, err := t.walkHappened(ctx, f, s.from, s.to)
		if err != nil {
			return nil, err
		}
		if narrow {
			s.walks = append(s.walks, w)
		}
	}
	return s, nil
}

// ceilMicro is the first whole microsecond that is not before t.
func ceilMicro(t time.Time) int64 {
	us := t.UnixMicro()
	if t.Nanosecond()%1000 != 0 {
		us++
	}
	return us
}

// each calls f with the events that can match, beginning at a position, until
// it returns false.
func (s *search) each(ctx context.Context, at int64, f func(*events.Recorded) bool) error {
	// Few at first, since most searches end on the first page.
	for n := 64; ; n = min(4*n, 1024) {
		positions, err := s.next(at, n)
		if err != nil || len(positions) == 0 {
			return err
		}
		evs, err := s.read(ctx, positions)
		if err != nil {
			return err
		}
		for i := range evs {
			if !f(&evs[i]) {
				return nil
			}
		}
		if at = positions[len(positions)-1] + 1; s.newest {
			at = positions[len(positions)-1] - 1
		}
	}
}

// next returns up to n positions that can match, from at on in the direction
// of the search.
func (s *search) next(at int64, n int) ([]int64, error) {
	var out []int64
	for len(out) < n && at >= s.from && at < s.to {
		if len(s.walks) > 0 {
			meet, ok, err := meeting(s.walks, at)
			if err != nil {
				return nil, err
			}
			if !ok || meet < s.from || meet >= s.to {
				break
			}
			at = meet
		}
		out = append(out, at)
		if s.newest {
			at--
		} else {
			at++
		}
	}
	return out, nil
}

func (s *search) read(ctx context.Context, positions []int64) ([]events.Recorded, error) {
	evs, err := s.trail.ByPositions(ctx, positions)
	if errors.Is(err, ErrNotFound) {
		return nil, fmt.Errorf("the index names an event that is not there, run `daybook verify`: %w", err)
	}
	return evs, err
}

// meeting finds the first position from at on that all walks hold.
func meeting(walks []walk, at int64) (int64, bool, error) {
	for {
		met := true
		for _, w := range walks {
			p, ok, err := w.seek(at)
			if err != nil || !ok {
				return 0, false, err
			}
			if p != at {
				at, met = p, false
			}
		}
		if met {
			return at, true, nil
		}
	}
}
