package projections

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/jmoiron/sqlx"

	"github.com/daybookhq/daybook/events/trail"
)

// publish points the views of a projection at one build, unless they point at
// a newer one: an old node that starts again leaves the views of a new one
// alone. Readers never see a moment without the view, and waiting for them is
// bounded. It reports whether the views moved.
func publish(ctx context.Context, t *trail.Trail, d description, p place) (moved bool, err error) {
	var now place
	err = t.DB().QueryRowxContext(ctx, rebind(t.Dialect(), `SELECT version, build FROM projection_views WHERE name = ?`), d.name).
		Scan(&now.version, &now.build)
	if err == nil && !now.before(p) {
		return false, nil
	}
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return false, err
	}
	err = t.Write(ctx, func(tx *sqlx.Tx) error {
		moved = false
		if t.Dialect() == trail.Postgres {
			if _, err := tx.ExecContext(ctx, `SET LOCAL lock_timeout = '2s'`); err != nil {
				return err
			}
		}
		res, err := tx.ExecContext(ctx, rebind(t.Dialect(),
			`INSERT INTO projection_views (name, version, build) VALUES (?, ?, ?)
			 ON CONFLICT (name) DO UPDATE SET version = excluded.version, build = excluded.build
			 WHERE (projection_views.version, projection_views.build) < (excluded.version, excluded.build)`),
			d.name, p.version, p.build)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return err
		}
		moved = true
		for _, tab := range d.tables {
			if tab.private {
				continue
			}
			if err := setView(ctx, tx, t.Dialect(), tab.name, tab.view(t.Dialect(), p)); err != nil {
				return err
			}
		}
		for _, v := range d.views {
			if err := setView(ctx, tx, t.Dialect(), v.name, v.sql(t.Dialect(), p)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return false, fmt.Errorf("pointing the views of projection %s at version %d: %w", d.name, p.version, err)
	}
	return moved, nil
}

func (p place) before(q place) bool {
	return p.version < q.version || p.version == q.version && p.build < q.build
}

// setView replaces a view. On Postgres those who could read it still can.
func setView(ctx context.Context, tx *sqlx.Tx, d trail.Dialect, name, query string) error {
	var readers []string
	if d == trail.Postgres {
		err := tx.SelectContext(ctx, &readers,
			`SELECT DISTINCT CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(r.rolname) END
			 FROM pg_class c CROSS JOIN LATERAL aclexplode(c.relacl) a LEFT JOIN pg_roles r ON r.oid = a.grantee
			 WHERE c.oid = to_regclass($1) AND a.privilege_type = 'SELECT' AND a.grantee <> c.relowner`, name)
		if err != nil {
			return err
		}
	}
	for _, s := range []string{"DROP VIEW IF EXISTS " + name, "CREATE VIEW " + name + " AS " + query} {
		if _, err := tx.ExecContext(ctx, s); err != nil {
			return err
		}
	}
	if len(readers) > 0 {
		if _, err := tx.ExecContext(ctx, "GRANT SELECT ON "+name+" TO "+strings.Join(readers, ", ")); err != nil {
			return err
		}
	}
	return nil
}

// drop removes a build's tables and its checkpoint. Views must not point at it.
func drop(ctx context.Context, t *trail.Trail, d description, p place) error {
	var list []string
	for _, tab := range d.tables {
		list = append(list, "DROP TABLE IF EXISTS "+tab.in(p))
	}
	list = append(list, fmt.Sprintf(`DELETE FROM projection_checkpoints WHERE name = '%s' AND version = %d AND build = %d`,
		d.name, p.version, p.build))
	return define(ctx, t, list)
}
