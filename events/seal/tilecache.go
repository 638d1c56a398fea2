package seal

import (
	"container/list"
	"fmt"
	"sync"

	"github.com/transparency-dev/merkle/compact"
)

// A TileCache keeps the tiles that proofs were made of last, with the inner
// nodes computed from them: a proof that needs no other tile hashes almost
// nothing. A tile never changes but by growing, so what is kept stays true for
// as long as the log is the same; after a log was put back to an older copy,
// use a new cache. It is safe for concurrent use.
type TileCache struct {
	most int

	mu    sync.Mutex
	tiles map[tileID]*list.Element // of *nodes
	used  list.List                // most recently used first
}

type tileID struct {
	level int
	index int64
}

// nodes are the hashes of a tile and, height by height, of all perfect
// subtrees over them.
type nodes struct {
	id     tileID
	height [TileHeight][]byte
}

// NewTileCache returns a cache of at most that many tiles, and at least one.
// A full tile takes 16 KiB.
func NewTileCache(most int) *TileCache {
	return &TileCache{most: max(most, 1), tiles: map[tileID]*list.Element{}}
}

// node returns the hash of a perfect subtree.
func (c *TileCache) node(id compact.NodeID, read TileReader) ([]byte, error) {
	within := int(id.Level % TileHeight)
	first := int64(id.Index) << within // the first hash of its tile level under it
	tile := tileID{int(id.Level / TileHeight), first / TileWidth}
	at := int(first%TileWidth) >> within * HashSize
	if n := c.kept(tile); n != nil && at+HashSize <= len(n.height[within]) {
		return n.height[within][at : at+HashSize : at+HashSize], nil
	}
	b, err := read(tile.level, tile.index)
	if err != nil {
		return nil, fmt.Errorf("read tile %d/%d: %w", tile.level, tile.index, err)
	}
	if len(b)%HashSize != 0 || len(b) > TileWidth*HashSize {
		return nil, fmt.Errorf("tile %d/%d holds %d bytes, that is no number of hashes up to %d", tile.level, tile.index, len(b), TileWidth)
	}
	n := expand(tile, b)
	if at+HashSize > len(n.height[within]) {
		return nil, fmt.Errorf("tile %d/%d is too short: it holds %d hashes", tile.level, tile.index, len(b)/HashSize)
	}
	c.keep(n)
	return n.height[within][at : at+HashSize : at+HashSize], nil
}

func expand(id tileID, hashes []byte) *nodes {
	n := &nodes{id: id}
	all := make([]byte, 0, 2*len(hashes))
	all = append(all, hashes...)
	n.height[0] = all
	for h := 1; h < TileHeight; h++ {
		below, from := n.height[h-1], len(all)
		for i := 0; i+2*HashSize <= len(below); i += 2 * HashSize {
			all = append(all, nodeHash(below[i:i+HashSize], below[i+HashSize:i+2*HashSize])...)
		}
		n.height[h] = all[from:]
	}
	return n
}

func (c *TileCache) kept(id tileID) *nodes {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.tiles[id]
	if e == nil {
		return nil
	}
	c.used.MoveToFront(e)
	return e.Value.(*nodes)
}

func (c *TileCache) keep(n *nodes) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.tiles[n.id]; e != nil {
		// Another may have read it since it had grown further.
		if len(e.Value.(*nodes).height[0]) < len(n.height[0]) {
			e.Value = n
		}
		c.used.MoveToFront(e)
		return
	}
	if len(c.tiles) >= c.most {
		oldest := c.used.Back()
		delete(c.tiles, c.used.Remove(oldest).(*nodes).id)
	}
	c.tiles[n.id] = c.used.PushFront(n)
}
