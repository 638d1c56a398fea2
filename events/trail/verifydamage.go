package trail

import (
	"context"
	"fmt"
)

// unreadable makes a fault of an error that says that a part of the database
// cannot be read as what it should be: it is damaged, or was altered. An error
// that says that the database could not be asked at all is returned.
func (v *verification) unreadable(ctx context.Context, err error, position int64, format string, args ...any) error {
	if err == nil || !v.trail.isDamage(ctx, err) {
		return err
	}
	v.report.fault(position, "%s cannot be read: %v", fmt.Sprintf(format, args...), err)
	return nil
}

func (t *Trail) isDamage(ctx context.Context, err error) bool {
	return ctx.Err() == nil && t.store.fault(err) != faultAway && t.store.fault(err) != faultFull
}

// readableEvents reads events one by one where they cannot be read together.
// Those that cannot be read are faults, and missing from what it returns.
func (v *verification) readableEvents(ctx context.Context, from, to int64) (rows []rawEvent, unread map[int64]bool, err error) {
	rows, err = v.trail.rawEvents(ctx, from, to)
	if err == nil || !v.trail.isDamage(ctx, err) {
		return rows, nil, err
	}
	rows, unread = rows[:0], map[int64]bool{}
	for p := from; p < to; p++ {
		one, err := v.trail.rawEvents(ctx, p, p+1)
		if err != nil {
			unread[p] = true
		}
		if err := v.unreadable(ctx, err, p, "its row"); err != nil {
			return nil, nil, err
		}
		if err == nil {
			rows = append(rows, one...)
		}
	}
	return rows, unread, nil
}
