package seal_test

import (
	"math/rand/v2"
	"testing"

	"github.com/daybookhq/daybook/events/seal"
)

// BenchmarkInclusion makes proofs of random leaves of a million from tiles in
// memory: with the tiles kept from before, and with each read anew.
func BenchmarkInclusion(b *testing.B) {
	const size = 1_000_000
	stored, tree := tiles{}, seal.NewTree()
	leaves := make([]seal.Hash, size)
	for i := range leaves {
		leaves[i] = seal.Hash{byte(i), byte(i >> 8), byte(i >> 16)}
	}
	for _, t := range tree.Append(leaves) {
		stored[[2]int64{int64(t.Level), t.Index}] = t.Hashes
	}
	root := tree.Root()
	b.Run("warm", func(b *testing.B) {
		cache := seal.NewTileCache(1024)
		random := rand.New(rand.NewPCG(1, 1))
		at := func() int64 { return random.Int64N(200_000) } // fewer tiles than are kept
		for i := range int64(200_000 / seal.TileWidth) {
			if _, err := cache.ProveInclusion(i*seal.TileWidth, size, stored.read); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportAllocs()
		for b.Loop() {
			if _, err := cache.ProveInclusion(at(), size, stored.read); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("cold", func(b *testing.B) {
		random := rand.New(rand.NewPCG(1, 1))
		b.ReportAllocs()
		for b.Loop() {
			if _, err := seal.ProveInclusion(random.Int64N(size), size, stored.read); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("check", func(b *testing.B) {
		p, err := seal.ProveInclusion(123_456, size, stored.read)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportAllocs()
		for b.Loop() {
			if err := seal.CheckInclusion(leaves[123_456], 123_456, size, root, p); err != nil {
				b.Fatal(err)
			}
		}
	})
}
