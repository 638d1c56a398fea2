package trail

import (
	"context"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/events/seal"
)

// Takes returns what holds an event against the filter, as [Trail.Query] does
// but for the prefix: for those who have events and no trail. The function may
// not be called by several at once.
func (f Filter) Takes() func(*events.Recorded) bool {
	m := newMatcher(f)
	return func(r *events.Recorded) bool {
		return within(r.LedgerTime, f.RecordedFrom, f.RecordedTo) && m.takes(r)
	}
}

// Tiles reads the stored tiles, within ctx. Proofs made of them are to be
// checked: whoever has the database can alter them.
func (t *Trail) Tiles(ctx context.Context) seal.TileReader {
	read := t.tileReader(ctx)
	return func(level int, index int64) ([]byte, error) {
		b, err := read(level, index)
		return b, t.classify(err)
	}
}
