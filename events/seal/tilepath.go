package seal

import (
	"fmt"
	"strconv"
	"strings"
)

// EntriesLevel stands for the entries themselves where a level is asked for:
// the bundles of them are numbered like the tiles of level 0.
const EntriesLevel = -1

// MaxTileLevel is the highest level that a path can name.
const MaxTileLevel = 63

// A TilePath names a tile, or a bundle of entries, as C2SP tlog-tiles does.
type TilePath struct {
	Level int   // EntriesLevel, or 0 to MaxTileLevel
	Index int64 // within the level
	Width int   // of hashes or entries; TileWidth for a full tile
}

// String is the path under a log's address: tile/0/x001/234.p/56.
func (p TilePath) String() string {
	var b strings.Builder
	b.WriteString("tile/")
	if p.Level == EntriesLevel {
		b.WriteString("entries")
	} else {
		b.WriteString(strconv.Itoa(p.Level))
	}
	digits := strconv.FormatInt(p.Index, 10)
	digits = strings.Repeat("0", (3-len(digits)%3)%3) + digits
	for ; len(digits) > 3; digits = digits[3:] {
		b.WriteString("/x" + digits[:3])
	}
	b.WriteString("/" + digits)
	if p.Width != TileWidth {
		b.WriteString(".p/" + strconv.Itoa(p.Width))
	}
	return b.String()
}

// ParseTilePath reads a path as [TilePath.String] writes it, and no other
// spelling of it.
func ParseTilePath(path string) (TilePath, error) {
	bad := func(format string, args ...any) (TilePath, error) {
		return TilePath{}, fmt.Errorf("no path of a tile: %s; one is like tile/0/x001/234 or tile/entries/000.p/56", fmt.Sprintf(format, args...))
	}
	const longest = len("tile/entries") + 7*len("/x000") + len(".p/255")
	if len(path) > longest {
		return bad("it is longer than any")
	}
	rest, ok := strings.CutPrefix(path, "tile/")
	if !ok {
		return bad("it does not begin with tile/")
	}
	level, rest, ok := strings.Cut(rest, "/")
	if !ok {
		return bad("it has no index")
	}
	p := TilePath{Level: EntriesLevel, Width: TileWidth}
	if level != "entries" {
		if p.Level, ok = decimal(level, 0, MaxTileLevel); !ok {
			return bad("%q is no level from 0 to %d", level, MaxTileLevel)
		}
	}
	index, width, partial := strings.Cut(rest, ".p/")
	if partial {
		if p.Width, ok = decimal(width, 1, TileWidth-1); !ok {
			return bad("%q is no width from 1 to %d", width, TileWidth-1)
		}
	}
	groups := strings.Split(index, "/")
	for i, g := range groups {
		if i < len(groups)-1 {
			if g, ok = strings.CutPrefix(g, "x"); !ok {
				return bad("%q does not begin with x, though more follows", groups[i])
			}
		}
		if len(g) != 3 || strings.Trim(g, "0123456789") != "" || i == 0 && len(groups) > 1 && g == "000" {
			return bad("%q is no group of three digits of an index", groups[i])
		}
		n, _ := strconv.ParseInt(g, 10, 64) // three digits
		if p.Index = p.Index*1000 + n; p.Index > 1<<55-1 {
			return bad("there is no tile with so high an index")
		}
	}
	return p, nil
}

// decimal reads a number without sign and leading zeroes.
func decimal(s string, least, most int) (int, bool) {
	n, err := strconv.Atoi(s)
	return n, err == nil && strconv.Itoa(n) == s && n >= least && n <= most
}

// WidthIn is how many hashes (or entries) the tile has in a tree of that size,
// whatever Width says: 0 if it has none, and TileWidth if it is full.
func (p TilePath) WidthIn(size int64) int {
	level := max(p.Level, 0)
	if level >= 8 || p.Index < 0 {
		return 0 // sizes have 63 bits
	}
	n := size>>(TileHeight*level) - p.Index*TileWidth
	return int(min(max(n, 0), TileWidth))
}
