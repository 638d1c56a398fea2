package trail

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/daybookhq/daybook/events/seal"
)

// Entries returns the recorded bytes of n events from a position on, as they
// are stored, or ErrNotFound where the trail has fewer. They are not read: what
// an outsider checks is what is there.
func (t *Trail) Entries(ctx context.Context, first int64, n int) ([][]byte, error) {
	if first < 0 || n < 0 {
		return nil, fmt.Errorf("%w: #%d", ErrNotFound, first)
	}
	rows, err := t.reader.QueryContext(ctx, t.reader.Rebind(`SELECT position, body FROM events WHERE position >= ? AND position < ? ORDER BY position`), first, first+int64(n))
	if err != nil {
		return nil, fmt.Errorf("read events from %d: %w", first, t.classify(err))
	}
	defer rows.Close()
	entries := make([][]byte, 0, n)
	for next := first; rows.Next(); next++ {
		var position int64
		var body []byte
		if err := rows.Scan(&position, &body); err != nil {
			return nil, fmt.Errorf("read events from %d: %w", first, t.classify(err))
		}
		if position != next {
			break
		}
		entries = append(entries, body)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read events from %d: %w", first, t.classify(err))
	}
	if len(entries) < n {
		return nil, fmt.Errorf("%w: #%d", ErrNotFound, first+int64(len(entries)))
	}
	return entries, nil
}

// Resource returns what C2SP tlog-tiles has at a path: the hashes of a tile,
// or a bundle of entries, each behind its length in two bytes. It is
// ErrNotFound where the trail has not as much as the path's width. An entry
// whose content was erased is empty.
func (t *Trail) Resource(ctx context.Context, p seal.TilePath) ([]byte, error) {
	if p.Level == seal.EntriesLevel {
		entries, err := t.Entries(ctx, p.Index*seal.TileWidth, p.Width)
		if err != nil {
			return nil, err
		}
		return bundle(p, entries)
	}
	hashes, err := t.tileReader(ctx)(p.Level, p.Index)
	if errors.Is(err, sql.ErrNoRows) || err == nil && len(hashes) < p.Width*seal.HashSize {
		return nil, fmt.Errorf("%w: the tile %s", ErrNotFound, p)
	}
	if err != nil {
		return nil, fmt.Errorf("read the tile %s: %w", p, t.classify(err))
	}
	return hashes[:p.Width*seal.HashSize], nil
}

func bundle(p seal.TilePath, entries [][]byte) ([]byte, error) {
	size := 0
	for _, e := range entries {
		size += 2 + len(e)
	}
	b := make([]byte, 0, size)
	for i, e := range entries {
		if len(e) > math.MaxUint16 {
			return nil, fmt.Errorf("%w: event %d takes %d bytes, more than can be recorded", ErrAltered, p.Index*seal.TileWidth+int64(i), len(e))
		}
		b = binary.BigEndian.AppendUint16(b, uint16(len(e)))
		b = append(b, e...)
	}
	return b, nil
}
