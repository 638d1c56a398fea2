package projections

import (
	"container/list"
	"time"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/projections/fold"
)

// An entry is one story's fold in a register.
type entry struct {
	id    string
	fold  fold.Fold
	last  lastPlace
	views int64 // events applied
	hops  map[events.Key]int

	stored     bool               // it is in the database
	storedHops map[events.Key]int // the links that are in the database
	touched    bool               // by the batch being posted
	size       int                // bytes, as it is stored
}

// join adds a link without changing the map that the database's links share.
func (e *entry) join(k events.Key, hop int) {
	fresh := make(map[events.Key]int, len(e.hops)+1)
	for key, h := range e.hops {
		fresh[key] = h
	}
	fresh[k] = hop
	e.hops = fresh
}

// A lastPlace is where in the order of a story the last event stood.
type lastPlace struct {
	At       time.Time `json:"at"`
	Position int64     `json:"position"`
	Any      bool      `json:"any"`
}

func placeOf(v *fold.View) lastPlace { return lastPlace{v.At, v.Position, true} }

// before reports whether v comes after everything so far.
func (l lastPlace) before(v *fold.View) bool {
	return !l.Any || l.At.Before(v.At) || l.At.Equal(v.At) && l.Position < v.Position
}

// A cache holds the entries used last, up to a number of bytes as stored.
type cache struct {
	limit, size int
	order       *list.List // of *entry, the last used first
	byID        map[string]*list.Element
}

func newCache(limit int) *cache {
	c := &cache{limit: limit}
	c.clear()
	return c
}

func (c *cache) clear() { c.order, c.byID, c.size = list.New(), map[string]*list.Element{}, 0 }

func (c *cache) get(id string) *entry {
	el := c.byID[id]
	if el == nil {
		return nil
	}
	c.order.MoveToFront(el)
	return el.Value.(*entry)
}

func (c *cache) put(e *entry) {
	c.drop(e.id)
	c.byID[e.id] = c.order.PushFront(e)
	c.size += e.size
}

func (c *cache) drop(id string) {
	if el := c.byID[id]; el != nil {
		c.size -= c.order.Remove(el).(*entry).size
		delete(c.byID, id)
	}
}

// trim forgets the entries used longest ago until the rest fits.
func (c *cache) trim() {
	for c.size > c.limit && c.order.Len() > 0 {
		c.drop(c.order.Back().Value.(*entry).id)
	}
}
