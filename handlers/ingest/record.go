package ingest

import (
	"context"
	"errors"
	"time"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/events/client"
	"github.com/daybookhq/daybook/events/trail"
	"golang.org/x/sync/errgroup"
)

var errClosing = errors.New("the server is stopping")

// record appends the events of the letters, those of one writer together, and
// notes what became of each. Those without an outcome after an error are to
// come again.
func (d *Door) record(batch []*letter) error {
	byWriter := map[string][]*item{}
	for _, l := range batch {
		for i := range l.items {
			if it := &l.items[i]; it.refusal == nil {
				byWriter[l.principal.Name] = append(byWriter[l.principal.Name], it)
			}
		}
	}
	var g errgroup.Group
	for writer, items := range byWriter {
		g.Go(func() error { return d.persist(writer, items) })
	}
	return g.Wait()
}

// persist appends until it is done. While the database is away it holds on to
// the items, so that they keep their order, and the broker to the messages.
func (d *Door) persist(writer string, items []*item) error {
	const first, most = 100 * time.Millisecond, 5 * time.Second
	for wait := first; ; wait = min(2*wait, most) {
		err := d.append(writer, items)
		if err == nil {
			return nil
		}
		if !temporary(err) {
			return d.oneByOne(writer, items, err)
		}
		d.log.Warn("the trail cannot take what the broker has; trying again", "events", len(items), "error", err, "retry_in", wait)
		select {
		case <-d.closing:
			return errors.Join(errClosing, err)
		case <-time.After(wait):
		}
	}
}

// temporary errors are those that repeating the same call can mend. A trail that
// is read-only is brought back or continued, and until then the broker keeps what
// it has.
func temporary(err error) bool {
	return errors.Is(err, trail.ErrReadOnly) || errors.Is(err, trail.ErrUnavailable) || errors.Is(err, trail.ErrFull) || errors.Is(err, trail.ErrUnknown)
}

// oneByOne finds the item at fault after the trail refused them together.
func (d *Door) oneByOne(writer string, items []*item, err error) error {
	if errors.Is(err, trail.ErrClosed) || errors.Is(err, trail.ErrStopped) ||
		errors.Is(err, context.Canceled) {
		return err
	}
	if len(items) == 1 {
		if events.IsRefusal(err) {
			items[0].refusal = err
			return nil
		}
		return err
	}
	var all error
	for _, it := range items {
		if err := d.append(writer, []*item{it}); err != nil {
			all = errors.Join(all, d.oneByOne(writer, []*item{it}, err))
		}
	}
	return all
}

func (d *Door) append(writer string, items []*item) error {
	evs := make([]events.Event, len(items))
	for i, it := range items {
		evs[i] = it.event
	}
	receipts, err := d.o.Trail.Append(d.work, writer, evs...)
	for i, r := range receipts {
		it := items[i]
		it.position, it.leaf = r.Position, client.Hash(r.LeafHash)
		switch {
		case r.Conflict:
			it.refusal = &conflictError{it.event.Source, it.event.ID, r.Position}
			it.outcome = client.Conflict
		case r.Duplicate:
			it.outcome = client.Duplicate
		default:
			it.outcome = client.Accepted
		}
	}
	return err
}
