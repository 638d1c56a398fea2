package trail

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"time"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/events/seal"
	"github.com/go-json-experiment/json"
	"github.com/jmoiron/sqlx"
)

// placed is an event that has a position, stored or about to be.
type placed struct {
	receipt  Receipt
	body     []byte           // what the producer said
	recorded *events.Recorded // of a stored one
	erased   bool             // what it said is gone
}

// same reports whether an event says what p says. Of one that was erased nobody
// can tell, and to keep what is offered in its place, or a hash of it, would
// bring it back.
func (p *placed) same(e *events.Event) bool {
	return p.erased || bytes.Equal(p.body, e.Body()) || (p.recorded != nil && p.recorded.SameContent(e))
}

// placing gives the events of one pool their positions.
type placing struct {
	*sequencer
	w         *writing
	at        time.Time
	seen      map[events.Identity]*placed
	room      []placed // for those that are new
	leaves    []seal.Hash
	conflicts []conflict
}

// A conflict is an event whose source and id stand for another one.
type conflict struct {
	writer string
	event  *events.Event
	kept   *placed
}

// place gives an event the next position, unless it has one.
func (p *placing) place(writer string, e *entry) Receipt {
	if old, ok := p.seen[e.identity]; ok {
		r := old.receipt
		if old.same(e.event) {
			r.Duplicate = true
		} else {
			r.Conflict = true
			p.conflicts = append(p.conflicts, conflict{writer, e.event, old})
		}
		return r
	}
	var salt [16]byte
	copy(salt[:], p.salts[16*len(p.leaves):])
	return p.add(writer, e, salt)
}

func (p *placing) add(writer string, e *entry, salt [16]byte) Receipt {
	position := p.w.size
	p.w.size++
	p.record = e.event.Record(p.record[:0], position, p.at, writer, salt)
	leaf := p.leafHash(p.record)
	p.leaves = append(p.leaves, leaf)
	p.w.events = append(p.w.events, eventRow{
		position:   position,
		identity:   e.identity,
		happenedUS: e.event.Time.UnixMicro(),
		body:       string(p.record),
		keys:       e.keys,
	})
	r := Receipt{Position: position, LeafHash: leaf, LedgerTime: p.at}
	if len(p.room) == 0 {
		p.room = make([]placed, max(1, min(cap(p.leaves), 256)))
	}
	p.room[0] = placed{receipt: r, body: e.event.Body()}
	p.seen[e.identity] = &p.room[0]
	p.room = p.room[1:]
	return r
}

// placeConflicts adds a conflict.observed for each conflicting content that
// has none yet.
func (p *placing) placeConflicts(ctx context.Context, tx *sqlx.Tx) error {
	if len(p.conflicts) == 0 {
		return nil
	}
	var entries []entry
	var ids []events.Identity
	for _, c := range p.conflicts {
		e, err := c.observed(p.at)
		if err != nil {
			return fmt.Errorf("record a conflict of %s %s: %w", c.event.Source, c.event.ID, err)
		}
		entries = append(entries, entry{&e, e.Identity(), hashKeys(&e, nil)})
		ids = append(ids, e.Identity())
	}
	if err := p.lookUp(ctx, tx, ids, p.seen); err != nil {
		return err
	}
	for i := range entries {
		if _, ok := p.seen[ids[i]]; ok {
			continue
		}
		var salt [16]byte
		if _, err := io.ReadFull(p.trail.opts.Rand, salt[:]); err != nil {
			return fmt.Errorf("read random bytes for salts: %w", err)
		}
		p.add(LedgerWriter, &entries[i], salt)
	}
	return nil
}

// observed is the event that says so. Its id is made of what conflicts, so
// that the same content is reported once, however often it is sent.
func (c *conflict) observed(at time.Time) (events.Event, error) {
	offered := sha256.Sum256(c.event.Body())
	position := events.Count(c.kept.receipt.Position)
	data, err := json.Marshal(events.ConflictObserved{
		Kept:          &events.Ref{Source: c.event.Source, ID: c.event.ID},
		KeptPosition:  &position,
		OfferedDigest: hex.EncodeToString(offered[:]),
		OfferedType:   c.event.Type,
		Writer:        c.writer,
	}, json.Deterministic(true))
	if err != nil {
		return events.Event{}, err
	}
	return events.Event{
		ID:              fmt.Sprintf("conflict/%x/%x", c.event.Identity(), offered[:16]),
		Source:          LedgerSource,
		Type:            events.FullType("conflict.observed"),
		Time:            at,
		DataContentType: "application/json",
		Data:            data,
	}.Checked()
}
