package trail

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/events/seal"
)

// A Head says where a prefix of the trail ends, and commits to all of it.
type Head struct {
	Size       int64     // number of events
	Root       seal.Hash // Merkle root over them
	LedgerTime time.Time // of the last one; zero for an empty prefix
	Origin     string    // the log's name
	Checkpoint []byte    // the signed checkpoint of this prefix; nil if there is none and none can be made
	Erased     int64     // how many of these events are erased by now
}

func (t *Trail) readHead(ctx context.Context) (h headRow, err error) {
	if err := t.reader.GetContext(ctx, &h, selectHead); err != nil {
		return h, fmt.Errorf("read the head: %w", t.classify(err))
	}
	return h, nil
}

// Head returns the head of the whole trail as of now.
func (t *Trail) Head(ctx context.Context) (Head, error) {
	row, err := t.readHead(ctx)
	if err != nil {
		return Head{}, err
	}
	if row.Size == 0 {
		return Head{Root: seal.EmptyRoot(), Origin: row.Origin}, nil
	}
	h := Head{Size: row.Size, Root: seal.Hash(row.Root), LedgerTime: time.UnixMicro(row.LedgerUS).UTC(), Origin: row.Origin, Erased: row.Redacted}
	h.Checkpoint, err = t.checkpoint(ctx, h)
	return h, err
}

// HeadAt returns the head that the trail had, or would have had, when it held
// that many events: its root is computed from the stored tiles. If no
// checkpoint was signed at that size, one is signed now, unless the key that
// signed such sizes has been replaced since.
func (t *Trail) HeadAt(ctx context.Context, size int64) (Head, error) {
	now, err := t.readHead(ctx)
	if err != nil {
		return Head{}, err
	}
	if size < 0 || size > now.Size {
		return Head{}, fmt.Errorf("%w: a prefix of %d events was asked for, the trail holds %d", ErrNotFound, size, now.Size)
	}
	tree, err := seal.LoadTree(size, t.tileReader(ctx))
	if err != nil {
		return Head{}, t.classify(err)
	}
	h := Head{Size: size, Root: tree.Root(), Origin: now.Origin}
	if size == 0 {
		return h, nil
	}
	var us int64
	if err := t.reader.GetContext(ctx, &us, t.reader.Rebind(`SELECT ledger_us FROM events WHERE position = ?`), size-1); err != nil {
		return Head{}, fmt.Errorf("read the ledger time at %d: %w", size-1, t.classify(err))
	}
	h.LedgerTime = time.UnixMicro(us).UTC()
	if now.Redacted > 0 {
		if err := t.reader.GetContext(ctx, &h.Erased, t.reader.Rebind(`SELECT count(*) FROM redactions WHERE position < ?`), size); err != nil {
			return Head{}, fmt.Errorf("count what was erased: %w", t.classify(err))
		}
	}
	if h.Checkpoint, err = t.checkpoint(ctx, h); h.Checkpoint != nil || err != nil {
		return h, err
	}
	key := t.signer()
	if key == nil || key.Public() != now.PublicKey {
		return h, nil
	}
	ring, err := t.Keyring(ctx, "")
	if err != nil {
		return Head{}, fmt.Errorf("the log's keys do not lead to each other, run `daybook verify`: %w", err)
	}
	if !ring.Signs(key.Public(), size) {
		return h, nil // what an earlier key did not sign is not signed any more
	}
	// What is signed here must not contradict what was signed before, whoever
	// altered the tiles since.
	if err := t.checkPrefix(ctx, ring, h, now.Size); err != nil {
		return Head{}, fmt.Errorf("the stored tiles do not fit the signed head, run `daybook verify`: %w", t.classify(err))
	}
	// Not kept: Ed25519 gives the same signature for the same prefix each time.
	h.Checkpoint, err = key.Sign(h.Size, h.Root)
	return h, err
}

func (t *Trail) tileReader(ctx context.Context) seal.TileReader {
	return func(level int, index int64) (b []byte, err error) {
		err = t.reader.GetContext(ctx, &b, t.reader.Rebind(`SELECT hashes FROM tiles WHERE level = ? AND idx = ?`), level, index)
		return b, err
	}
}

// checkPrefix holds a prefix against the checkpoint that was signed at size.
func (t *Trail) checkPrefix(ctx context.Context, ring *seal.Keyring, h Head, size int64) error {
	signed, err := t.checkpoint(ctx, Head{Size: size})
	if err != nil {
		return err
	}
	if signed == nil {
		return fmt.Errorf("the checkpoint at %d is missing", size)
	}
	c, err := ring.Open(signed)
	if err != nil {
		return err
	}
	return seal.CheckConsistency(h.Size, h.Root, size, c.Root, t.tileReader(ctx))
}

