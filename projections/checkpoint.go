package projections

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"

	"github.com/daybookhq/daybook/events/trail"
)

// bookkeeping is where every build of every projection stands, and which build
// each view points at. It has no version: nodes of different versions share it.
var bookkeeping = []string{
	`CREATE TABLE IF NOT EXISTS projection_checkpoints (
    name       text   NOT NULL,
    version    bigint NOT NULL,
    build      bigint NOT NULL,
    position   bigint NOT NULL,
    ready      boolean NOT NULL,
    updated_us bigint NOT NULL,
    redacted   bigint NOT NULL,
    PRIMARY KEY (name, version, build)
)`,
	`CREATE TABLE IF NOT EXISTS projection_views (
    name    text   NOT NULL PRIMARY KEY,
    version bigint NOT NULL,
    build   bigint NOT NULL
)`,
}

// errLost says that somebody else moved the checkpoint first.
var errLost = errors.New("another runner moved the checkpoint")

// A checkpoint is one build of a projection and the prefix its rows stand for.
// A rebuild is not ready until it takes the place of the build before it; until
// then only the runner that makes it writes there.
type checkpoint struct {
	Name      string `db:"name"`
	Version   int    `db:"version"`
	Build     int    `db:"build"`
	Position  int64  `db:"position"`
	Ready     bool   `db:"ready"`
	UpdatedUS int64  `db:"updated_us"`
	Redacted  int64  `db:"redacted"` // how many events were erased when it was begun
}

func (c checkpoint) place() place { return place{c.Version, c.Build} }

// prepareBookkeeping makes the tables that are there once.
func prepareBookkeeping(ctx context.Context, t *trail.Trail) error {
	return define(ctx, t, bookkeeping)
}

// define runs statements that make things, one definer at a time: two nodes
// that start together must not make the same table at once.
func define(ctx context.Context, t *trail.Trail, statements []string) error {
	return t.Write(ctx, func(tx *sqlx.Tx) error {
		if t.Dialect() == trail.Postgres {
			if _, err := tx.ExecContext(ctx, `SELECT pg_advisory_xact_lock($1)`, lockDefine); err != nil {
				return err
			}
		}
		for _, s := range statements {
			if _, err := tx.ExecContext(ctx, s); err != nil {
				return fmt.Errorf("%w (in: %s)", err, s)
			}
		}
		return nil
	})
}

// Advisory locks of this package on Postgres; the number is "daybookp".
const (
	lockDefine int64 = 0x646179626f6f6b70
	lockPost   int64 = lockDefine + 1
)

// checkpoints lists all builds of all projections and versions.
func checkpoints(ctx context.Context, t *trail.Trail) ([]checkpoint, error) {
	var list []checkpoint
	err := t.DB().SelectContext(ctx, &list,
		`SELECT name, version, build, position, ready, updated_us, redacted FROM projection_checkpoints
		 ORDER BY name, version, build`)
	if err != nil {
		return nil, fmt.Errorf("reading where the projections stand: %w", err)
	}
	return list, nil
}

// begin makes the tables of a build and its checkpoint at 0, where missing.
func begin(ctx context.Context, t *trail.Trail, d description, p place, ready bool, now time.Time) error {
	var list []string
	for _, tab := range d.tables {
		list = append(list, tab.create(t.Dialect(), p)...)
	}
	// What is erased before the first event is folded is folded as erased.
	list = append(list, fmt.Sprintf(
		`INSERT INTO projection_checkpoints (name, version, build, position, ready, updated_us, redacted)
		 SELECT '%s', %d, %d, 0, %t, %d, coalesce(max(number), 0) FROM redactions WHERE true ON CONFLICT DO NOTHING`,
		d.name, p.version, p.build, ready, now.UnixMicro()))
	if err := define(ctx, t, list); err != nil {
		return fmt.Errorf("preparing the tables of projection %s: %w", d.name, err)
	}
	return nil
}

// A mark is where a build stands: what it holds, and of how many erasures it
// knows nothing more.
type mark struct{ at, redacted int64 }

func (c checkpoint) mark() mark { return mark{c.Position, c.Redacted} }

// move moves a checkpoint, if it still stands where it was read. That takes the
// erasures too: emptied for one, a build may stand at the very position where
// another node has read events that still had content.
func (w *writer) move(ctx context.Context, name string, from, to mark, now time.Time) error {
	res, err := w.tx.ExecContext(ctx, rebind(w.dialect,
		`UPDATE projection_checkpoints SET position = ?, redacted = ?, updated_us = ?
		 WHERE name = ? AND version = ? AND build = ? AND position = ? AND redacted = ?`),
		to.at, to.redacted, now.UnixMicro(), name, w.place.version, w.place.build, from.at, from.redacted)
	if err != nil {
		return fmt.Errorf("moving the checkpoint: %w", err)
	}
	n, err := res.RowsAffected()
	if err != nil {
		return fmt.Errorf("moving the checkpoint: %w", err)
	}
	if n != 1 {
		return errLost
	}
	return nil
}

func rebind(d trail.Dialect, query string) string {
	if d == trail.Postgres {
		return sqlx.Rebind(sqlx.DOLLAR, query)
	}
	return query
}
