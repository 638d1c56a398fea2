package trail

import (
	"context"
	"fmt"
	"runtime"
	"sync"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/events/seal"
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
	leaf  *seal.Hash
	keys  []hashedKey
	err   error
}

// examine reads and hashes rows on all processors.
func examine(rows []rawEvent) []examination {
	out := make([]examination, len(rows))
	inParallel(len(rows), func(i int) {
		x := &out[i]
		body := []byte(rows[i].Body)
		x.leaf = new(seal.LeafHash(body))
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
