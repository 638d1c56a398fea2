package seal

import (
	"fmt"

	"github.com/transparency-dev/merkle/compact"
	"golang.org/x/mod/sumdb/tlog"
)

// FoldTile is the root over a full tile's hashes, TileWidth of them: the hash
// that stands for them in the tile above. It uses hashes as scratch memory.
func FoldTile(hashes []Hash) Hash {
	if len(hashes) != TileWidth {
		panic(fmt.Sprintf("seal: a tile of %d hashes is not full", len(hashes)))
	}
	for n := len(hashes); n > 1; n /= 2 {
		for i := range n / 2 {
			hashes[i] = Hash(tlog.NodeHash(tlog.Hash(hashes[2*i]), tlog.Hash(hashes[2*i+1])))
		}
	}
	return hashes[0]
}

// Grow adds one leaf, as [Tree.Append] does, and returns only the tiles that
// it filled, lower levels first.
func (t *Tree) Grow(leaf Hash) (full []Tile) {
	if err := t.edge.Append(leaf[:], t.collect(&full)); err != nil {
		panic("seal: " + err.Error()) // only a range that was built wrongly
	}
	return full
}

// GrowTile adds the TileWidth leaves of a full tile, of which it needs only
// the root, where the tree ends at the edge of a tile. It returns the tiles
// above it that it filled, lower levels first.
func (t *Tree) GrowTile(root Hash) (full []Tile) {
	if t.Size()%TileWidth != 0 {
		panic(fmt.Sprintf("seal: a tree of %d leaves does not end at the edge of a tile", t.Size()))
	}
	begin := t.edge.End()
	subtree, err := ranges.NewRange(begin, begin+TileWidth, [][]byte{root[:]})
	if err != nil {
		panic("seal: " + err.Error())
	}
	visit := t.collect(&full)
	visit(compact.NodeID{Level: TileHeight, Index: begin / TileWidth}, root[:])
	if err := t.edge.AppendRange(subtree, visit); err != nil {
		panic("seal: " + err.Error())
	}
	return full
}

// collect returns a visitor of new nodes that keeps those which belong into
// tiles and hands out each tile once it is full.
func (t *Tree) collect(full *[]Tile) compact.VisitFn {
	return func(id compact.NodeID, hash []byte) {
		if id.Level%TileHeight != 0 {
			return
		}
		level := int(id.Level / TileHeight)
		for len(t.open) <= level {
			t.open = append(t.open, nil)
		}
		t.open[level] = append(t.open[level], hash...)
		if len(t.open[level]) == TileWidth*HashSize {
			*full = append(*full, Tile{level, int64(id.Index / TileWidth), t.open[level]})
			t.open[level] = nil
		}
	}
}
