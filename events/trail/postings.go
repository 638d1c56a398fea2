package trail

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"strconv"
	"strings"

	"github.com/daybookhq/daybook/events"
)

// maxPostings is the most positions that one row of postings holds. It keeps a
// row within a database page however many events are listed at once.
const maxPostings = 256

// keyHash is the number that stands for a key in postings, so that no look-up
// is needed to write one. Two keys may share it; readers look at the events.
func keyHash(k events.Key) int64 { return keyDigest(k).hash() }

// A digest identifies a key beyond doubt; its first half is the key's hash.
type digest [16]byte

func (d digest) hash() int64 { return int64(binary.BigEndian.Uint64(d[:8])) }

func keyDigest(k events.Key) digest {
	var a [320]byte
	b := append(a[:0], k.Kind...)
	b = append(b, 0)
	b = append(b, k.Value...)
	sum := sha256.Sum256(b)
	return digest(sum[:16])
}

// A hashedKey is a key that an event is found under.
type hashedKey struct {
	digest digest
	key    events.Key
}

func hashKeys(e *events.Event, scratch []events.Key) []hashedKey {
	scratch = e.IndexKeys(scratch[:0])
	keys := make([]hashedKey, len(scratch))
	for i, k := range scratch {
		keys[i] = hashedKey{keyDigest(k), k}
	}
	return keys
}

// A keyHasher hashes the keys of the events of one call, which often have the
// same source, type and service as the event before.
type keyHasher struct {
	room     []hashedKey
	previous []hashedKey
}

// hash returns the keys of the next event, of which there are so many to come.
func (h *keyHasher) hash(e *events.Event, scratch []events.Key, toCome int) []hashedKey {
	scratch = e.IndexKeys(scratch[:0])
	n := len(scratch)
	if cap(h.room) < n {
		h.room = make([]hashedKey, max(n, min(n*toCome, 512)))
	}
	keys := h.room[:n:n]
	h.room = h.room[n:]
	for i, k := range scratch {
		if i < len(h.previous) && h.previous[i].key == k {
			keys[i] = h.previous[i]
		} else {
			keys[i] = hashedKey{keyDigest(k), k}
		}
	}
	h.previous = keys
	return keys
}

// A packer collects the postings of events that are listed together.
type packer struct {
	byHash map[int64]int32 // index of the key's open row in rows
	rows   []postingRow
}

func (p *packer) reset() {
	if p.byHash == nil {
		p.byHash = make(map[int64]int32)
	}
	clear(p.byHash)
	p.rows = p.rows[:0]
}

func (p *packer) add(position int64, hashes []int64) {
	for _, hash := range hashes {
		i, open := p.byHash[hash]
		if open && len(p.rows[i].others) < maxPostings-1 {
			row := &p.rows[i]
			if d := int32(position - row.first); d > 0 && (len(row.others) == 0 || row.others[len(row.others)-1] < d) {
				row.others = append(row.others, d)
			}
			continue
		}
		p.byHash[hash] = int32(len(p.rows))
		p.rows = append(p.rows, postingRow{hash: hash, first: position})
	}
}

// sorted returns the rows in index order, which spares the database searching.
func (p *packer) sorted() []postingRow {
	slices.SortFunc(p.rows, func(a, b postingRow) int {
		if a.hash != b.hash {
			if a.hash < b.hash {
				return -1
			}
			return 1
		}
		return int(a.first - b.first)
	})
	return p.rows
}

// knownKeys remembers keys that have a row, in two generations so that it
// stays small. Forgetting one costs an insert that does nothing.
type knownKeys struct {
	young, old map[digest]struct{}
}

const maxKnownKeys = 1 << 16

func (k *knownKeys) has(d digest) bool {
	if _, ok := k.young[d]; ok {
		return true
	}
	if _, ok := k.old[d]; ok {
		k.add(d)
		return true
	}
	return false
}

func (k *knownKeys) add(d digest) {
	if k.young == nil || len(k.young) >= maxKnownKeys {
		k.old, k.young = k.young, make(map[digest]struct{}, 1024)
	}
	k.young[d] = struct{}{}
}

// unpack appends the positions of a stored row of postings.
func unpack(dst []int64, first int64, more *string) ([]int64, error) {
	dst = append(dst, first)
	if more == nil || len(*more) < 3 {
		return dst, nil
	}
	for s := range strings.SplitSeq((*more)[1:len(*more)-1], ",") {
		d, err := strconv.ParseInt(s, 10, 32)
		if err != nil {
			return dst, err
		}
		dst = append(dst, first+d)
	}
	return dst, nil
}
