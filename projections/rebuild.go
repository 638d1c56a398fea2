package projections

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/jmoiron/sqlx"
)

// Rebuild makes a projection anew from the first event, beside the one in use,
// and puts it in its place once it has caught up. Readers keep the old rows
// until then. What the projection cannot take is fatal here: the error says
// why, and the old rows stay.
//
// progress, where given, is told how many of how many events are done.
func (r *Runner) Rebuild(ctx context.Context, name string, progress func(done, total int64)) error {
	old, fresh, err := r.startBuild(ctx, name)
	if err != nil {
		return fmt.Errorf("rebuilding projection %s: %w", name, err)
	}
	err = r.build(ctx, old, fresh, progress)
	if err != nil {
		// Also when ctx is done, what was begun goes away.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		r.abandon(ctx, fresh)
		return fmt.Errorf("rebuilding projection %s: %w", name, err)
	}
	return nil
}

// Names lists the projections.
func (r *Runner) Names() []string {
	var names []string
	for _, s := range r.Status() {
		if !s.Building {
			names = append(names, s.Name)
		}
	}
	return names
}

func (r *Runner) startBuild(ctx context.Context, name string) (old, fresh *post, err error) {
	if err := r.take(ctx); err != nil {
		return nil, nil, err
	}
	defer r.give()
	for _, p := range r.posts {
		switch {
		case p.desc.name != name:
		case p.building:
			return nil, nil, fmt.Errorf("it is being rebuilt already")
		default:
			old = p
		}
	}
	if old == nil {
		return nil, nil, fmt.Errorf("there is none of that name; there are %v", r.Names())
	}
	known, err := checkpoints(ctx, r.trail)
	if err != nil {
		return nil, nil, err
	}
	next := place{old.place.version, 1}
	for _, c := range known {
		if c.Name != name || c.Version != next.version {
			continue
		}
		next.build = max(next.build, c.Build+1)
		stale := r.opt.Clock().Add(-time.Hour).UnixMicro()
		if !c.Ready && c.UpdatedUS < stale {
			// A rebuild that was killed.
			if err := drop(ctx, r.trail, old.desc, c.place()); err != nil {
				return nil, nil, err
			}
		}
	}
	if err := begin(ctx, r.trail, old.desc, next, false, r.opt.Clock()); err != nil {
		return nil, nil, err
	}
	all := r.models()
	i := slices.IndexFunc(all, func(m model) bool { return m.describe().name == name })
	fresh = &post{model: all[i], desc: old.desc, place: next, at: unknown, building: true}
	r.mu.Lock()
	r.posts = append(r.posts, fresh)
	r.mu.Unlock()
	return old, fresh, nil
}

// build runs until fresh has caught up, and makes it take over.
func (r *Runner) build(ctx context.Context, old, fresh *post, progress func(done, total int64)) error {
	for {
		more, err := r.pass(ctx, math.MaxInt64, func(p *post) bool { return p == fresh })
		if err != nil {
			return err
		}
		r.mu.Lock()
		at, head, failure, news := fresh.at, r.head, fresh.failure, r.news
		r.mu.Unlock()
		if progress != nil {
			progress(max(at, 0), head)
		}
		switch {
		case failure != nil:
			return failure
		case more:
			continue
		case at >= head:
			if done, err := r.takeOver(ctx, old, fresh); done || err != nil {
				return err
			}
		}
		// Another node has the turn, or the old build is a little ahead.
		pause := time.NewTimer(50 * time.Millisecond)
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-news:
		case <-pause.C:
		}
	}
}

// takeOver makes fresh the build that is read and written, if it is as far as
// the old one. Its tables go, once the views point elsewhere.
func (r *Runner) takeOver(ctx context.Context, old, fresh *post) (bool, error) {
	if err := r.take(ctx); err != nil {
		return false, err
	}
	defer r.give()
	if old.at > fresh.at && old.failure == nil {
		return false, nil
	}
	err := r.trail.Write(ctx, func(tx *sqlx.Tx) error {
		d := r.trail.Dialect()
		if _, err := tx.ExecContext(ctx, rebind(d, `DELETE FROM projection_checkpoints
			WHERE name = ? AND version = ? AND build < ?`), fresh.desc.name, fresh.place.version, fresh.place.build); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, rebind(d, `UPDATE projection_checkpoints SET ready = ?
			WHERE name = ? AND version = ? AND build = ?`), true, fresh.desc.name, fresh.place.version, fresh.place.build)
		return err
	})
	if err != nil {
		return false, err
	}
	r.mu.Lock()
	r.posts = slices.DeleteFunc(r.posts, func(p *post) bool { return p == fresh })
	old.model, old.place, old.at = fresh.model, fresh.place, fresh.at
	old.failure, old.failures, old.published = nil, 0, false
	r.tell()
	r.mu.Unlock()
	for {
		if _, err = publish(ctx, r.trail, old.desc, old.place); err == nil {
			break
		}
		r.opt.Logger.Warn("a view was not moved; trying again", "projection", old.desc.name, "err", err)
		select {
		case <-ctx.Done():
			return true, fmt.Errorf("the new tables are in use, but %w", err)
		case <-time.After(time.Second):
		}
	}
	r.mu.Lock()
	old.published = true
	r.mu.Unlock()
	return true, r.tidy(ctx, old.desc, old.place)
}

// abandon removes a build that did not make it.
func (r *Runner) abandon(ctx context.Context, fresh *post) {
	if err := r.take(ctx); err != nil {
		return
	}
	defer r.give()
	r.mu.Lock()
	r.posts = slices.DeleteFunc(r.posts, func(p *post) bool { return p == fresh })
	r.mu.Unlock()
	if fresh.place.build <= 1 {
		return
	}
	if err := drop(ctx, r.trail, fresh.desc, fresh.place); err != nil {
		r.opt.Logger.Warn("removing an unfinished rebuild", "projection", fresh.desc.name, "err", err)
	}
}
