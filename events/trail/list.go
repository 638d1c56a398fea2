package trail

import (
	"context"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"
)

// listing is what brings the key index up to date.
type listing struct {
	from, to int64 // the events that it lists
	keys     []keyRow
	postings []postingRow
}

// list adds the events that the key index does not list yet to it, in a
// transaction of its own, so that no append can fail by it. It is done again,
// with the then newest, when it fails or its outcome is not known.
func (s *sequencer) list(ctx context.Context) {
	t := s.trail
	if time.Now().Before(s.patience) {
		return
	}
	n, err := s.listNow(ctx)
	if err != nil {
		s.patience = time.Now().Add(t.opts.RetryFor)
		t.opts.Logger.Error("cannot bring the key index up to date; searches take longer until it can be", "error", err)
		return
	}
	t.opts.Logger.Debug("brought the key index up to date", "events", n)
}

func (s *sequencer) listNow(ctx context.Context) (n int64, err error) {
	t := s.trail
	tx, head, err := s.begin(ctx)
	if err != nil {
		return 0, err
	}
	defer tx.Rollback()
	// What was erased while the lock was waited for, Postgres does not see in
	// the statement that waited, and an erasure takes keys out of the index.
	if err := tx.GetContext(ctx, &head.Redacted, `SELECT coalesce(max(number), 0) FROM redactions`); err != nil {
		return 0, fmt.Errorf("look for erasures: %w", err)
	}
	s.unlisted = 0
	if err := s.listIn(ctx, tx, head, &t.recent); err != nil {
		return 0, err
	}
	if err := tx.Commit(); err != nil {
		return 0, err
	}
	t.recent.listed(head.Size)
	return head.Size - head.Listed, nil
}

// listIn lists all events of a locked head.
func (s *sequencer) listIn(ctx context.Context, tx *sqlx.Tx, head headRow, r *recent) error {
	if head.Listed == head.Size {
		return nil
	}
	u, ok, err := r.since(ctx, tx, head)
	if err != nil {
		return err
	}
	if !ok {
		return fmt.Errorf("the head row says that %d events are listed, it said %d before", head.Listed, u.from)
	}
	l := &listing{from: head.Listed, to: head.Size, keys: u.fresh}
	s.packer.reset()
	for p := l.from; p < l.to; p++ {
		s.packer.add(p, u.of(p))
	}
	l.postings = s.packer.sorted()
	return s.trail.store.list(ctx, tx, l)
}
