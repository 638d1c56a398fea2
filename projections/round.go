package projections

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"

	"github.com/jmoiron/sqlx"
)

// run posts [at, limit) to a group of projections that stand at the same
// place, a batch per transaction. The next batch is read while one is posted.
// It returns an error only when nothing at all can be posted; what one
// projection cannot take stops that one.
func (r *Runner) run(ctx context.Context, group []*post, limit int64) error {
	ctx, cancel := context.WithCancel(ctx)
	type result struct {
		b   *batch
		err error
	}
	batches := make(chan result, 1)
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer close(batches)
		for at := group[0].at; at < limit; {
			b, err := r.reader.read(ctx, at, min(limit, at+int64(r.opt.Batch)))
			if err == nil && b.to == at {
				err = fmt.Errorf("the trail gave no events from %d on, of %d", at, limit)
			}
			select {
			case batches <- result{b, err}:
			case <-ctx.Done():
				return
			}
			if err != nil {
				return
			}
			at = b.to
		}
	}()
	// The reader belongs to whoever has the turn: wait until it is at rest.
	defer func() { cancel(); <-done }()
	for res := range batches {
		if res.err != nil {
			return res.err
		}
		var err error
		if group, err = r.post(ctx, group, res.b); err != nil || len(group) == 0 {
			return err
		}
	}
	return context.Cause(ctx)
}

// post posts one batch and returns the projections that took it.
func (r *Runner) post(ctx context.Context, group []*post, b *batch) ([]*post, error) {
	type ready struct {
		*post
		changes
		err error
	}
	var list []ready
	for _, p := range group {
		q := queryer{r.trail.DB(), r.trail.Dialect(), p.place, r.trail}
		c, err := guarded(func() (changes, error) { return p.model.post(ctx, b, q) })
		if ctx.Err() != nil {
			p.model.reset(p.at)
			return nil, context.Cause(ctx)
		}
		if err != nil {
			r.stop(p, fmt.Errorf("folding events %d to %d: %w", b.from, b.to-1, err))
			continue
		}
		list = append(list, ready{p, c, nil})
	}
	err := r.trail.Write(ctx, func(tx *sqlx.Tx) error {
		any := false
		for i := range list {
			p := &list[i]
			w := &writer{tx: tx, dialect: r.trail.Dialect(), place: p.place}
			err := apart(ctx, tx, func() error {
				if err := w.move(ctx, p.desc.name, mark{b.from, p.redacted}, mark{b.to, p.redacted}, r.opt.Clock()); err != nil {
					return err
				}
				_, err := guarded(func() (changes, error) { return nil, p.changes.write(ctx, w) })
				return err
			})
			if errors.Is(err, errUnusable) {
				return err
			}
			p.err = err
			any = any || err == nil
		}
		if !any {
			return errNothing
		}
		return nil
	})
	if err != nil && !errors.Is(err, errNothing) {
		// Nothing was written, through no fault of one projection. What the
		// models remember may be ahead of their tables.
		for _, p := range list {
			r.forget(p.post)
		}
		return nil, fmt.Errorf("writing what events %d to %d change: %w", b.from, b.to-1, err)
	}
	var took []*post
	lost := false
	for _, p := range list {
		switch {
		case p.err == nil:
			p.model.committed()
			r.mark(p.post, b.to)
			took = append(took, p.post)
		case errors.Is(p.err, errLost):
			r.opt.Logger.Debug("another runner was first", "projection", p.desc.name, "position", b.from)
			r.forget(p.post)
			lost = true
		case ctx.Err() != nil:
			p.model.reset(b.from)
		default:
			r.stop(p.post, fmt.Errorf("writing what events %d to %d change: %w", b.from, b.to-1, p.err))
		}
	}
	if lost {
		return nil, errLost
	}
	return took, nil
}

var (
	errNothing  = errors.New("no projection took the batch")
	errUnusable = errors.New("the transaction cannot go on")
)

// apart runs f so that, when it fails, only what f did is undone.
func apart(ctx context.Context, tx *sqlx.Tx, f func() error) error {
	if _, err := tx.ExecContext(ctx, "SAVEPOINT projection"); err != nil {
		return fmt.Errorf("%w: %w", errUnusable, err)
	}
	err := f()
	if err != nil {
		if _, undo := tx.ExecContext(ctx, "ROLLBACK TO SAVEPOINT projection"); undo != nil {
			return fmt.Errorf("%w: %w (undoing it: %w)", errUnusable, err, undo)
		}
	}
	if _, release := tx.ExecContext(ctx, "RELEASE SAVEPOINT projection"); release != nil {
		return fmt.Errorf("%w: %w", errUnusable, errors.Join(err, release))
	}
	return err
}

// guarded turns a panic of a fold into an error: it must stop one projection,
// not the server.
func guarded(f func() (changes, error)) (c changes, err error) {
	defer func() {
		if p := recover(); p != nil {
			c, err = nil, fmt.Errorf("the fold panicked: %v\n%s", p, debug.Stack())
		}
	}()
	return f()
}

// mark notes where a projection stands now.
func (r *Runner) mark(p *post, at int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p.at, p.failure, p.failures = at, nil, 0
	r.tell()
}

// forget notes that where a projection stands must be read again.
func (r *Runner) forget(p *post) {
	p.model.reset(unknown)
	r.mu.Lock()
	defer r.mu.Unlock()
	p.at = unknown
	p.lost++
}

// tell wakes everybody who waits for something to move. It needs r.mu.
func (r *Runner) tell() {
	close(r.news)
	r.news = make(chan struct{})
}

// unknown is the place of a projection whose checkpoint must be read.
const unknown = -1

// stop notes that a projection cannot go on, and when to try again.
func (r *Runner) stop(p *post, err error) {
	p.model.reset(p.at)
	r.mu.Lock()
	defer r.mu.Unlock()
	pause := r.opt.RetryMax
	if p.failures < 20 {
		pause = min(pause, r.opt.RetryMin<<p.failures)
	}
	p.failure, p.failures = err, p.failures+1
	p.failedAt = r.opt.Clock()
	p.retryAt = p.failedAt.Add(pause)
	r.tell()
	r.opt.Logger.Error("a projection is stopped", "projection", p.desc.name, "position", p.at,
		"failures", p.failures, "again_in", pause, "err", err)
}
