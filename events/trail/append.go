package trail

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/events/seal"
)

// A Receipt says where an event stands in the trail.
type Receipt struct {
	Position   int64
	LeafHash   seal.Hash
	LedgerTime time.Time
	Duplicate  bool // it was recorded before, with the same content
	Conflict   bool // its source and id were recorded before with other content; the receipt is of that, the first
}

// An entry is one event on its way into the trail.
type entry struct {
	event    *events.Event
	identity events.Identity
	keys     []hashedKey
}

// A batch is what one call of Append hands in: at most one pool full.
type batch struct {
	writer   string
	entries  []entry
	bytes    int
	receipts []Receipt // written by the sequencer before done is closed
	err      error     // of this batch alone; likewise
}

// A pool gathers batches until the sequencer takes it. All of a pool is
// committed in one transaction, or nothing.
//
// Its fields are guarded by intake.mu until taken is closed, then belong to the
// sequencer until done is closed, and are only read from then on.
type pool struct {
	batches []*batch
	events  int
	bytes   int
	taken   chan struct{} // closed when the sequencer has taken it
	done    chan struct{} // closed when err and all receipts are final
	err     error         // why nothing was recorded, or ErrUnknown
}

func newPool() *pool {
	return &pool{taken: make(chan struct{}), done: make(chan struct{})}
}

// intake is where callers and the sequencer meet.
type intake struct {
	mu      sync.Mutex
	pool    *pool
	closed  bool
	waiting chan struct{} // holds a token when there is something to take
	goal    int           // how many batches the sequencer waits for, or 0
	reached chan struct{} // holds a token when they are there
}

func (in *intake) wake() {
	select {
	case in.waiting <- struct{}{}:
	default:
	}
}

// add puts a batch into the current pool and returns it. If there is no room,
// it returns the full pool, whose taking must be waited for, and false.
func (in *intake) add(b *batch, maxEvents, maxBytes int) (*pool, bool, error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.closed {
		return nil, false, ErrClosed
	}
	p := in.pool
	if p.events > 0 && (p.events+len(b.entries) > maxEvents || p.bytes+b.bytes > maxBytes) {
		return p, false, nil
	}
	p.batches = append(p.batches, b)
	p.events += len(b.entries)
	p.bytes += b.bytes
	in.wake()
	if in.goal > 0 && len(p.batches) >= in.goal {
		in.goal = 0
		in.reached <- struct{}{}
	}
	return p, true, nil
}

// gather waits until the pool has that many batches, but no longer than given.
// Callers that have just been answered come back at once, and a fuller pool
// costs each of them less.
func (in *intake) gather(batches int, most time.Duration) {
	in.mu.Lock()
	if in.closed || len(in.pool.batches) >= batches {
		in.mu.Unlock()
		return
	}
	in.goal = batches
	in.mu.Unlock()
	timer := time.NewTimer(most)
	defer timer.Stop()
	select {
	case <-in.reached:
		return
	case <-timer.C:
	}
	in.mu.Lock()
	if in.goal == 0 { // reached after all, just now
		<-in.reached
	}
	in.goal = 0
	in.mu.Unlock()
}

// count is how many batches wait.
func (in *intake) count() int {
	in.mu.Lock()
	defer in.mu.Unlock()
	return len(in.pool.batches)
}

// take returns the pool with all that waits and puts an empty one in its place.
func (in *intake) take() (p *pool, closed bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	p, in.pool = in.pool, newPool()
	close(p.taken)
	return p, in.closed
}

// Append records events and returns a receipt for each, in order. They must
// come from [events.Parse] or [events.Event.Checked]. The writer is the
// authenticated principal, which is not the actor.
//
// When it returns without error, the events are durable and under a signed
// checkpoint. When it returns an error, some or all may be recorded none the
// less (the context may have ended during the commit); sending the same events
// again is always safe. A call within the pool's limits (4,096 events, 8 MiB
// unless set otherwise) is recorded as a whole or not at all; a larger one is
// cut into such parts, in order.
func (t *Trail) Append(ctx context.Context, writer string, evs ...events.Event) ([]Receipt, error) {
	if t.opts.ReadOnly {
		return nil, ErrReadOnly
	}
	if err := checkWriter(writer); err != nil {
		return nil, err
	}
	entries := make([]entry, len(evs))
	scratch := make([]events.Key, 0, 24)
	var hasher keyHasher
	for i := range evs {
		e := &evs[i]
		if e.Body() == nil {
			return nil, fmt.Errorf("append event %d: it was not checked; use events.Parse or Checked", i)
		}
		if e.Source == LedgerSource && writer != LedgerWriter {
			return nil, &events.Refusal{Field: "source", Reason: LedgerSource + " is the ledger's own source; give the producer another"}
		}
		entries[i] = entry{e, e.Identity(), hasher.hash(e, scratch, len(evs)-i)}
	}
	var receipts []Receipt // of the parts before, where there are several
	for len(entries) > 0 {
		b := &batch{writer: writer}
		n := 0
		for n < len(entries) && n < t.opts.MaxPoolEvents && (n == 0 || b.bytes < t.opts.MaxPoolBytes) {
			b.bytes += len(entries[n].event.Body()) + 256
			n++
		}
		b.entries, entries = entries[:n], entries[n:]
		if err := t.appendBatch(ctx, b); err != nil {
			return receipts, err
		}
		if len(entries) == 0 && len(receipts) == 0 {
			return b.receipts, nil
		}
		receipts = append(receipts, b.receipts...)
	}
	return receipts, nil
}

func (t *Trail) appendBatch(ctx context.Context, b *batch) error {
	for {
		if err := t.stopped(); err != nil {
			return err
		}
		p, added, err := t.intake.add(b, t.opts.MaxPoolEvents, t.opts.MaxPoolBytes)
		if err != nil {
			return err
		}
		next := p.taken
		if added {
			next = p.done
		}
		select {
		case <-next:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if added {
			return cmp.Or(p.err, b.err)
		}
	}
}

// checkWriter keeps the recorded bytes within what was promised for them.
func checkWriter(w string) error {
	if w == "" || len(w) > events.MaxNameBytes || !utf8.ValidString(w) {
		return fmt.Errorf("append: the writer's name must have 1 to %d bytes of UTF-8", events.MaxNameBytes)
	}
	for _, r := range w {
		if unicode.IsControl(r) || r == '"' || r == '\\' {
			return fmt.Errorf("append: the writer's name %q holds a character that it may not", w)
		}
	}
	return nil
}
