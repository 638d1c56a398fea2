package seal

import (
	"crypto/sha256"
	"fmt"
	"slices"

	"github.com/transparency-dev/merkle/compact"
	"golang.org/x/mod/sumdb/tlog"
)

// HashSize is the length of a hash in bytes.
const HashSize = tlog.HashSize

// TileHeight is the number of tree levels in one tile, and TileWidth the
// number of hashes in a full one. Both are part of what is stored and served.
const (
	TileHeight = 8
	TileWidth  = 1 << TileHeight
)

// A Hash is a SHA-256 hash of a leaf or of an inner node.
type Hash [HashSize]byte

// LeafHash is the RFC 6962 hash of a record: SHA-256(0x00 || record).
func LeafHash(record []byte) Hash { return Hash(tlog.RecordHash(record)) }

// EmptyRoot is the root of a tree without leaves.
func EmptyRoot() Hash { return sha256.Sum256(nil) }

func nodeHash(left, right []byte) []byte {
	h := tlog.NodeHash(tlog.Hash(left), tlog.Hash(right))
	return h[:]
}

// A Tile is a run of up to TileWidth neighbouring hashes of tree level
// Level*TileHeight, the first of them at Index*TileWidth. Every tile is full
// but the last of its level. A tile that grows keeps its first hashes, so the
// narrower ones that were served earlier are prefixes of it.
type Tile struct {
	Level  int
	Index  int64
	Hashes []byte // the hashes, one after the other
}

// Width is the number of hashes in the tile.
func (t Tile) Width() int { return len(t.Hashes) / HashSize }

// A Tree is what must be remembered of a tree to let it grow: its size, the
// roots of the perfect subtrees along its right edge, and the tiles there that
// are not full. It is not safe for concurrent use.
type Tree struct {
	edge *compact.Range
	open [][]byte // by tile level, the hashes of the last tile; empty after a full one
}

var ranges = compact.RangeFactory{Hash: nodeHash}

// NewTree returns a tree without leaves.
func NewTree() *Tree { return &Tree{edge: ranges.NewEmptyRange(0)} }

// A TileReader returns the hashes of a stored tile; more than are asked for by
// a size are fine. It must not return a nil slice and a nil error.
type TileReader func(level int, index int64) ([]byte, error)

// LoadTree returns the tree of the first size leaves, read from its tiles.
// Only the last tile of each level is read, and only where it is not full.
func LoadTree(size int64, read TileReader) (*Tree, error) {
	if size < 0 {
		return nil, fmt.Errorf("tree of %d leaves", size)
	}
	t := NewTree()
	var levels [][][]byte // by tile level, the perfect subtrees within its last tile
	for level, n := 0, size; n > 0; level, n = level+1, n/TileWidth {
		width := int(n % TileWidth)
		var hashes []byte
		if width > 0 {
			b, err := read(level, n/TileWidth)
			if err != nil {
				return nil, fmt.Errorf("read tile %d/%d: %w", level, n/TileWidth, err)
			}
			if len(b)%HashSize != 0 || len(b) < width*HashSize {
				return nil, fmt.Errorf("tile %d/%d holds %d bytes, %d are needed for a tree of %d leaves", level, n/TileWidth, len(b), width*HashSize, size)
			}
			hashes = slices.Clone(b[:width*HashSize])
		}
		within := ranges.NewEmptyRange(0)
		for i := range width {
			if err := within.Append(hashes[i*HashSize:(i+1)*HashSize:(i+1)*HashSize], nil); err != nil {
				return nil, err
			}
		}
		t.open = append(t.open, hashes)
		levels = append(levels, within.Hashes())
	}
	var edge [][]byte
	for _, hashes := range slices.Backward(levels) {
		edge = append(edge, hashes...)
	}
	var err error
	if t.edge, err = ranges.NewRange(0, uint64(size), edge); err != nil {
		return nil, fmt.Errorf("right edge of a tree of %d leaves: %w", size, err)
	}
	return t, nil
}

// Size is the number of leaves.
func (t *Tree) Size() int64 { return int64(t.edge.End()) }

// Root is the hash that commits to all leaves and their order.
func (t *Tree) Root() Hash {
	if t.Size() == 0 {
		return EmptyRoot()
	}
	// The range begins at 0, the only thing that GetRootHash can object to.
	root, err := t.edge.GetRootHash(nil)
	if err != nil {
		panic("seal: " + err.Error())
	}
	return Hash(root)
}

// Clone returns a copy that grows independently.
func (t *Tree) Clone() *Tree {
	// The hashes themselves are never changed, only replaced.
	edge, err := ranges.NewRange(0, t.edge.End(), slices.Clone(t.edge.Hashes()))
	if err != nil {
		panic("seal: " + err.Error())
	}
	c := &Tree{edge: edge, open: make([][]byte, len(t.open))}
	for i, b := range t.open {
		c.open[i] = slices.Clone(b)
	}
	return c
}

// Append adds leaves and returns every tile that is new or wider than before,
// lower levels first. The tiles are the caller's to keep.
func (t *Tree) Append(leaves []Hash) []Tile {
	var full []Tile
	grown := map[int]bool{}
	visit := func(id compact.NodeID, hash []byte) {
		if id.Level%TileHeight != 0 {
			return
		}
		level := int(id.Level / TileHeight)
		for len(t.open) <= level {
			t.open = append(t.open, nil)
		}
		t.open[level] = append(t.open[level], hash...)
		grown[level] = true
		if len(t.open[level]) == TileWidth*HashSize {
			full = append(full, Tile{level, int64(id.Index / TileWidth), t.open[level]})
			t.open[level] = nil
		}
	}
	for i := range leaves {
		// Hashes of the range may be kept by it, so each gets memory of its own.
		leaf := leaves[i]
		if err := t.edge.Append(leaf[:], visit); err != nil {
			panic("seal: " + err.Error()) // only a range that was built wrongly
		}
	}
	for _, tile := range t.Edge() {
		if grown[tile.Level] {
			full = append(full, tile)
		}
	}
	slices.SortStableFunc(full, func(a, b Tile) int { return a.Level - b.Level })
	return full
}

// Edge returns the tiles along the right edge that are not full.
func (t *Tree) Edge() []Tile {
	var edge []Tile
	for level, hashes := range t.open {
		if len(hashes) > 0 {
			edge = append(edge, Tile{level, t.Size() >> (TileHeight * (level + 1)), slices.Clone(hashes)})
		}
	}
	return edge
}
