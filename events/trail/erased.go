package trail

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/events/seal"
	"github.com/jmoiron/sqlx"
)

// ErrErased: the event's content was erased; its place and hash are there.
var ErrErased = errors.New("the event's content was erased")

// erasedBody is what stands in place of erased bytes. No recorded event is empty.
const erasedBody = ""

// erasedAt is an event whose bytes are gone, as far as its row tells.
func erasedAt(position int64) events.Recorded {
	return events.Recorded{Position: position, Erased: &events.Erasure{}}
}

// explain fills in why the erased ones among evs are. It costs nothing where
// there are none. An event that is empty without a redaction is an error.
func (t *Trail) explain(ctx context.Context, evs []events.Recorded) error {
	var gone []int64
	for i := range evs {
		if evs[i].Erased != nil {
			gone = append(gone, evs[i].Position)
		}
	}
	if len(gone) == 0 {
		return nil
	}
	known, err := erasures(ctx, t.reader, gone)
	if err != nil {
		return t.classify(err)
	}
	for i := range evs {
		r := &evs[i]
		if r.Erased == nil {
			continue
		}
		e, ok := known[r.Position]
		if !ok {
			return fmt.Errorf("the stored event #%d is empty and no redaction says why, run `daybook verify`", r.Position)
		}
		*r = e
	}
	return nil
}

// erasures reads what is left of erased events. Positions that no redaction
// names are not in the map.
func erasures(ctx context.Context, q sqlx.ExtContext, positions []int64) (map[int64]events.Recorded, error) {
	known := make(map[int64]events.Recorded, len(positions))
	for from := 0; from < len(positions); from += readChunk {
		chunk := positions[from:min(from+readChunk, len(positions))]
		args := make([]any, len(chunk))
		for i, p := range chunk {
			args[i] = p
		}
		var rows []redactionRow
		query := selectRedactions + ` WHERE r.position IN (?` + strings.Repeat(`,?`, len(chunk)-1) + `)`
		if err := sqlx.SelectContext(ctx, q, &rows, q.Rebind(query), args...); err != nil {
			return nil, fmt.Errorf("read what was erased: %w", err)
		}
		for i := range rows {
			e, err := rows[i].erased()
			if err != nil {
				return nil, err
			}
			known[e.Position] = e
		}
	}
	return known, nil
}

// A redactionRow is a row of redactions with the two events it is about.
type redactionRow struct {
	Position int64  `db:"position"`
	LeafHash []byte `db:"leaf_hash"`
	By       int64  `db:"by_position"`
	LedgerUS int64  `db:"ledger_us"`
	ByBody   string `db:"by_body"`
}

const selectRedactions = `SELECT r.position, r.leaf_hash, r.by_position, e.ledger_us, a.body AS by_body FROM redactions r
	JOIN events e ON e.position = r.position JOIN events a ON a.position = r.by_position`

func (row *redactionRow) erased() (events.Recorded, error) {
	by, err := parseAt(row.By, row.ByBody)
	if err == nil && by.Erased == nil {
		if a, ok := announcementOf(&by); ok && a.position == row.Position && len(row.LeafHash) == seal.HashSize {
			return events.Recorded{
				Position:   row.Position,
				LedgerTime: microTime(row.LedgerUS),
				Erased:     &events.Erasure{Leaf: [32]byte(row.LeafHash), By: row.By, At: by.LedgerTime, Basis: a.basis},
			}, nil
		}
	}
	return events.Recorded{}, &unannounced{row.Position, row.By}
}

// unannounced is an event that was erased without the ledger saying so.
type unannounced struct{ position, by int64 }

func (u *unannounced) Error() string {
	return fmt.Sprintf("#%d was erased, and #%d is no redaction of the ledger that names it", u.position, u.by)
}

// Erasures is how many events of the trail are erased. What was made from the
// trail when there were fewer may hold what has been erased since.
func (t *Trail) Erasures(ctx context.Context) (n int64, err error) {
	h, err := t.readHead(ctx)
	return h.Redacted, err
}
