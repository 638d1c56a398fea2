package projections

import (
	"context"
	"fmt"
	"hash/fnv"

	"github.com/daybookhq/daybook/events/trail"
)

// alone reports whether this node may post now. Nodes on one Postgres take
// turns, so that they do not all fold the same batch only for one to win; the
// compare-and-swap on the checkpoints is what keeps the rows right, whether or
// not the lock holds. Call release when done.
func (r *Runner) alone(ctx context.Context) (mine bool, release func(), err error) {
	if r.trail.Dialect() != trail.Postgres {
		return true, func() {}, nil
	}
	// A lock of a transaction, since one of a session would outlive a
	// connection that a pooler hands on.
	tx, err := r.trail.DB().BeginTxx(ctx, nil)
	if err != nil {
		return false, nil, fmt.Errorf("asking for the turn to post: %w", err)
	}
	if err := tx.GetContext(ctx, &mine, `SELECT pg_try_advisory_xact_lock($1)`, r.lockKey()); err != nil {
		tx.Rollback()
		return false, nil, fmt.Errorf("asking for the turn to post: %w", err)
	}
	return mine, func() { tx.Rollback() }, nil
}

// lockKey is shared by nodes that write the same tables.
func (r *Runner) lockKey() int64 {
	h := fnv.New32a()
	for _, p := range r.posts {
		fmt.Fprintf(h, "%s %d\n", p.desc.name, p.place.version)
	}
	return lockPost + int64(h.Sum32())
}
