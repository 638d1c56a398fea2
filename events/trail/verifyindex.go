package trail

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"strings"

	"github.com/daybookhq/daybook/events"
)

// postingSums compares the index with the events in fixed memory: both sides
// add up a random function of every (key, position), by range of positions.
// Where the sums are equal, so are the sets.
type postingSums struct {
	seed             maphash.Seed
	shift            int
	expected, actual []uint64
}

func newPostingSums(size int64) postingSums {
	s := postingSums{seed: maphash.MakeSeed()}
	const ranges = 4096
	for size>>s.shift > ranges {
		s.shift++
	}
	n := size>>s.shift + 1
	s.expected, s.actual = make([]uint64, n), make([]uint64, n)
	return s
}

type posting struct{ hash, position int64 }

func (s *postingSums) expect(hash, position int64) {
	s.expected[position>>s.shift] += maphash.Comparable(s.seed, posting{hash, position})
}

// index checks that each event that the index lists is found under each of its
// keys and under no other. An index that hides an event is as bad as a missing
// one. Of the newest events, which it does not list, it must not say anything.
func (v *verification) index(ctx context.Context) error {
	s, from, size := &v.postings, v.report.From, v.head.Listed
	last := int64(-1)
	err := v.trail.eachPosting(ctx, func(hash, first, before int64, positions []int64) {
		if first <= before {
			v.report.fault(first, "the rows of the key index overlap there")
		}
		for _, p := range positions {
			last = max(last, p)
			if p >= from && p < size {
				s.actual[p>>s.shift] += maphash.Comparable(s.seed, posting{hash, p})
			} else if p < 0 {
				v.report.fault(0, "the key index lists the position %d", p)
			}
		}
	})
	if unreadable, ok := errors.AsType[*unreadableRow](err); ok {
		v.report.fault(unreadable.first, "the key index cannot be read there: %v", unreadable.err)
	} else if err != nil {
		return err
	}
	now, err := v.trail.readHead(ctx) // after it: a server may be listing more
	if err != nil {
		return err
	}
	if last >= now.Listed {
		v.report.fault(last, "the key index has it under a key, though the head row says that it lists %d events only", now.Listed)
	}
	for i := range s.expected {
		if s.expected[i] != s.actual[i] {
			// Looking closer costs a walk over the index; the first is enough.
			if err := v.indexRange(ctx, max(int64(i)<<s.shift, from), min(int64(i+1)<<s.shift, size)); err != nil {
				return err
			}
			break
		}
	}
	if err := v.keyRows(ctx); err != nil {
		return err
	}
	return v.happened(ctx)
}

// indexRange names the first event in a range whose index entries are wrong.
func (v *verification) indexRange(ctx context.Context, from, to int64) error {
	wrong := map[posting]int{} // how many more times the events have it than the index
	names := map[int64]events.Key{}
	rows, err := v.trail.rawEvents(ctx, from, to)
	if err != nil {
		return err
	}
	for i, x := range examine(rows) {
		for _, k := range x.keys {
			wrong[posting{k.digest.hash(), rows[i].Position}]++
			names[k.digest.hash()] = k.key
		}
	}
	err = v.trail.eachPosting(ctx, func(hash, first, _ int64, positions []int64) {
		for _, p := range positions {
			if p >= from && p < to {
				wrong[posting{hash, p}]--
			}
		}
	})
	if _, ok := errors.AsType[*unreadableRow](err); err != nil && !ok {
		return err
	}
	for p, n := range wrong {
		switch {
		case n > 0:
			v.report.fault(p.position, "the key index does not list it under %s: searches miss it", names[p.hash])
		case n < 0:
			v.report.fault(p.position, "the key index lists it under a key that it does not have")
		}
	}
	return nil
}

type unreadableRow struct {
	first int64
	err   error
}

func (u *unreadableRow) Error() string { return u.err.Error() }

