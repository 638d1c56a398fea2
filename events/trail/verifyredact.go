package trail

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/events/seal"
)

// erased checks an event whose bytes are not there: a redaction of the ledger
// must say so, and name the hash that was sealed. Its place is proved as ever.
func (v *verification) erased(ctx context.Context, row *rawEvent) error {
	p, r := row.Position, &v.report
	var own *seal.Hash
	known, err := erasures(ctx, v.trail.reader, []int64{p})
	_, unannounced := errors.AsType[*unannounced](err)
	switch e, ok := known[p]; {
	case unannounced:
		r.fault(p, "%v", err)
	case err != nil:
		if err := v.unreadable(ctx, err, p, "what was erased of it"); err != nil {
			return err
		}
	case !ok:
		r.fault(p, "its bytes are missing, and no redaction says why")
	default:
		leaf := seal.Hash(e.Erased.Leaf)
		own, err = v.leaves.hash(ctx, p)
		if err := v.unreadable(ctx, err, p, "the tile 0/%d", p/seal.TileWidth); err != nil {
			return err
		}
		if own != nil && *own != leaf {
			r.fault(p, "it was erased, and the hash that the redaction #%d names is not the one in its tile", e.Erased.By)
		} else {
			own = &leaf
			r.erased(p)
		}
	}
	v.identities.expect(events.Identity(padded(row.Identity)), p)
	switch {
	case row.HappenedUS != row.LedgerUS && !v.opts.NoIndex:
		r.fault(p, "its bytes are missing, and the column happened_us still says when it happened")
	case row.LedgerUS < v.prevUS:
		r.fault(p, "the ledger time runs backwards")
	}
	if err := v.checkpointsUpTo(ctx, p); err != nil {
		return err
	}
	v.turn(p, row.LedgerUS)
	v.prevUS = row.LedgerUS
	return v.leaf(ctx, p, own)
}

// redactions holds the redactions that the ledger announced against what was
// erased: each must name a hash that was sealed, and be carried out.
func (v *verification) redactions(ctx context.Context) error {
	return v.unreadable(ctx, v.holdRedactions(ctx), v.head.Size-1, "what was erased")
}

func (v *verification) holdRedactions(ctx context.Context) error {
	at, err := v.trail.Positions(ctx, []events.Key{{Kind: events.KindType, Value: events.FullType("redaction.applied")}}, v.head.Size)
	if err != nil {
		return err
	}
	tile := v.trail.tileReader(ctx)
	var waiting []int64
	for chunk := range slices.Chunk(at, readChunk) {
		rows, err := v.trail.rawAt(ctx, chunk)
		if err != nil {
			return err
		}
		said := map[int64]int64{} // which announcement names a position
		for i := range rows {
			e, err := events.ParseRecorded([]byte(rows[i].Body))
			if err != nil {
				continue // the walk said so
			}
			a, ok := announcementOf(&e)
			switch {
			case e.Writer != LedgerWriter || e.Source != LedgerSource:
				// Anybody may say so; the ledger heeds its own.
			case !ok:
				v.report.fault(e.Position, "the redaction names no earlier position, or no hash")
			default:
				if sealed, err := sealedLeaf(tile, a.position); err != nil || sealed != a.leaf {
					v.report.fault(e.Position, "the redaction names a hash of #%d that is not the one that was sealed", a.position)
				} else {
					said[a.position] = e.Position
				}
			}
		}
		still, err := v.trail.notErased(ctx, said)
		if err != nil {
			return err
		}
		waiting = append(waiting, still...)
	}
	if len(waiting) > 0 {
		slices.Sort(waiting)
		v.report.Notes = append(v.report.Notes, fmt.Sprintf("redaction announced, bytes still there: %s; run `daybook redact` again", positionList(waiting, int64(len(waiting)))))
	}
	return nil
}

// rawAt reads some rows of events, ascending.
func (t *Trail) rawAt(ctx context.Context, positions []int64) (rows []rawEvent, err error) {
	args := make([]any, len(positions))
	for i, p := range positions {
		args[i] = p
	}
	query := `SELECT position, identity, happened_us, ledger_us, body FROM events WHERE position IN (?` + strings.Repeat(`,?`, len(positions)-1) + `) ORDER BY position`
	if err := t.reader.SelectContext(ctx, &rows, t.reader.Rebind(query), args...); err != nil {
		return nil, fmt.Errorf("read %d events: %w", len(positions), err)
	}
	return rows, nil
}

// notErased lists those among the positions whose bytes are there.
func (t *Trail) notErased(ctx context.Context, said map[int64]int64) ([]int64, error) {
	if len(said) == 0 {
		return nil, nil
	}
	var positions, still []int64
	for p := range said {
		positions = append(positions, p)
	}
	rows, err := t.rawAt(ctx, positions)
	for i := range rows {
		if rows[i].Body != erasedBody {
			still = append(still, rows[i].Position)
		}
	}
	return still, err
}

// maxErased is how many positions of erased events a report names.
const maxErased = 100

func (r *Report) erased(position int64) {
	if r.Erased++; len(r.ErasedAt) < maxErased {
		r.ErasedAt = append(r.ErasedAt, position)
	}
}

// erasedText says what is proved of the events that are erased.
func (r *Report) erasedText() string {
	return "place proved, content erased: " + positionList(r.ErasedAt, r.Erased)
}

// positionList is as in "2 events (#6, #9)".
func positionList(positions []int64, count int64) string {
	var names []string
	for _, p := range positions[:min(len(positions), maxErased)] {
		names = append(names, fmt.Sprintf("#%d", p))
	}
	if more := count - int64(len(names)); more > 0 {
		names = append(names, fmt.Sprintf("and %d more", more))
	}
	noun := "events"
	if count == 1 {
		noun = "event"
	}
	return fmt.Sprintf("%d %s (%s)", count, noun, strings.Join(names, ", "))
}