// checkpoint returns the kept checkpoint of a prefix, or nil.
func (t *Trail) checkpoint(ctx context.Context, h Head) ([]byte, error) {
	var note string
	err := t.reader.GetContext(ctx, &note, t.reader.Rebind(`SELECT note FROM checkpoints WHERE size = ?`), h.Size)
	switch {
	case err == nil:
		return []byte(note), nil
	case !errors.Is(err, sql.ErrNoRows):
		return nil, fmt.Errorf("read the checkpoint at %d: %w", h.Size, t.classify(err))
	}
	return nil, nil
}

// SizeAt returns how many events were recorded no later than that moment.
func (t *Trail) SizeAt(ctx context.Context, recorded time.Time) (int64, error) {
	h, err := t.readHead(ctx)
	if err != nil {
		return 0, err
	}
	return t.firstAfter(ctx, recorded.UnixMicro(), h)
}

// firstAfter finds the first position with a ledger time later than us, by
// halving: ledger time never runs backwards.
func (t *Trail) firstAfter(ctx context.Context, us int64, h headRow) (int64, error) {
	if us >= h.LedgerUS {
		return h.Size, nil
	}
	stmt, err := t.reader.PreparexContext(ctx, t.reader.Rebind(`SELECT ledger_us FROM events WHERE position = ?`))
	if err != nil {
		return 0, t.classify(err)
	}
	defer stmt.Close()
	lo, hi := int64(0), h.Size
	for lo < hi {
		mid := lo + (hi-lo)/2
		var at int64
		if err := stmt.GetContext(ctx, &at, mid); err != nil {
			return 0, fmt.Errorf("read the ledger time at %d: %w", mid, t.classify(err))
		}
		if at <= us {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo, nil
}

// Get returns the event at a position, or ErrNotFound. Like all that reads the
// trail, it returns an event whose content was erased with its place alone; see
// [events.Erasure].
func (t *Trail) Get(ctx context.Context, position int64) (events.Recorded, error) {
	var body string
	err := t.reader.GetContext(ctx, &body, t.reader.Rebind(`SELECT body FROM events WHERE position = ?`), position)
	if errors.Is(err, sql.ErrNoRows) {
		return events.Recorded{}, fmt.Errorf("%w: #%d", ErrNotFound, position)
	}
	if err != nil {
		return events.Recorded{}, fmt.Errorf("read event %d: %w", position, t.classify(err))
	}
	r, err := parseAt(position, body)
	if err != nil || r.Erased == nil {
		return r, err
	}
	one := []events.Recorded{r}
	err = t.explain(ctx, one)
	return one[0], err
}

// Read returns the events at positions from (included) to (excluded), in
// order, at most limit of them; a limit of 0 means no limit.
func (t *Trail) Read(ctx context.Context, from, to int64, limit int) ([]events.Recorded, error) {
	from = max(from, 0)
	if limit > 0 {
		to = min(to, from+int64(limit))
	}
	if to <= from {
		return nil, nil
	}
	rows, err := t.reader.QueryContext(ctx, t.reader.Rebind(`SELECT position, body FROM events WHERE position >= ? AND position < ? ORDER BY position`), from, to)
	if err != nil {
		return nil, fmt.Errorf("read events from %d: %w", from, t.classify(err))
	}
	evs, err := scanEvents(rows, make([]events.Recorded, 0, min(to-from, 4096)))
	if err != nil {
		return nil, fmt.Errorf("read events from %d: %w", from, t.classify(err))
	}
	return evs, t.explain(ctx, evs)
}

func scanEvents(rows *sql.Rows, dst []events.Recorded) ([]events.Recorded, error) {
	defer rows.Close()
	for rows.Next() {
		var position int64
		var body string
		if err := rows.Scan(&position, &body); err != nil {
			return dst, err
		}
		r, err := parseAt(position, body)
		if err != nil {
			return dst, err
		}
		dst = append(dst, r)
	}
	return dst, rows.Err()
}

// parseAt reads stored bytes back and checks that they say they belong there.
// Of those that were erased it tells only that; see [Trail.explain].
func parseAt(position int64, body string) (events.Recorded, error) {
	if body == erasedBody {
		return erasedAt(position), nil
	}
	r, err := events.ParseRecorded([]byte(body))
	if err != nil {
		return r, fmt.Errorf("the stored event #%d cannot be read, run `daybook verify`: %w", position, err)
	}
	if r.Position != position {
		return r, fmt.Errorf("the event stored at #%d says it is #%d, run `daybook verify`", position, r.Position)
	}
	return r, nil
}

// readChunk is how many rows are asked for by one statement.
const readChunk = 256

// ByPositions returns the events at those positions, in the order given.
// Positions that hold no event are an error, ErrNotFound.
func (t *Trail) ByPositions(ctx context.Context, positions []int64) ([]events.Recorded, error) {
	found := make(map[int64]events.Recorded, len(positions))
	for chunk := range slices.Chunk(positions, readChunk) {
		args := make([]any, len(chunk))
		for i, p := range chunk {
			args[i] = p
		}
		query := `SELECT position, body FROM events WHERE position IN (?` + strings.Repeat(`,?`, len(chunk)-1) + `)`
		rows, err := t.reader.QueryContext(ctx, t.reader.Rebind(query), args...)
		if err != nil {
			return nil, fmt.Errorf("read %d events: %w", len(positions), t.classify(err))
		}
		evs, err := scanEvents(rows, nil)
		if err != nil {
			return nil, fmt.Errorf("read %d events: %w", len(positions), t.classify(err))
		}
		if err := t.explain(ctx, evs); err != nil {
			return nil, err
		}
		for _, e := range evs {
			found[e.Position] = e
		}
	}
	out := make([]events.Recorded, len(positions))
	for i, p := range positions {
		r, ok := found[p]
		if !ok {
			return nil, fmt.Errorf("%w: #%d", ErrNotFound, p)
		}
		out[i] = r
	}
	return out, nil
}

// ByIdentity returns the positions of those that are recorded.
func (t *Trail) ByIdentity(ctx context.Context, ids []events.Identity) (map[events.Identity]int64, error) {
	found := make(map[events.Identity]int64, len(ids))
	for chunk := range slices.Chunk(ids, readChunk) {
		args := make([]any, len(chunk))
		for i := range chunk {
			args[i] = chunk[i][:]
		}
		var rows []struct {
			Position int64  `db:"position"`
			Identity []byte `db:"identity"`
		}
		query := `SELECT position, identity FROM events WHERE identity IN (?` + strings.Repeat(`,?`, len(chunk)-1) + `)`
		if err := t.reader.SelectContext(ctx, &rows, t.reader.Rebind(query), args...); err != nil {
			return nil, fmt.Errorf("look up %d identities: %w", len(ids), t.classify(err))
		}
		for _, r := range rows {
			found[events.Identity(r.Identity)] = r.Position
		}
	}
	return found, nil
}

// KeysOf lists the values that keys of a kind have had, in byte order,
// beginning after the one given.
func (t *Trail) KeysOf(ctx context.Context, kind events.Kind, after string, limit int) ([]string, error) {
	_, u, err := t.readUnlisted(ctx)
	if err != nil {
		return nil, err
	}
	var values []string
	query := t.reader.Rebind(`SELECT value FROM keys WHERE kind = ? AND value > ? ORDER BY value LIMIT ?`)
	if err := t.reader.SelectContext(ctx, &values, query, string(kind), after, limit); err != nil {
		return nil, fmt.Errorf("list the %ss: %w", kind, t.classify(err))
	}
	listed := len(values)
	for _, k := range u.fresh {
		if k.key.Kind == kind && k.key.Value > after {
			values = append(values, k.key.Value)
		}
	}
	if len(values) > listed {
		slices.Sort(values)
		values = slices.Compact(values)
	}
	return values[:min(limit, len(values))], nil
}

// Positions returns the positions before a given one whose events have any of
// the keys, ascending. It trusts the index: in a trail that is whole it leaves
// none out, and one that does not belong is possible only where two keys share
// a 64-bit hash.
func (t *Trail) Positions(ctx context.Context, keys []events.Key, before int64) ([]int64, error) {
	_, u, err := t.readUnlisted(ctx)
	if err != nil {
		return nil, err
	}
	hashes := make([]int64, len(keys))
	for i, k := range keys {
		hashes[i] = keyHash(k)
	}
	all := u.positions(nil, hashes...)
	for chunk := range slices.Chunk(hashes, readChunk) {
		args := make([]any, 0, len(chunk)+1)
		for _, hash := range chunk {
			args = append(args, hash)
		}
		args = append(args, before)
		var rows []struct {
			First int64   `db:"first"`
			More  *string `db:"more"`
		}
		query := `SELECT first, more FROM postings WHERE hash IN (?` + strings.Repeat(`,?`, len(chunk)-1) + `) AND first < ?`
		if err := t.reader.SelectContext(ctx, &rows, t.reader.Rebind(query), args...); err != nil {
			return nil, fmt.Errorf("look up %s and others: %w", keys[0], t.classify(err))
		}
		for _, r := range rows {
			var err error
			if all, err = unpack(all, r.First, r.More); err != nil {
				return nil, fmt.Errorf("the index row at %d cannot be read, run `daybook verify`: %w", r.First, err)
			}
		}
	}
	slices.Sort(all)
	all = slices.Compact(all)
	n, _ := slices.BinarySearch(all, before)
	return all[:n], nil
}
