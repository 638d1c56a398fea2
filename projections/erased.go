package projections

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jmoiron/sqlx"

	"github.com/daybookhq/daybook/events/trail"
)

// An event whose content is erased says nothing to any fold. Rows that were made
// while it still did hold what had to go, so where one was erased since, all
// tables are emptied at once and filled again from the first event: there is no
// old build to read from meanwhile, and none that could be forgotten.

// wipe empties the tables of a build that were made before the last of so many
// erasures, and puts its checkpoint back to the beginning.
func (r *Runner) wipe(ctx context.Context, d description, c checkpoint, redacted int64) error {
	err := r.trail.Write(ctx, func(tx *sqlx.Tx) error {
		var list []string
		for _, tab := range d.tables {
			list = append(list, tab.in(c.place()))
		}
		statements := []string{`SET LOCAL lock_timeout = '2s'`, `TRUNCATE ` + strings.Join(list, ", ")}
		if r.trail.Dialect() == trail.SQLite {
			statements = nil
			for _, name := range list {
				statements = append(statements, `DELETE FROM `+name)
			}
		}
		for _, s := range statements {
			if _, err := tx.ExecContext(ctx, s); err != nil {
				return err
			}
		}
		w := &writer{tx: tx, dialect: r.trail.Dialect(), place: c.place()}
		return w.move(ctx, d.name, c.mark(), mark{0, redacted}, r.opt.Clock())
	})
	if err != nil && !errors.Is(err, errLost) {
		return fmt.Errorf("emptying projection %s, since events were erased: %w", d.name, err)
	}
	return nil
}

// wipeStale wipes every build of this node's projections that was made when
// fewer events were erased. It needs the turn, and is for the node that posts.
func (r *Runner) wipeStale(ctx context.Context) error {
	redacted, err := r.trail.Erasures(ctx)
	if err != nil {
		return err
	}
	r.mu.Lock()
	seen := r.redacted == redacted
	r.mu.Unlock()
	if seen {
		return nil
	}
	known, err := checkpoints(ctx, r.trail)
	if err != nil {
		return err
	}
	for _, p := range r.posts {
		for _, c := range known {
			if c.Name == p.desc.name && c.Version == p.place.version && c.Redacted != redacted && (c.Build == p.place.build || c.Ready) {
				if err := r.wipe(ctx, p.desc, c, redacted); err != nil {
					return err
				}
			}
		}
	}
	if err := r.prune(ctx, known); err != nil {
		r.opt.Logger.Warn("removing tables of old projections", "err", err)
	}
	// Memory was made from the same events.
	r.reader = newReader(r.trail)
	for _, p := range r.posts {
		r.forgetRows(p)
	}
	r.mu.Lock()
	r.redacted = redacted
	r.mu.Unlock()
	return nil
}

// forgetRows makes the next look read where a projection stands.
func (r *Runner) forgetRows(p *post) {
	p.model.reset(unknown)
	r.mu.Lock()
	defer r.mu.Unlock()
	p.at = unknown
}

// erasedSince reports whether events were erased that this node's rows may
// still hold.
func (r *Runner) erasedSince(ctx context.Context) (bool, error) {
	redacted, err := r.trail.Erasures(ctx)
	if err != nil {
		return false, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return redacted != r.redacted, nil
}
