package trail

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/events/seal"
	"golang.org/x/mod/sumdb/note"
)

// rawEvent is a row of events, unread.
type rawEvent struct {
	Position   int64  `db:"position"`
	Identity   []byte `db:"identity"`
	HappenedUS int64  `db:"happened_us"`
	LedgerUS   int64  `db:"ledger_us"`
	Body       string `db:"body"`
}

func (t *Trail) rawEvents(ctx context.Context, from, to int64) (rows []rawEvent, err error) {
	query := t.reader.Rebind(`SELECT position, identity, happened_us, ledger_us, body FROM events WHERE position >= ? AND position < ? ORDER BY position`)
	if err := t.reader.SelectContext(ctx, &rows, query, from, to); err != nil {
		return nil, fmt.Errorf("read events from %d: %w", from, err)
	}
	return rows, nil
}

// examination is what the bytes of one event say.
type examination struct {
	event events.Recorded
	leaf  seal.Hash
	keys  []hashedKey
	err   error
}

// examine reads and hashes rows on all processors.
func examine(rows []rawEvent) []examination {
	out := make([]examination, len(rows))
	inParallel(len(rows), func(i int) {
		x := &out[i]
		body := []byte(rows[i].Body)
		x.leaf = seal.LeafHash(body)
		if x.event, x.err = events.ParseRecorded(body); x.err == nil {
			x.keys = hashKeys(&x.event.Event, nil)
		}
	})
	return out
}

func inParallel(n int, f func(i int)) {
	workers := min(runtime.GOMAXPROCS(0), (n+63)/64)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := w; i < n; i += workers {
				f(i)
			}
		})
	}
	wg.Wait()
}

// identities looks the events up by their identity, through the unique index:
// each must be found, once, where it stands.
func (v *verification) identities(ctx context.Context, rows []rawEvent) error {
	for from := 0; from < len(rows); from += readChunk {
		chunk := rows[from:min(from+readChunk, len(rows))]
		args := make([]any, len(chunk))
		for i := range chunk {
			args[i] = chunk[i].Identity
		}
		var found []struct {
			Position int64  `db:"position"`
			Identity []byte `db:"identity"`
		}
		query := `SELECT position, identity FROM events WHERE identity IN (?` + strings.Repeat(`,?`, len(chunk)-1) + `)`
		if err := v.trail.reader.SelectContext(ctx, &found, v.trail.reader.Rebind(query), args...); err != nil {
			return err
		}
		at := make(map[string]int64, len(found))
		for _, f := range found {
			id := string(f.Identity)
			if first, ok := at[id]; ok {
				v.report.fault(max(first, f.Position), "it has the same source and id as #%d", min(first, f.Position))
				f.Position = min(first, f.Position)
			}
			at[id] = f.Position
		}
		for i := range chunk {
			if _, ok := at[string(chunk[i].Identity)]; !ok {
				v.report.fault(chunk[i].Position, "the identity index does not lead to it")
			}
		}
	}
	return nil
}

// tileReader reads the tiles of one level, in order, a few at a time.
type tileReader struct {
	trail *Trail
	level int
	from  int64
	tiles map[int64][]byte
}

const tilesPerRead = 64

func (r *tileReader) tile(ctx context.Context, index int64) ([]byte, error) {
	if r.tiles == nil || index < r.from || index >= r.from+tilesPerRead {
		var rows []struct {
			Index  int64  `db:"idx"`
			Hashes []byte `db:"hashes"`
		}
		query := r.trail.reader.Rebind(`SELECT idx, hashes FROM tiles WHERE level = ? AND idx >= ? AND idx < ?`)
		if err := r.trail.reader.SelectContext(ctx, &rows, query, r.level, index, index+tilesPerRead); err != nil {
			return nil, fmt.Errorf("read tiles of level %d: %w", r.level, err)
		}
		r.from, r.tiles = index, make(map[int64][]byte, len(rows))
		for _, row := range rows {
			r.tiles[row.Index] = row.Hashes
		}
	}
	return r.tiles[index], nil
}

// hash returns the hash at an index of the level, or nil if it is not there.
func (r *tileReader) hash(ctx context.Context, index int64) (*seal.Hash, error) {
	b, err := r.tile(ctx, index/seal.TileWidth)
	if err != nil {
		return nil, err
	}
	i := int(index%seal.TileWidth) * seal.HashSize
	if len(b) < i+seal.HashSize {
		return nil, nil
	}
	h := seal.Hash(b[i : i+seal.HashSize])
	return &h, nil
}

// checkpointReader reads kept checkpoints in order and checks their signatures.
type checkpointReader struct {
	trail *Trail
	key   note.Verifier
	to    int64
	last  int64
	read  []keptCheckpoint
	ended bool
}

type keptCheckpoint struct {
	size int64
	seal.Checkpoint
	err error
}

// next returns the next checkpoint of at most that size, or nil.
func (r *checkpointReader) next(ctx context.Context, size int64) (*keptCheckpoint, error) {
	if len(r.read) == 0 && !r.ended {
		if err := r.fill(ctx); err != nil {
			return nil, err
		}
	}
	if len(r.read) == 0 || r.read[0].size > size {
		return nil, nil
	}
	c := &r.read[0]
	r.read = r.read[1:]
	return c, nil
}

func (r *checkpointReader) fill(ctx context.Context) error {
	const some = 1024
	var rows []struct {
		Size int64  `db:"size"`
		Note string `db:"note"`
	}
	query := r.trail.reader.Rebind(`SELECT size, note FROM checkpoints WHERE size > ? AND size <= ? ORDER BY size LIMIT ?`)
	if err := r.trail.reader.SelectContext(ctx, &rows, query, r.last, r.to, some); err != nil {
		return fmt.Errorf("read checkpoints: %w", err)
	}
	r.ended = len(rows) < some
	r.read = make([]keptCheckpoint, len(rows))
	inParallel(len(rows), func(i int) {
		c := &r.read[i]
		c.size = rows[i].Size
		c.Checkpoint, c.err = seal.OpenCheckpoint([]byte(rows[i].Note), r.key)
	})
	if len(rows) > 0 {
		r.last = rows[len(rows)-1].Size
	}
	return nil
}
