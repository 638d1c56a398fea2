package seal

import (
	"errors"
	"fmt"

	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/proof"
	"golang.org/x/mod/sumdb/tlog"
)

// ErrProof is joined to what [CheckInclusion] and [CheckConsistencyProof]
// return about a proof that does not hold.
var ErrProof = errors.New("the proof does not hold")

// MaxProofHashes is the most hashes that any proof needs, whatever the size.
const MaxProofHashes = 64

// MaxSize is the most leaves that a tree may be said to have: what a checkpoint
// claims is anybody's word, and the arithmetic of proofs ends not far behind.
const MaxSize = 1 << 62

// ProveInclusion returns the RFC 6962 audit path of the leaf at a position in
// the tree of the first size leaves, the leaf's sibling first. What is made
// from tiles that were altered does not hold: check it.
func ProveInclusion(position, size int64, read TileReader) ([]Hash, error) {
	return newOneProof().ProveInclusion(position, size, read)
}

// ProveConsistency returns the RFC 6962 proof that the tree of the first from
// leaves is a prefix of the one of the first to. It is empty where they are
// the same tree or the smaller one has no leaves.
func ProveConsistency(from, to int64, read TileReader) ([]Hash, error) {
	return newOneProof().ProveConsistency(from, to, read)
}

// newOneProof returns a cache for all the tiles that a proof can need, which
// are two for each of eight levels.
func newOneProof() *TileCache { return NewTileCache(16) }

// ProveInclusion is the function of that name, reading only what is not kept.
func (c *TileCache) ProveInclusion(position, size int64, read TileReader) ([]Hash, error) {
	if err := checkPosition(position, size); err != nil {
		return nil, err
	}
	n, err := proof.Inclusion(uint64(position), uint64(size))
	if err != nil {
		return nil, err
	}
	return c.prove(n, read)
}

// ProveConsistency is the function of that name, reading only what is not kept.
func (c *TileCache) ProveConsistency(from, to int64, read TileReader) ([]Hash, error) {
	if err := checkSizes(from, to); err != nil {
		return nil, err
	}
	n, err := proof.Consistency(uint64(from), uint64(to))
	if err != nil {
		return nil, err
	}
	return c.prove(n, read)
}

func (c *TileCache) prove(n proof.Nodes, read TileReader) ([]Hash, error) {
	hashes, err := c.hashes(n.IDs, read)
	if err != nil {
		return nil, err
	}
	if hashes, err = n.Rehash(hashes, nodeHash); err != nil {
		return nil, err
	}
	out := make([]Hash, len(hashes))
	for i, h := range hashes {
		out[i] = Hash(h)
	}
	return out, nil
}

func (c *TileCache) hashes(ids []compact.NodeID, read TileReader) (hashes [][]byte, err error) {
	hashes = make([][]byte, len(ids))
	for i, id := range ids {
		if hashes[i], err = c.node(id, read); err != nil {
			return nil, err
		}
	}
	return hashes, nil
}

// Leaf returns the hash of the leaf at a position.
func (c *TileCache) Leaf(position int64, read TileReader) (Hash, error) {
	if position < 0 {
		return Hash{}, fmt.Errorf("there is no position %d", position)
	}
	h, err := c.node(compact.NewNodeID(0, uint64(position)), read)
	if err != nil {
		return Hash{}, err
	}
	return Hash(h), nil
}

// Root returns the root of the tree of the first size leaves.
func (c *TileCache) Root(size int64, read TileReader) (Hash, error) {
	if size < 0 {
		return Hash{}, fmt.Errorf("there is no tree of %d leaves", size)
	}
	if size == 0 {
		return EmptyRoot(), nil
	}
	hashes, err := c.hashes(compact.RangeNodes(0, uint64(size), nil), read)
	if err != nil {
		return Hash{}, err
	}
	root := hashes[len(hashes)-1]
	for i := len(hashes) - 2; i >= 0; i-- {
		root = nodeHash(hashes[i], root)
	}
	return Hash(root), nil
}

// CheckInclusion returns an error unless the proof shows that the tree of size
// leaves with that root has that leaf at that position. The error is ErrProof
// where the numbers make sense and the hashes do not lead to the root.
func CheckInclusion(leaf Hash, position, size int64, root Hash, proof []Hash) error {
	if err := checkPosition(position, size); err != nil {
		return err
	}
	if tlog.CheckRecord(unsealed(proof), size, tlog.Hash(root), position, tlog.Hash(leaf)) != nil {
		return fmt.Errorf("%w: its %d hashes do not lead from the leaf at position %d to the root of the tree of %d", ErrProof, len(proof), position, size)
	}
	return nil
}

// CheckConsistencyProof returns an error unless the proof shows that the tree
// of from leaves with that root is a prefix of the tree of to leaves with the
// other. The error is ErrProof where the numbers make sense and the hashes do
// not lead to both roots.
func CheckConsistencyProof(from int64, fromRoot Hash, to int64, toRoot Hash, proof []Hash) error {
	if err := checkSizes(from, to); err != nil {
		return err
	}
	switch {
	case from == 0 && fromRoot != EmptyRoot():
		return fmt.Errorf("%w: a tree without leaves has another root", ErrProof)
	case to == 0:
		if toRoot != EmptyRoot() {
			return fmt.Errorf("%w: a tree without leaves has another root", ErrProof)
		}
		fallthrough
	case from == 0:
		if len(proof) != 0 {
			return fmt.Errorf("%w: it should be empty for a tree without leaves, it has %d hashes", ErrProof, len(proof))
		}
		return nil
	}
	if tlog.CheckTree(unsealed(proof), to, tlog.Hash(toRoot), from, tlog.Hash(fromRoot)) != nil {
		return fmt.Errorf("%w: its %d hashes do not lead to the roots of the trees of %d and of %d leaves", ErrProof, len(proof), from, to)
	}
	return nil
}

func unsealed(hashes []Hash) []tlog.Hash {
	out := make([]tlog.Hash, len(hashes))
	for i, h := range hashes {
		out[i] = tlog.Hash(h)
	}
	return out
}

func checkPosition(position, size int64) error {
	switch {
	case size < 0 || size > MaxSize:
		return fmt.Errorf("there is no tree of %d leaves", size)
	case position < 0:
		return fmt.Errorf("there is no position %d", position)
	case position >= size:
		return fmt.Errorf("position %d is beyond the size: a tree of %d leaves ends at position %d", position, size, size-1)
	}
	return nil
}

func checkSizes(from, to int64) error {
	switch {
	case from < 0 || to < 0:
		return fmt.Errorf("there is no tree of %d leaves", min(from, to))
	case max(from, to) > MaxSize:
		return fmt.Errorf("there is no tree of %d leaves", max(from, to))
	case from > to:
		return fmt.Errorf("the sizes are reversed: a tree of %d leaves is no prefix of one of %d", from, to)
	}
	return nil
}
