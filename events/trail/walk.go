package trail

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/daybookhq/daybook/events"
)

// A walk goes through positions in the index, ascending or descending.
type walk interface {
	// seek returns the first position from at on, in the walk's direction. at
	// never goes back.
	seek(at int64) (position int64, ok bool, err error)
}

// listWalk walks through positions that are at hand, in the walk's direction.
type listWalk struct {
	positions []int64
	newest    bool
}

func (w *listWalk) seek(at int64) (int64, bool, error) {
	for len(w.positions) > 0 {
		if p := w.positions[0]; (w.newest && p <= at) || (!w.newest && p >= at) {
			return p, true, nil
		}
		w.positions = w.positions[1:]
	}
	return 0, false, nil
}

// keyWalk walks through the postings of one key, some rows at a time.
type keyWalk struct {
	listWalk
	trail *Trail
	ctx   context.Context
	key   events.Key
	hash  int64
	last  int64 // first position of the last row that was read
	begun bool
	ended bool
}

func (s *search) walkKey(ctx context.Context, k events.Key) walk {
	hash := keyHash(k)
	listed := &keyWalk{listWalk: listWalk{newest: s.newest}, trail: s.trail, ctx: ctx, key: k, hash: hash}
	return s.withUnlisted([]walk{listed}, hash)
}

// withUnlisted walks through the events that have any of the keys and are not
// in the index yet, together with given walks through it.
func (s *search) withUnlisted(walks []walk, hashes ...int64) walk {
	positions := s.unlisted.positions(nil, hashes...)
	if s.newest {
		slices.Reverse(positions)
	}
	return &anyWalk{walks: append(walks, &listWalk{positions: positions, newest: s.newest}), newest: s.newest}
}

func (w *keyWalk) seek(at int64) (int64, bool, error) {
	for {
		if p, ok, _ := w.listWalk.seek(at); ok {
			return p, true, nil
		}
		if w.ended {
			return 0, false, nil
		}
		if err := w.fill(at); err != nil {
			return 0, false, fmt.Errorf("look up %s: %w", w.key, w.trail.classify(err))
		}
	}
}

const postingRowsPerRead = 32

// fill reads the next rows that can hold positions from at on. Rows of a key
// never overlap, so the row that begins last at or before a position is the
// only one of the earlier ones that can hold it or a later one.
func (w *keyWalk) fill(at int64) error {
	query := `SELECT first, more FROM postings WHERE hash = ? AND first >= ?
		AND first >= coalesce((SELECT max(first) FROM postings WHERE hash = ? AND first <= ?), 0)
		ORDER BY first LIMIT ?`
	args := []any{w.hash, int64(0), w.hash, at, postingRowsPerRead}
	if w.begun {
		args[1] = w.last + 1
	}
	if w.newest {
		query = `SELECT first, more FROM postings WHERE hash = ? AND first <= ? ORDER BY first DESC LIMIT ?`
		args = []any{w.hash, at, postingRowsPerRead}
		if w.begun {
			args[1] = min(at, w.last-1)
		}
	}
	var rows []struct {
		First int64   `db:"first"`
		More  *string `db:"more"`
	}
	if err := w.trail.reader.SelectContext(w.ctx, &rows, w.trail.reader.Rebind(query), args...); err != nil {
		return err
	}
	w.begun, w.ended = true, len(rows) < postingRowsPerRead
	w.positions = w.positions[:0:0]
	for _, r := range rows {
		n := len(w.positions)
		var err error
		if w.positions, err = unpack(w.positions, r.First, r.More); err != nil {
			return fmt.Errorf("the index row at %d cannot be read: %w", r.First, err)
		}
		if w.newest {
			slices.Reverse(w.positions[n:])
		}
		w.last = r.First
	}
	return nil
}

// anyWalk walks through the positions of several walks together.
type anyWalk struct {
	walks  []walk
	newest bool
}

func (w *anyWalk) seek(at int64) (int64, bool, error) {
	best, found := int64(0), false
	left := w.walks[:0]
	for _, one := range w.walks {
		p, ok, err := one.seek(at)
		if err != nil {
			return 0, false, err
		}
		if !ok {
			continue
		}
		left = append(left, one)
		if !found || (w.newest && p > best) || (!w.newest && p < best) {
			best, found = p, true
		}
	}
	w.walks = left
	return best, found, nil
}

// walkTypes walks through the events of every recorded type that is asked for.
func (s *search) walkTypes(ctx context.Context) (walk, error) {
	var walks []walk
	var hashes []int64
	const some = 1000
	for after := ""; ; {
		types, err := s.trail.KeysOf(ctx, events.KindType, after, some)
		if err != nil {
			return nil, err
		}
		for _, typ := range types {
			if s.match.takesType(typ) {
				key := events.Key{Kind: events.KindType, Value: typ}
				hash := keyHash(key)
				walks = append(walks, &keyWalk{listWalk: listWalk{newest: s.newest}, trail: s.trail, ctx: ctx, key: key, hash: hash})
				hashes = append(hashes, hash)
			}
		}
		if len(types) < some {
			return s.withUnlisted(walks, hashes...), nil
		}
		after = types[len(types)-1]
	}
}

// walkHappened walks through the events that happened in a range, if they are
// few enough to be sorted by position; if not, it is better to look at all.
func (t *Trail) walkHappened(ctx context.Context, f Filter, from, to int64) (w walk, narrow bool, err error) {
	lo, hi := int64(math.MinInt64), int64(math.MaxInt64)
	if !f.HappenedFrom.IsZero() {
		// Rounded towards more: the events themselves are looked at anyway.
		lo = f.HappenedFrom.UnixMicro()
	}
	if !f.HappenedTo.IsZero() {
		hi = ceilMicro(f.HappenedTo)
	}
	var positions []int64
	query := t.reader.Rebind(`SELECT position FROM events WHERE happened_us >= ? AND happened_us < ? LIMIT ?`)
	if err := t.reader.SelectContext(ctx, &positions, query, lo, hi, maxSpread+1); err != nil {
		return nil, false, fmt.Errorf("look up when events happened: %w", t.classify(err))
	}
	if len(positions) > maxSpread {
		return nil, false, nil
	}
	positions = slices.DeleteFunc(positions, func(p int64) bool { return p < from || p >= to })
	slices.Sort(positions)
	if f.Newest {
		slices.Reverse(positions)
	}
	return &listWalk{positions: positions, newest: f.Newest}, true, nil
}
