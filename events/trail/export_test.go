package trail

import (
	"context"
	"database/sql/driver"

	"github.com/jmoiron/sqlx"
)

// LoseCommits makes commits lose their connection from now on, as many times
// as the list is long: before the database has got them, or after it has
// carried them out.
func LoseCommits(t *Trail, arrived ...bool) {
	t.commit = func(tx *sqlx.Tx) error {
		if len(arrived) == 0 {
			return tx.Commit()
		}
		done := arrived[0]
		arrived = arrived[1:]
		if done {
			if err := tx.Commit(); err != nil {
				return err
			}
			return driver.ErrBadConn
		}
		if err := tx.Rollback(); err != nil {
			return err
		}
		return driver.ErrBadConn
	}
}

// Freeze makes the next commit wait, with the head locked, until thaw is closed.
func Freeze(t *Trail, thaw <-chan struct{}) (frozen <-chan struct{}) {
	reached := make(chan struct{})
	t.commit = func(tx *sqlx.Tx) error {
		t.commit = (*sqlx.Tx).Commit
		close(reached)
		<-thaw
		return tx.Commit()
	}
	return reached
}

// ForgetTiles makes the next proof read every tile anew.
func ForgetTiles(t *Trail) { t.proving.forget() }

// DuringRotation is called between the steps of rotating the key.
func DuringRotation(t *Trail, f func(step string)) { t.during = f }

// DuringErasure is called once the events of a redaction are erased, before
// that is committed.
func DuringErasure(t *Trail, f func()) {
	t.during = func(step string) {
		if step == "erased" {
			f()
		}
	}
}

// List brings the key index up to date, as the trail does now and then.
func List(ctx context.Context, t *Trail) error {
	_, err := (&sequencer{trail: t}).listNow(ctx)
	return err
}

// Reading is what a reader does whose connection hangs while it reads what the
// key index does not list.
func Reading(t *Trail) (end func()) {
	t.recent.reading.Lock()
	return t.recent.reading.Unlock
}
