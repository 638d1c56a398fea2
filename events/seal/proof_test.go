package seal_test

import (
	"errors"
	"io/fs"
	mathrand "math/rand/v2"
	"sync"
	"testing"

	"github.com/daybookhq/daybook/events/seal"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/tlog"
)

// grown is a log of one implementation beside the hashes of another.
type grown struct {
	t      *testing.T
	tiles  tiles
	hashes []tlog.Hash
}

func (g *grown) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, x := range indexes {
		out[i] = g.hashes[x]
	}
	return out, nil
}

func grow(t *testing.T, size int) *grown {
	g := &grown{t: t, tiles: tiles{}}
	tree := seal.NewTree()
	var leaves []seal.Hash
	for i := range size {
		more, err := tlog.StoredHashesForRecordHash(int64(i), tlog.Hash(leaf(i)), g)
		if err != nil {
			t.Fatal(err)
		}
		g.hashes = append(g.hashes, more...)
		if leaves = append(leaves, leaf(i)); len(leaves) == 100 || i == size-1 {
			g.tiles.keep(t, tree.Append(leaves))
			leaves = nil
		}
	}
	return g
}

// root is that of the other implementation.
func (g *grown) root(size int64) seal.Hash {
	if size == 0 {
		return seal.EmptyRoot()
	}
	h, err := tlog.TreeHash(size, g)
	if err != nil {
		g.t.Fatal(err)
	}
	return seal.Hash(h)
}

func same(ours []seal.Hash, theirs []tlog.Hash) bool {
	if len(ours) != len(theirs) {
		return false
	}
	for i := range ours {
		if ours[i] != seal.Hash(theirs[i]) {
			return false
		}
	}
	return true
}

func slicesOf(hashes []seal.Hash) [][]byte {
	out := make([][]byte, len(hashes))
	for i := range hashes {
		out[i] = hashes[i][:]
	}
	return out
}

// TestProofsAreRFC6962 compares proofs with those of x/mod's tlog and has them
// checked by transparency-dev/merkle.
func TestProofsAreRFC6962(t *testing.T) {
	const size = 66_000 // reaches level 2
	g := grow(t, size)
	cache := seal.NewTileCache(3) // too few, so that tiles come and go
	random := mathrand.New(mathrand.NewPCG(2, 2))
	inclusion := func(position, size int64) {
		t.Helper()
		ours, err := seal.ProveInclusion(position, size, g.tiles.read)
		if err != nil {
			t.Fatalf("%d of %d: %v", position, size, err)
		}
		theirs, err := tlog.ProveRecord(size, position, g)
		if err != nil || !same(ours, theirs) || len(ours) > seal.MaxProofHashes {
			t.Fatalf("%d of %d: another proof than tlog's (%v)", position, size, err)
		}
		kept, err := cache.ProveInclusion(position, size, g.tiles.read)
		if err != nil || !same(kept, theirs) {
			t.Fatalf("%d of %d: another proof from the cache (%v)", position, size, err)
		}
		l, root := leaf(int(position)), g.root(size)
		if err := proof.VerifyInclusion(rfc6962.DefaultHasher, uint64(position), uint64(size), l[:], slicesOf(ours), root[:]); err != nil {
			t.Fatalf("%d of %d: %v", position, size, err)
		}
		if err := seal.CheckInclusion(l, position, size, root, ours); err != nil {
			t.Fatal(err)
		}
		if got, err := cache.Leaf(position, g.tiles.read); err != nil || got != l {
			t.Fatalf("leaf %d: %x, %v", position, got, err)
		}
		if got, err := cache.Root(size, g.tiles.read); err != nil || got != root {
			t.Fatalf("root at %d: %x, %v", size, got, err)
		}
	}
	consistency := func(from, to int64) {
		t.Helper()
		ours, err := seal.ProveConsistency(from, to, g.tiles.read)
		if err != nil {
			t.Fatalf("%d to %d: %v", from, to, err)
		}
		if from > 0 {
			theirs, err := tlog.ProveTree(to, from, g)
			if err != nil || !same(ours, theirs) {
				t.Fatalf("%d to %d: another proof than tlog's (%v)", from, to, err)
			}
		}
		a, b := g.root(from), g.root(to)
		if err := proof.VerifyConsistency(rfc6962.DefaultHasher, uint64(from), uint64(to), slicesOf(ours), a[:], b[:]); err != nil {
			t.Fatalf("%d to %d: %v", from, to, err)
		}
		if err := seal.CheckConsistencyProof(from, a, to, b, ours); err != nil {
			t.Fatal(err)
		}
	}
	for size := range int64(70) {
		for i := range size {
			inclusion(i, size)
		}
		for from := range size + 1 {
			consistency(from, size)
		}
	}
	for _, size := range []int64{255, 256, 257, 511, 512, 513, 65_535, 65_536, 65_537, size} {
		for _, at := range []int64{0, 1, 254, 255, 256, size / 2, size - 2, size - 1} {
			if at < size {
				inclusion(at, size)
			}
			if at <= size {
				consistency(at, size)
			}
		}
	}
	for range 1000 {
		size := 1 + random.Int64N(size)
		inclusion(random.Int64N(size), size)
		consistency(random.Int64N(size+1), size)
	}
}