// eachPosting calls f with every row of the index; before is the last position
// of the row before it of the same key, or less than any.
func (t *Trail) eachPosting(ctx context.Context, f func(hash, first, before int64, positions []int64)) error {
	const some = 4096
	query := t.reader.Rebind(`SELECT hash, first, more FROM postings WHERE (hash, first) > (?, ?) ORDER BY hash, first LIMIT ?`)
	const least = -1 << 63
	prev, last := posting{least, least}, int64(least)
	var buf []int64
	for {
		var rows []struct {
			Hash  int64   `db:"hash"`
			First int64   `db:"first"`
			More  *string `db:"more"`
		}
		if err := t.reader.SelectContext(ctx, &rows, query, prev.hash, prev.position, some); err != nil {
			return fmt.Errorf("read the key index: %w", err)
		}
		for _, r := range rows {
			var err error
			if buf, err = unpack(buf[:0], r.First, r.More); err != nil {
				return &unreadableRow{r.First, err}
			}
			if r.Hash != prev.hash {
				last = least
			}
			f(r.Hash, r.First, last, buf)
			prev, last = posting{r.Hash, r.First}, buf[len(buf)-1]
		}
		if len(rows) < some {
			return nil
		}
	}
}

// keys checks that the keys of some events, if they are listed, have rows.
func (v *verification) keys(ctx context.Context, examined []examination) error {
	type want struct {
		hashedKey
		position int64
	}
	var wanted []want
	for i := range examined {
		if examined[i].event.Position >= v.head.Listed {
			continue
		}
		for _, k := range examined[i].keys {
			if !v.known.has(k.digest) {
				v.known.add(k.digest)
				wanted = append(wanted, want{k, examined[i].event.Position})
			}
		}
	}
	for from := 0; from < len(wanted); from += readChunk {
		chunk := wanted[from:min(from+readChunk, len(wanted))]
		args := make([]any, 0, 2*len(chunk))
		for _, w := range chunk {
			args = append(args, string(w.key.Kind), w.key.Value)
		}
		var rows []struct {
			Kind  string `db:"kind"`
			Value string `db:"value"`
			Hash  int64  `db:"hash"`
			First int64  `db:"first"`
		}
		query := `SELECT kind, value, hash, first FROM keys WHERE (kind, value) IN (VALUES (?,?)` + strings.Repeat(`,(?,?)`, len(chunk)-1) + `)`
		if err := v.trail.reader.SelectContext(ctx, &rows, v.trail.reader.Rebind(query), args...); err != nil {
			return fmt.Errorf("read keys: %w", err)
		}
		found := make(map[events.Key]int64, len(rows))
		for _, r := range rows {
			k := events.Key{Kind: events.Kind(r.Kind), Value: r.Value}
			found[k] = r.First
			if r.Hash != keyHash(k) {
				v.report.fault(r.First, "the row of its key %s has a wrong hash: searches miss it", k)
			}
		}
		for _, w := range chunk {
			if first, ok := found[w.key]; !ok {
				v.report.fault(w.position, "its key %s is not listed in keys", w.key)
			} else if first > w.position {
				v.report.fault(w.position, "the row of its key %s says that it was first seen at #%d", w.key, first)
			}
		}
	}
	return nil
}

// keyRows looks for keys that no event has, or not where they say.
func (v *verification) keyRows(ctx context.Context) error {
	var rows []struct {
		Kind  string `db:"kind"`
		Value string `db:"value"`
		First int64  `db:"first"`
	}
	query := v.trail.reader.Rebind(`SELECT kind, value, first FROM keys k
		WHERE NOT EXISTS (SELECT 1 FROM postings p WHERE p.hash = k.hash AND p.first = k.first) ORDER BY first LIMIT ?`)
	if err := v.trail.reader.SelectContext(ctx, &rows, query, maxFaults); err != nil {
		return fmt.Errorf("read keys: %w", err)
	}
	for _, r := range rows {
		v.report.fault(r.First, "the key %s/%s is listed as first seen there, which the index does not say", r.Kind, r.Value)
	}
	return nil
}

// happened walks over the index of times, which SQLite keeps apart from the
// rows and which a damaged file can leave behind.
func (v *verification) happened(ctx context.Context) error {
	if v.trail.Dialect() != SQLite {
		return nil
	}
	var n int64
	err := v.trail.reader.GetContext(ctx, &n, `SELECT count(*) FROM events INDEXED BY events_happened WHERE happened_us > -9223372036854775808 AND position < ?`, v.head.Size)
	if err != nil {
		return fmt.Errorf("read the index of times: %w", err)
	}
	if n != v.head.Size && v.report.OK() {
		v.report.fault(0, "the index of times lists %d events of %d", n, v.head.Size)
	}
	return nil
}
