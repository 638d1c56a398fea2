package trail

import (
	"bytes"
	"context"

	"github.com/daybookhq/daybook/events/seal"
)

// tile compares a full tile above level 0 with the stored one.
func (v *verification) tile(ctx context.Context, want seal.Tile) error {
	var rows [][]byte
	query := v.trail.reader.Rebind(`SELECT hashes FROM tiles WHERE level = ? AND idx = ?`)
	first := want.Index << (seal.TileHeight * (want.Level + 1)) // leaf under its first hash
	if err := v.trail.reader.SelectContext(ctx, &rows, query, want.Level, want.Index); err != nil {
		return v.unreadable(ctx, err, first, "the tile %d/%d above it", want.Level, want.Index)
	}
	if len(rows) == 0 {
		v.report.fault(first, "the tile %d/%d above it is missing", want.Level, want.Index)
		return nil
	}
	// A running server may have made it wider since.
	if bytes.HasPrefix(rows[0], want.Hashes) {
		return nil
	}
	for i := range want.Width() {
		h := want.Hashes[i*seal.HashSize : (i+1)*seal.HashSize]
		if len(rows[0]) < (i+1)*seal.HashSize || !bytes.Equal(h, rows[0][i*seal.HashSize:(i+1)*seal.HashSize]) {
			v.report.fault(first+int64(i)<<(seal.TileHeight*want.Level), "the tile %d/%d above it was changed: its hash %d does not fit", want.Level, want.Index, i)
			return nil
		}
	}
	return nil
}

// tiles compares the tiles along the right edge, and looks for tiles that
// belong to nothing.
func (v *verification) tiles(ctx context.Context) error {
	size := v.head.Size
	for _, tile := range v.stored.Edge() {
		if tile.Level > 0 {
			if err := v.tile(ctx, tile); err != nil {
				return err
			}
		}
	}
	var levels []struct {
		Level int   `db:"level"`
		Count int64 `db:"count"`
		Least int64 `db:"least"`
		Most  int64 `db:"most"`
	}
	query := `SELECT level, count(*) AS count, min(idx) AS least, max(idx) AS most FROM tiles GROUP BY level ORDER BY level`
	if err := v.trail.reader.SelectContext(ctx, &levels, query); err != nil {
		return v.unreadable(ctx, err, v.report.From, "the list of tiles")
	}
	now, err := v.trail.readHead(ctx) // after it: the tree only grows
	if err != nil {
		return err
	}
	for _, l := range levels {
		v.report.Tiles += l.Count
		most := now.Size >> min(62, seal.TileHeight*l.Level) // hashes of that level
		if tiles := (most + seal.TileWidth - 1) / seal.TileWidth; l.Level < 0 || l.Least < 0 || l.Most >= tiles {
			v.report.fault(size, "there are tiles that belong to no event, on level %d", l.Level)
		}
	}
	return nil
}
