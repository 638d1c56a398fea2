package projections

import (
	"context"

	"github.com/daybookhq/daybook/projections/fold"
)

// A rowwise table has a row for each event of some kind, by its position. It
// needs no memory and no order: a correction replaces the row, a retraction
// removes it.
type rowwise struct {
	table *table
	types []string // the short types that rowOf makes rows of
	// rowOf makes the row of an event, or none. The first column is the
	// position.
	rowOf func(v *fold.View) (row, bool)
}

type rowwiseChanges struct {
	of   []rowwise
	gone []row
	rows [][]row
}

func postRows(of []rowwise, b *batch) *rowwiseChanges {
	c := &rowwiseChanges{of: of, rows: make([][]row, len(of))}
	for i := range b.changed {
		x := &b.changed[i]
		for j, t := range of {
			_, had := t.rowOf(&x.old)
			fresh, has := t.rowOf(&x.new)
			if had && !has {
				c.gone = append(c.gone, row{x.old.Position})
			}
			if has {
				c.rows[j] = append(c.rows[j], fresh)
			}
		}
	}
	for j, t := range of {
		b.ofTypes(t.types, func(v *fold.View) {
			if r, ok := t.rowOf(v); ok {
				c.rows[j] = append(c.rows[j], r)
			}
		})
	}
	return c
}

func (c *rowwiseChanges) empty() bool {
	for _, r := range c.rows {
		if len(r) > 0 {
			return false
		}
	}
	return len(c.gone) == 0
}

func (c *rowwiseChanges) write(ctx context.Context, w *writer) error {
	for j, t := range c.of {
		if err := w.delete(ctx, t.table, t.table.key, c.gone); err != nil {
			return err
		}
		if err := w.put(ctx, t.table, c.rows[j], ""); err != nil {
			return err
		}
	}
	return nil
}
