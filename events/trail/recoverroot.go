package trail

import (
	"context"
	"maps"
	"slices"

	"github.com/daybookhq/daybook/events/seal"
)

// An extension is the tree of a trail as it grows by what was gathered.
type extension struct {
	tree   *seal.Tree
	from   int64 // where it began
	stage  *staging
	roots  []seal.Hash         // after every recoverChunk events
	chosen map[int64]seal.Hash // which of several events is taken at a position; the first where it does not say
}

func (x *extension) clone() *extension {
	return &extension{x.tree.Clone(), x.from, x.stage, slices.Clone(x.roots), maps.Clone(x.chosen)}
}

// walk adds the events up to that size. Those positions have been gathered.
func (x *extension) walk(ctx context.Context, size int64) error {
	var leaves []seal.Hash
	grow := func() {
		x.tree.Append(leaves)
		leaves = leaves[:0]
	}
	err := x.stage.each(ctx, x.tree.Size(), size, func(position int64, leaf seal.Hash) error {
		if position < x.tree.Size()+int64(len(leaves)) {
			return nil // another one for the same position
		}
		if want, ok := x.chosen[position]; ok && want != leaf {
			return nil
		}
		leaves = append(leaves, leaf)
		if (position+1-x.from)%recoverChunk == 0 {
			grow()
			x.roots = append(x.roots, x.tree.Root())
		}
		return nil
	})
	grow()
	return err
}

// How many combinations of events are tried, and how many hashes are computed
// for that, where tails gave different events for one position: a stranger may
// have put one beside the recorded one.
const (
	maxCombinations   = 256
	maxCombinedHashes = 4 << 20
)

// reach walks to that size if the root is then the one given, and otherwise
// leaves everything as it was.
func (x *extension) reach(ctx context.Context, size int64, root seal.Hash) (bool, error) {
	doubtful, err := x.stage.doubtful(ctx, x.tree.Size(), size)
	if err != nil {
		return false, err
	}
	combinations, hashes := 1, size-x.tree.Size()
	for _, d := range doubtful {
		if combinations *= len(d.leaves); combinations > maxCombinations || int64(combinations)*hashes > maxCombinedHashes {
			combinations = 1 // only the first of each
			break
		}
	}
	for n := range combinations {
		try := x.clone()
		for _, d := range doubtful {
			try.chosen[d.position] = d.leaves[n%len(d.leaves)]
			n /= len(d.leaves)
		}
		if err := try.walk(ctx, size); err != nil {
			return false, err
		}
		if try.tree.Root() == root {
			maps.Copy(x.chosen, try.chosen)
			x.tree, x.roots = try.tree, try.roots
			return true, nil
		}
	}
	return false, nil
}

// ambiguity is a position for which there are several events.
type ambiguity struct {
	position int64
	leaves   []seal.Hash
}

// doubtful lists the positions from ≤ p < to for which there are several.
func (s *staging) doubtful(ctx context.Context, from, to int64) (list []ambiguity, err error) {
	var last ambiguity
	end := func() {
		if len(last.leaves) > 1 {
			list = append(list, last)
		}
	}
	err = s.each(ctx, from, to, func(position int64, leaf seal.Hash) error {
		if len(last.leaves) == 0 || position != last.position {
			end()
			last = ambiguity{position: position}
		}
		last.leaves = append(last.leaves, leaf)
		return nil
	})
	end()
	return list, err
}