// TestProofsOfAGrowingLog uses one cache while the tiles under it grow.
func TestProofsOfAGrowingLog(t *testing.T) {
	stored, tree, cache := tiles{}, seal.NewTree(), seal.NewTileCache(64)
	for i := range 1500 {
		stored.keep(t, tree.Append([]seal.Hash{leaf(i)}))
		size := tree.Size()
		for _, at := range []int64{0, size / 2, size - 1} {
			p, err := cache.ProveInclusion(at, size, stored.read)
			if err != nil {
				t.Fatal(err)
			}
			if err := seal.CheckInclusion(leaf(int(at)), at, size, tree.Root(), p); err != nil {
				t.Fatal(err)
			}
		}
	}
	for at := range int64(1500) {
		if _, err := cache.ProveInclusion(at, 1500, stored.read); err != nil {
			t.Fatal(err)
		}
	}
	// What is kept is not read again, by many at once.
	none := func(int, int64) ([]byte, error) { return nil, fs.ErrNotExist }
	var all sync.WaitGroup
	for w := range int64(4) {
		all.Go(func() {
			for at := w; at < 1500; at += 4 {
				if _, err := cache.ProveInclusion(at, 1500, none); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
}

func TestProofsRefused(t *testing.T) {
	g := grow(t, 300)
	for _, c := range []struct{ position, size int64 }{{-1, 300}, {300, 300}, {0, 0}, {0, -1}, {301, 300}, {299, 1 << 62}} {
		if p, err := seal.ProveInclusion(c.position, c.size, g.tiles.read); err == nil {
			t.Errorf("position %d in a tree of %d was proved by %x", c.position, c.size, p)
		}
		if err := seal.CheckInclusion(leaf(0), c.position, c.size, g.root(300), nil); err == nil {
			t.Errorf("position %d in a tree of %d passed", c.position, c.size)
		}
	}
	for _, c := range []struct{ from, to int64 }{{-1, 300}, {300, 299}, {1, 301}, {-1, -1}, {300, 1 << 62}} {
		if p, err := seal.ProveConsistency(c.from, c.to, g.tiles.read); err == nil {
			t.Errorf("%d to %d was proved by %x", c.from, c.to, p)
		}
		if err := seal.CheckConsistencyProof(c.from, seal.Hash{}, c.to, seal.Hash{}, nil); err == nil {
			t.Errorf("%d to %d passed", c.from, c.to)
		}
	}
	p, err := seal.ProveInclusion(7, 300, g.tiles.read)
	if err != nil {
		t.Fatal(err)
	}
	wrong := func(what string, err error) {
		t.Helper()
		if !errors.Is(err, seal.ErrProof) {
			t.Errorf("%s: %v", what, err)
		}
	}
	wrong("another leaf", seal.CheckInclusion(leaf(8), 7, 300, g.root(300), p))
	wrong("another position", seal.CheckInclusion(leaf(7), 8, 300, g.root(300), p))
	wrong("another root", seal.CheckInclusion(leaf(7), 7, 300, g.root(299), p))
	wrong("a hash less", seal.CheckInclusion(leaf(7), 7, 300, g.root(300), p[1:]))
	wrong("a hash more", seal.CheckInclusion(leaf(7), 7, 300, g.root(300), append(p[:len(p):len(p)], p[0])))
	for i := range p {
		p[i][5] ^= 1
		wrong("a changed hash", seal.CheckInclusion(leaf(7), 7, 300, g.root(300), p))
		p[i][5] ^= 1
	}
	c, err := seal.ProveConsistency(100, 300, g.tiles.read)
	if err != nil {
		t.Fatal(err)
	}
	wrong("another old root", seal.CheckConsistencyProof(100, g.root(99), 300, g.root(300), c))
	wrong("another new root", seal.CheckConsistencyProof(100, g.root(100), 300, g.root(299), c))
	wrong("another old size", seal.CheckConsistencyProof(101, g.root(100), 300, g.root(300), c))
	wrong("a hash less", seal.CheckConsistencyProof(100, g.root(100), 300, g.root(300), c[1:]))
	wrong("the same size with two roots", seal.CheckConsistencyProof(300, g.root(299), 300, g.root(300), nil))
	wrong("a root of nothing", seal.CheckConsistencyProof(0, g.root(1), 300, g.root(300), nil))
	wrong("nothing, with a root", seal.CheckConsistencyProof(0, seal.EmptyRoot(), 0, g.root(1), nil))
	wrong("hashes from nothing", seal.CheckConsistencyProof(0, seal.EmptyRoot(), 300, g.root(300), c))

	// Tiles that cannot be.
	at := [2]int64{0, 1}
	whole := g.tiles[at]
	for _, bad := range [][]byte{whole[:len(whole)-1], whole[:seal.HashSize], {}, make([]byte, 257*seal.HashSize)} {
		g.tiles[at] = bad
		if _, err := seal.ProveInclusion(299, 300, g.tiles.read); err == nil {
			t.Errorf("a tile of %d bytes was taken", len(bad))
		}
	}
	delete(g.tiles, at)
	if _, err := seal.ProveInclusion(299, 300, g.tiles.read); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing tile: %v", err)
	}
}
