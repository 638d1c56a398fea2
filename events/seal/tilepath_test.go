package seal_test

import (
	"math/rand/v2"
	"testing"

	"github.com/daybookhq/daybook/events/seal"
	"github.com/transparency-dev/merkle/compact"
)

func TestTilePath(t *testing.T) {
	for want, p := range map[string]seal.TilePath{
		"tile/0/000":                          {Width: 256},
		"tile/0/x001/x234/067":                {Index: 1234067, Width: 256},
		"tile/0/x001/x234/067.p/8":            {Index: 1234067, Width: 8},
		"tile/63/999.p/255":                   {Level: 63, Index: 999, Width: 255},
		"tile/entries/x001/000":               {Level: seal.EntriesLevel, Index: 1000, Width: 256},
		"tile/entries/000.p/1":                {Level: seal.EntriesLevel, Width: 1},
		"tile/0/x036/x028/x797/x018/x963/967": {Index: 1<<55 - 1, Width: 256},
	} {
		if got := p.String(); got != want {
			t.Errorf("%+v is written %s, want %s", p, got, want)
		}
		if got, err := seal.ParseTilePath(want); err != nil || got != p {
			t.Errorf("%s is read as %+v, %v", want, got, err)
		}
	}
	for _, bad := range []string{
		"", "tile", "tile/", "tile/0", "tile/0/", "/tile/0/000", "checkpoint", "tile/000", "tile//000",
		"tile/00/000", "tile/64/000", "tile/-1/000", "tile/+1/000", "tile/a/000", "tile/Entries/000", "tile/entries/",
		"tile/0/0", "tile/0/00", "tile/0/0000", "tile/0/x000", "tile/0/x000/001", "tile/0/001/002", "tile/0/x001/x002",
		"tile/0/x001", "tile/0/x01/002", "tile/0/x0001/002", "tile/0/-01", "tile/0/+01", "tile/0/00a", "tile/0/ 00", "tile/0/٠٠٠",
		"tile/0/000.p", "tile/0/000.p/", "tile/0/000.p/0", "tile/0/000.p/256", "tile/0/000.p/01", "tile/0/000.p/-1",
		"tile/0/000.p/1/", "tile/0/000.p/1.p/1", "tile/0/000.p/1/000", "tile/0/000/", "tile/0//000", "tile/0/000.P/1", "tile/0/000?",
		"tile/0/x036/x028/x797/x018/x963/968", "tile/0/x999/x999/x999/x999/x999/x999/999", "tile/0/x001/x000/x000/x000/x000/x000/x000/000",
	} {
		if got, err := seal.ParseTilePath(bad); err == nil {
			t.Errorf("%q was read as %+v", bad, got)
		}
	}
}

// TestWidthIn holds the widths of tiles against the nodes that a tree has.
func TestWidthIn(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 3))
	for range 3000 {
		size, level, index := random.Int64N(200_000), random.IntN(3), random.Int64N(800)>>random.IntN(10)
		want := 0
		for i := range uint64(seal.TileWidth) {
			if _, end := compact.NewNodeID(uint(level*seal.TileHeight), uint64(index)*seal.TileWidth+i).Coverage(); end <= uint64(size) {
				want++
			}
		}
		if got := (seal.TilePath{Level: level, Index: index}).WidthIn(size); got != want {
			t.Fatalf("tile %d/%d has %d hashes in a tree of %d, want %d", level, index, got, size, want)
		}
	}
	for _, p := range []seal.TilePath{{Level: 8}, {Level: 63}, {Index: -1}, {Index: 1<<55 - 1}, {Level: 7, Index: 1}} {
		if got := p.WidthIn(1<<62 - 1); got != 0 && p.Index != 1<<55-1 {
			t.Errorf("%+v has %d hashes", p, got)
		}
	}
	if got := (seal.TilePath{Index: 1<<55 - 1}).WidthIn(1<<63 - 1); got != 255 {
		t.Errorf("the very last tile has %d hashes", got)
	}
}

func FuzzParseTilePath(f *testing.F) {
	for _, s := range []string{"tile/0/000", "tile/entries/x001/234.p/56", "tile/63/x999/999.p/255", "tile/0/x000/001", "tile/../0"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := seal.ParseTilePath(s)
		if err != nil {
			return
		}
		if p.String() != s {
			t.Fatalf("%q is read as %+v, which is written %q", s, p, p)
		}
		if n := p.WidthIn(1<<63 - 1); n < 0 || n > seal.TileWidth {
			t.Fatalf("%q has %d hashes", s, n)
		}
	})
}
