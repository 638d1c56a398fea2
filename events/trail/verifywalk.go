package trail

import (
	"bytes"
	"context"
	"fmt"
	"runtime"
	"sync"

	"github.com/daybookhq/daybook/events/seal"
)

// A whole number of tiles, and enough events for reading them to take longer
// than asking for them.
const chunkTiles = 8

const chunkEvents = chunkTiles * seal.TileWidth

// A chunk is a run of events that one goroutine looks at by itself: it begins
// at the edge of a tile.
type chunk struct {
	from, to int64
	done     chan struct{} // closed when the rest is there
	err      error

	// plain means that every row is there, its bytes say what its columns say,
	// they hash to what the tiles hold, and ledger time runs forward: all that
	// is left to do is to add the leaves to the tree. Otherwise the chunk is
	// walked over again, row by row, to find out what is wrong.
	plain         bool
	leaves        []seal.Hash // of all its events
	roots         []seal.Hash // of its full tiles
	firstUS       int64       // ledger times of the first and the last
	lastUS        int64
	turns         []int64 // positions, but the first, where the ledger time changes
	postings      []uint64
	identities    uint64
	firstPostings int // the range of positions that postings begins with
}

// walk looks at every event from where the tree stands, in order. Chunks are
// read, hashed and parsed on all processors; what they come to is put together
// here. At most twice as many chunks as processors are in memory.
func (v *verification) walk(ctx context.Context) error {
	workers := min(max(runtime.GOMAXPROCS(0), 1), maxWalkers)
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()

	work, inOrder := make(chan *chunk), make(chan *chunk, 2*workers)
	free := sync.Pool{New: func() any { return &chunk{} }}
	wg.Go(func() {
		defer close(inOrder)
		defer close(work)
		for from := v.report.From; from < v.head.Size; from += chunkEvents {
			c := free.Get().(*chunk)
			c.reset(from, min(from+chunkEvents, v.head.Size))
			for _, to := range []chan *chunk{inOrder, work} {
				select {
				case to <- c:
				case <-ctx.Done():
					return
				}
			}
		}
	})
	for range workers {
		l := &looker{trail: v.trail, sealOnly: v.opts.NoIndex, listed: v.head.Listed, postings: v.postings, identities: v.identities}
		wg.Go(func() {
			for c := range work {
				c.err = l.look(ctx, c)
				close(c.done)
			}
		})
	}
	for c := range inOrder {
		select {
		case <-c.done:
		case <-ctx.Done():
			return ctx.Err()
		}
		if c.err != nil {
			return c.err
		}
		if err := v.take(ctx, c); err != nil {
			return err
		}
		if v.bare {
			return nil
		}
		v.progress("events", c.to-v.report.From, v.head.Size-v.report.From)
		free.Put(c)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return v.checkpointsUpTo(ctx, v.head.Size)
}

// maxWalkers leaves connections to the one that puts things together.
const maxWalkers = 12

func (c *chunk) reset(from, to int64) {
	*c = chunk{from: from, to: to, done: make(chan struct{}), leaves: c.leaves[:0], roots: c.roots[:0], turns: c.turns[:0], postings: c.postings[:0]}
}

// take adds what was found out about a chunk.
func (v *verification) take(ctx context.Context, c *chunk) error {
	if !c.plain || c.firstUS < v.prevUS {
		return v.rowByRow(ctx, c.from, c.to)
	}
	for i, sum := range c.postings {
		v.postings.expected[c.firstPostings+i] += sum
	}
	v.identities.expected += c.identities
	if err := v.checkpointsUpTo(ctx, c.from); err != nil {
		return err
	}
	v.turn(c.from, c.firstUS)
	v.prevUS = c.lastUS
	turns := c.turns
	for at := c.from; at < c.to; {
		// As far as the next size at which the root is needed.
		stop, err := v.checkpoints.ahead(ctx)
		if err := v.unreadable(ctx, err, at, "the checkpoints from size %d on", at); err != nil {
			return err
		}
		stop = min(stop, c.to)
		if len(v.elsewhere) > 0 {
			stop = min(stop, v.elsewhere[0].Size)
		}
		if len(turns) > 0 {
			stop = min(stop, turns[0])
		}
		for at < stop {
			var full []seal.Tile
			if at%seal.TileWidth == 0 && at+seal.TileWidth <= stop {
				full = v.grow(func(t *seal.Tree) []seal.Tile { return t.GrowTile(c.roots[(at-c.from)/seal.TileWidth]) })
				at += seal.TileWidth
			} else {
				full = v.grow(func(t *seal.Tree) []seal.Tile { return t.Grow(c.leaves[at-c.from]) })
				at++
			}
			if err := v.upperTiles(ctx, full); err != nil {
				return err
			}
		}
		if err := v.checkpointsUpTo(ctx, at); err != nil {
			return err
		}
		if len(turns) > 0 && turns[0] == at {
			turns = turns[1:]
			if v.lastCheckpoint != at {
				v.report.fault(at-1, "the checkpoint after it, at size %d, is missing", at)
			}
		}
	}
	return nil
}

// grow lets both trees grow alike, and returns what the one of the tiles filled.
func (v *verification) grow(by func(*seal.Tree) []seal.Tile) []seal.Tile {
	full := by(v.stored)
	if v.computed != v.stored {
		by(v.computed)
	}
	return full
}

// rowByRow walks over some events again and says what is wrong with which.
func (v *verification) rowByRow(ctx context.Context, from, to int64) error {
	rows, unread, err := v.readableEvents(ctx, from, to)
	if err != nil {
		return err
	}
	if len(rows)+len(unread) == 0 {
		if v.bare, err = v.noTiles(ctx, from, to); err != nil {
			return err
		}
		if v.bare { // and may be so for as many as the head row says
			v.report.fault(from, "the events from here on are missing, and their hashes with them, though the head row says that there are %d events; what may stand behind #%d was not looked at", v.head.Size, to-1)
			return nil
		}
	}
	examined := examine(rows)
	if !v.opts.NoIndex {
		if err := v.lookUpIdentities(ctx, rows); err != nil {
			return err
		}
		if err := v.keys(ctx, examined); err != nil {
			return err
		}
	}
	next := from
	for i := range rows {
		if err := v.missing(ctx, next, rows[i].Position, unread); err != nil {
			return err
		}
		if err := v.event(ctx, &rows[i], &examined[i]); err != nil {
			return err
		}
		next = rows[i].Position + 1
	}
	return v.missing(ctx, next, to, unread)
}

// noTiles reports whether none of those events has a hash in a tile.
func (v *verification) noTiles(ctx context.Context, from, to int64) (bool, error) {
	for index := from / seal.TileWidth; index*seal.TileWidth < to; index++ {
		b, err := v.leaves.tile(ctx, index)
		if err := v.unreadable(ctx, err, from, "the tile 0/%d", index); err != nil {
			return false, err
		}
		if err != nil || len(b) > 0 {
			return false, nil
		}
	}
	return true, nil
}

// missing says that events are not there, unless it is said already that they
// cannot be read, and adds what the tiles hold of them.
func (v *verification) missing(ctx context.Context, from, to int64, unread map[int64]bool) error {
	for p := from; p < to; p++ {
		if err := v.leaf(ctx, p, nil); err != nil {
			return err
		}
		if !unread[p] && (p == from || unread[p-1]) {
			last := p
			for last+1 < to && !unread[last+1] {
				last++
			}
			if p == last {
				v.report.fault(p, "the event is missing")
			} else {
				v.report.fault(p, "the events #%d to #%d are missing", p, last)
			}
		}
	}
	return nil
}

// leafTiles compares the hashes of a chunk with its tiles of level 0.
func (t *Trail) leafTiles(ctx context.Context, c *chunk) (fit bool, err error) {
	var rows []struct {
		Index  int64  `db:"idx"`
		Hashes []byte `db:"hashes"`
	}
	query := t.reader.Rebind(`SELECT idx, hashes FROM tiles WHERE level = 0 AND idx >= ? AND idx < ? ORDER BY idx`)
	first, after := c.from/seal.TileWidth, (c.to+seal.TileWidth-1)/seal.TileWidth
	if err := t.reader.SelectContext(ctx, &rows, query, first, after); err != nil {
		return false, fmt.Errorf("read tiles of level 0: %w", err)
	}
	if int64(len(rows)) != after-first {
		return false, nil
	}
	var mine []byte
	for i, row := range rows {
		leaves := c.leaves[i*seal.TileWidth : min((i+1)*seal.TileWidth, len(c.leaves))]
		mine = mine[:0]
		for j := range leaves {
			mine = append(mine, leaves[j][:]...)
		}
		// A running server may have made the last one wider since.
		if row.Index != first+int64(i) || !bytes.HasPrefix(row.Hashes, mine) {
			return false, nil
		}
	}
	return true, nil
}
