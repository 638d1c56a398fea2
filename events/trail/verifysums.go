package trail

import (
	"bytes"
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"hash/maphash"
	"math"
	"slices"
	"strings"

	"github.com/daybookhq/daybook/events"
	"golang.org/x/sync/errgroup"
)

// indexes compares what searches rely on with the events. It adds up both
// sides, which takes one pass over each table in its own order; only where the
// sums differ are single rows looked for, to name what is wrong.
func (v *verification) indexes(ctx context.Context) error {
	fits := [...]struct {
		check func(context.Context) (bool, error)
		find  func(context.Context) error
		ok    bool
	}{
		{check: v.identitiesFit, find: v.findIdentity},
		{check: v.postingsFit, find: v.findPosting},
		{check: v.happenedFits, find: v.happened},
	}
	g, gctx := errgroup.WithContext(ctx)
	for i := range fits {
		g.Go(func() (err error) {
			fits[i].ok, err = fits[i].check(gctx)
			if err != nil && v.trail.isDamage(gctx, err) {
				fits[i].ok, err = false, nil // finding it says what cannot be read
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for _, f := range fits {
		if f.ok {
			continue
		}
		if err := v.unreadable(ctx, f.find(ctx), v.report.From, "an index"); err != nil {
			return err
		}
	}
	return nil
}

// of is the random function of a posting that both sides add up.
func (s *postingSums) of(hash, position int64) uint64 {
	return maphash.Comparable(s.seed, posting{hash, position})
}

// pageRows is how many rows of an index are read in one transaction: a long one
// would keep SQLite's log from being emptied under a running server.
const pageRows = 1 << 15

// postingsFit reports whether the key index lists each event under each of its
// keys and nothing else, and whether keys lists each of those once.
func (v *verification) postingsFit(ctx context.Context) (bool, error) {
	s, from, size := &v.postings, v.report.From, v.head.Listed
	actual := make([]uint64, len(s.expected))
	var firsts uint64 // over the first position of every key
	odd, rows := false, int64(0)
	const least = -1 << 63
	last := posting{least, least} // the last row
	end := int64(least)           // the last position in it
	var positions []int64
	newest := int64(-1) // of all positions that are listed
	for {
		n := 0
		query := fmt.Sprintf(`SELECT hash, first, more FROM postings WHERE (hash, first) > (?, ?) ORDER BY hash, first LIMIT %d`, pageRows)
		err := v.trail.eachRow(ctx, query, []any{last.hash, last.position}, func(row []driver.Value) bool {
			n++
			hash, ok := row[0].(int64)
			first, ok2 := row[1].(int64)
			var more string
			if b, ok := asBytes(row[2]); ok {
				more = string(b)
			}
			positions, odd = appendPostings(positions[:0], first, more)
			if !ok || !ok2 || odd {
				odd = true
				return false
			}
			if hash != last.hash || last.position == least {
				if first < size {
					firsts += s.of(hash, first)
				}
				end = least
			}
			if first <= end {
				odd = true
			}
			newest = max(newest, positions[len(positions)-1])
			for _, p := range positions {
				if p < 0 {
					odd = true
				} else if p >= from && p < size {
					actual[p>>s.shift] += s.of(hash, p)
				}
			}
			last, end = posting{hash, first}, positions[len(positions)-1]
			return !odd
		})
		if err != nil {
			return false, fmt.Errorf("read the key index: %w", err)
		}
		if rows += int64(n); odd {
			return false, nil
		}
		v.progress("index rows", rows, 0)
		if n < pageRows {
			break
		}
	}
	if !slices.Equal(actual, s.expected) {
		return false, nil
	}
	listed, newestKey, err := v.keyFirsts(ctx)
	if err != nil {
		return false, err
	}
	now, err := v.trail.readHead(ctx) // after both: a server may be listing more
	return listed == firsts && max(newest, newestKey) < now.Listed, err
}

// appendPostings is unpack for well-written rows; it reports whether the row is
// another one.
func appendPostings(dst []int64, first int64, more string) (_ []int64, odd bool) {
	dst = append(dst, first)
	if more == "" {
		return dst, false
	}
	if more[0] != '[' && more[0] != '{' {
		return dst, true
	}
	last, n, digits := int64(0), int64(0), 0
	for i := 1; i < len(more); i++ {
		switch c := more[i]; {
		case c >= '0' && c <= '9' && digits < 10:
			n, digits = 10*n+int64(c-'0'), digits+1
		case digits > 0 && n > last && n <= math.MaxInt32 && (c == ',' && i < len(more)-1 || (c == ']' || c == '}') && i == len(more)-1):
			dst = append(dst, first+n)
			last, n, digits = n, 0, 0
		default:
			return dst, true
		}
	}
	return dst, digits > 0 || len(dst) == 1
}

// keyFirsts adds up the first positions of the rows of keys, whose hashes must
// be those of their keys, and finds the greatest.
func (v *verification) keyFirsts(ctx context.Context) (sum uint64, newest int64, err error) {
	newest = -1
	var kind, value string
	for {
		n, odd := 0, false
		query := fmt.Sprintf(`SELECT kind, value, hash, first FROM keys WHERE (kind, value) > (?, ?) ORDER BY kind, value LIMIT %d`, pageRows)
		err := v.trail.eachRow(ctx, query, []any{kind, value}, func(row []driver.Value) bool {
			n++
			k, ok := asBytes(row[0])
			val, ok2 := asBytes(row[1])
			hash, ok3 := row[2].(int64)
			first, ok4 := row[3].(int64)
			kind, value = string(k), string(val)
			if odd = !ok || !ok2 || !ok3 || !ok4 || hash != keyHash(events.Key{Kind: events.Kind(kind), Value: value}); odd {
				return false
			}
			newest = max(newest, first)
			if first < v.head.Listed {
				sum += v.postings.of(hash, first)
			}
			return true
		})
		if err != nil {
			return 0, 0, fmt.Errorf("read keys: %w", err)
		}
		if odd {
			return sum + 1, newest, nil // unlike the other side
		}
		if n < pageRows {
			return sum, newest, nil
		}
	}
}

// findPosting names the first row of the key index that is wrong.
func (v *verification) findPosting(ctx context.Context) error {
	if err := v.index(ctx); err != nil {
		return err
	}
	return v.eachRange(ctx, func(rows []rawEvent) error { return v.keys(ctx, examine(rows)) })
}

// eachRange calls f with all events, some at a time, until f has found a fault.
func (v *verification) eachRange(ctx context.Context, f func([]rawEvent) error) error {
	before := v.report.FaultCount
	for from := v.report.From; from < v.head.Size && v.report.FaultCount == before; from += chunkEvents {
		rows, err := v.trail.rawEvents(ctx, from, min(from+chunkEvents, v.head.Size))
		if err != nil {
			return err
		}
		if err := f(rows); err != nil {
			return err
		}
	}
	return nil
}

// identitySum compares identities with the events in fixed memory: both sides
// add up a random function of every (identity, position).
type identitySum struct {
	seed     maphash.Seed
	expected uint64
}

func newIdentitySum() identitySum { return identitySum{seed: maphash.MakeSeed()} }

type identified struct {
	identity events.Identity
	position int64
}

func (s *identitySum) of(id events.Identity, position int64) uint64 {
	return maphash.Comparable(s.seed, identified{id, position})
}

func (s *identitySum) expect(id events.Identity, position int64) {
	s.expected += s.of(id, position)
}

// identitiesFit walks over all identities in their order, so that two events of
// one source and id come one after the other. On SQLite it reads the index that
// duplicates are found by, which must list every event and nothing else.
// Postgres has no such order to read without looking up every row; there the
// index must be in use.
func (v *verification) identitiesFit(ctx context.Context) (bool, error) {
	if there, err := v.identityIndexIsThere(ctx); !there || err != nil {
		return false, err
	}
	var actual uint64
	fit, read := true, int64(0)
	err := v.eachIdentity(ctx, func(id events.Identity, position int64, again bool) {
		if again {
			fit = false
		}
		if position >= v.report.From {
			actual += v.identities.of(id, position)
		}
		if read++; read%pageRows == 0 {
			v.progress("identities", read, v.head.Size)
		}
	})
	return fit && actual == v.identities.expected, err
}

// eachIdentity calls f with every identity, in their order, and whether the one
// before it was the same.
func (v *verification) eachIdentity(ctx context.Context, f func(id events.Identity, position int64, again bool)) error {
	query, args, page := `SELECT identity, position FROM events WHERE position < ? ORDER BY identity`, []any{v.head.Size}, 0
	if v.trail.Dialect() == SQLite {
		query = fmt.Sprintf(`SELECT identity, position FROM events INDEXED BY events_identity WHERE (identity, position) > (?, ?) AND position < ? ORDER BY identity, position LIMIT %d`, pageRows)
		args, page = []any{[]byte{}, int64(-1 << 63), v.head.Size}, pageRows
	}
	var last []byte
	begun := false
	for {
		n := 0
		err := v.trail.eachRow(ctx, query, args, func(row []driver.Value) bool {
			n++
			id, _ := asBytes(row[0])
			p, _ := row[1].(int64)
			f(events.Identity(padded(id)), p, begun && bytes.Equal(id, last))
			last, begun = append(last[:0], id...), true
			if page > 0 {
				args[0], args[1] = last, p
			}
			return true
		})
		if err != nil {
			return fmt.Errorf("read the index of identities: %w", err)
		}
		if n < page || page == 0 {
			return nil
		}
	}
}

func (v *verification) identityIndexIsThere(ctx context.Context) (bool, error) {
	query := `SELECT count(*) FROM pragma_index_list('events') WHERE name = 'events_identity' AND "unique" = 1 AND partial = 0`
	if v.trail.Dialect() == Postgres {
		query = `SELECT count(*) FROM pg_index WHERE indexrelid = to_regclass('events_identity') AND indrelid = to_regclass('events')
			AND indisunique AND indisvalid AND indisready AND indpred IS NULL`
	}
	var n int
	if err := v.trail.reader.GetContext(ctx, &n, query); err != nil {
		return false, fmt.Errorf("look for the index of identities: %w", err)
	}
	return n == 1, nil
}

// findIdentity names the first event whose identity is wrong.
func (v *verification) findIdentity(ctx context.Context) error {
	before := v.report.FaultCount
	there, err := v.identityIndexIsThere(ctx)
	switch {
	case err != nil:
		return err
	case !there:
		v.report.fault(v.report.From, "the index events_identity, which keeps two events from having one source and id, is missing or not in use")
		return nil
	}
	other := int64(-1)
	err = v.eachIdentity(ctx, func(_ events.Identity, position int64, again bool) {
		if again {
			v.report.fault(max(position, other), "it has the same source and id as #%d", min(position, other))
		}
		other = position
	})
	if err != nil {
		return err
	}
	if err := v.eachRange(ctx, func(rows []rawEvent) error { return v.lookUpIdentities(ctx, rows) }); err != nil {
		return err
	}
	if v.report.FaultCount == before && v.report.OK() {
		v.report.fault(v.report.From, "the index of identities does not list what the events have")
	}
	return nil
}

// lookUpIdentities looks events up by their identity, through the index: each
// must be found.
func (v *verification) lookUpIdentities(ctx context.Context, rows []rawEvent) error {
	for from := 0; from < len(rows); from += readChunk {
		chunk := rows[from:min(from+readChunk, len(rows))]
		args := make([]any, len(chunk))
		for i := range chunk {
			args[i] = chunk[i].Identity
		}
		var found [][]byte
		query := `SELECT identity FROM events WHERE identity IN (?` + strings.Repeat(`,?`, len(chunk)-1) + `)`
		if err := v.trail.reader.SelectContext(ctx, &found, v.trail.reader.Rebind(query), args...); err != nil {
			return err
		}
		there := make(map[string]bool, len(found))
		for _, id := range found {
			there[string(id)] = true
		}
		for i := range chunk {
			if !there[string(chunk[i].Identity)] {
				v.report.fault(chunk[i].Position, "the identity index does not lead to it")
			}
		}
	}
	return nil
}

var errNoQueries = errors.New("the database's driver answers no plain queries")

// happenedFits reports whether the index of times, which SQLite keeps apart from
// the rows, lists as many events as there are.
func (v *verification) happenedFits(ctx context.Context) (bool, error) {
	if v.trail.Dialect() != SQLite {
		return true, nil
	}
	var n int64
	err := v.trail.reader.GetContext(ctx, &n, `SELECT count(*) FROM events INDEXED BY events_happened WHERE happened_us > -9223372036854775808 AND position < ?`, v.head.Size)
	return n == v.head.Size, err
}
