package seal

import (
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

// CheckConsistency returns an error unless the tiles prove that the tree of
// size leaves with that root is a prefix of the larger one.
func CheckConsistency(size int64, root Hash, larger int64, largerRoot Hash, read TileReader) error {
	if size <= 0 || size > larger || larger > MaxSize {
		return fmt.Errorf("no tree of %d leaves is a prefix of one of %d", size, larger)
	}
	p, err := tlog.ProveTree(larger, size, tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		out := make([]tlog.Hash, len(indexes))
		for i, index := range indexes {
			level, n := tlog.SplitStoredHashIndex(index)
			h, err := nodeOf(level, n, read)
			if err != nil {
				return nil, err
			}
			out[i] = tlog.Hash(h)
		}
		return out, nil
	}))
	if err != nil {
		return err
	}
	return tlog.CheckTree(p, larger, tlog.Hash(largerRoot), size, tlog.Hash(root))
}

// nodeOf computes a node from the hashes of its tile that are below it.
func nodeOf(level int, n int64, read TileReader) (Hash, error) {
	within := level % TileHeight
	first := n << within
	b, err := read(level/TileHeight, first/TileWidth)
	if err != nil {
		return Hash{}, fmt.Errorf("read tile %d/%d: %w", level/TileHeight, first/TileWidth, err)
	}
	from, width := int(first%TileWidth)*HashSize, HashSize<<within
	if len(b) < from+width {
		return Hash{}, fmt.Errorf("tile %d/%d is too short", level/TileHeight, first/TileWidth)
	}
	r := ranges.NewEmptyRange(0)
	for at := from; at < from+width; at += HashSize {
		if err := r.Append(b[at:at+HashSize:at+HashSize], nil); err != nil {
			return Hash{}, err
		}
	}
	h, err := r.GetRootHash(nil)
	return Hash(h), err
}
