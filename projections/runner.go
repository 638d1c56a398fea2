package projections

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/events/trail"
)

// A Runner keeps the projections of one trail. Its methods may be called from
// any number of goroutines, and any number of nodes may run one on the same
// database.
type Runner struct {
	trail  *trail.Trail
	opt    Options
	models func() []model

	turn chan struct{} // held by the one goroutine that posts
	wake chan struct{} // somebody knows of news

	// reading bounds the readers that hold a connection while they ask the
	// trail for more, so that some are always left to ask with.
	reading chan struct{}
	back    int64 // see register.stateAt

	// Only the holder of turn uses this.
	reader *reader

	mu     sync.Mutex
	posts  []*post       // changed only with turn and mu held
	news   chan struct{} // closed when something moved
	head   int64         // the last size of the trail that was seen
	broken error         // why the last round could not read or write at all

	redacted int64 // how many events were erased when this node last looked for rows that hold them
}

// A post is one projection of this node. Its model and place belong to the
// holder of Runner.turn; the rest is guarded by Runner.mu.
type post struct {
	model model
	desc  description
	place place

	at        int64
	redacted  int64 // how many events were erased when its rows were begun
	building  bool  // a rebuild, which nobody waits for
	published bool
	failure   error
	failures  int
	failedAt  time.Time
	retryAt   time.Time
	lost      int64 // times another runner was first
}

// Open prepares the projections of t: their tables, where missing. Nothing is
// posted before Run or CatchUp.
func Open(ctx context.Context, t *trail.Trail, o Options) (*Runner, error) {
	o = o.withDefaults()
	return open(ctx, t, o, func() []model { return models(o) })
}

func open(ctx context.Context, t *trail.Trail, o Options, models func() []model) (*Runner, error) {
	r := &Runner{
		trail: t, opt: o, models: models, reader: newReader(t),
		turn: make(chan struct{}, 1), wake: make(chan struct{}, 1), news: make(chan struct{}),
		reading: make(chan struct{}, 3), back: 20_000,
	}
	if _, err := events.NewUpcasts(); err != nil {
		return nil, err
	}
	if err := prepareBookkeeping(ctx, t); err != nil {
		return nil, fmt.Errorf("preparing the projections: %w", err)
	}
	for _, m := range models() {
		d := m.describe()
		r.posts = append(r.posts, &post{model: m, desc: d, place: place{d.version(), 1}, at: unknown})
	}
	known, err := checkpoints(ctx, t)
	if err != nil {
		return nil, err
	}
	for _, p := range r.posts {
		if !slices.ContainsFunc(known, func(c checkpoint) bool {
			return c.Name == p.desc.name && c.Version == p.place.version && c.Ready
		}) {
			if err := begin(ctx, t, p.desc, p.place, true, o.Clock()); err != nil {
				return nil, err
			}
		}
	}
	if err := r.prune(ctx, known); err != nil {
		// Old tables are untidy, not harmful.
		o.Logger.Warn("removing tables of old projections", "err", err)
	}
	if o.Registerer != nil {
		if err := o.Registerer.Register(collector{r}); err != nil {
			return nil, fmt.Errorf("registering the projections' metrics: %w", err)
		}
	}
	return r, nil
}

// Hint says that the trail has an event at position. It never blocks; hints
// that come while the runner works are one.
func (r *Runner) Hint(position int64) {
	r.mu.Lock()
	covered := !slices.ContainsFunc(r.posts, func(p *post) bool { return !p.building && p.at <= position })
	r.mu.Unlock()
	if covered {
		return
	}
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// Run posts events as they come until ctx is done. It returns nil then, and
// never for another reason: what fails is logged, stands in Status and is tried
// again.
func (r *Runner) Run(ctx context.Context) error {
	poll := time.NewTicker(r.opt.Poll)
	defer poll.Stop()
	gather := time.NewTimer(0)
	defer gather.Stop()
	for {
		news := r.trail.Committed()
		more, err := r.advance(ctx)
		pause := r.opt.Gather
		if err != nil && ctx.Err() == nil {
			r.opt.Logger.Error("the projections stand still", "err", err)
			pause = r.opt.RetryMin
		} else if more {
			continue
		}
		gather.Reset(pause)
		select {
		case <-ctx.Done():
			return nil
		case <-gather.C:
		}
		select {
		case <-ctx.Done():
			return nil
		case <-news:
		case <-r.wake:
		case <-poll.C:
		}
	}
}

// advance posts some of what there is, and says whether there is more.
func (r *Runner) advance(ctx context.Context) (more bool, err error) {
	more, err = r.pass(ctx, math.MaxInt64, func(p *post) bool { return !p.building })
	r.mu.Lock()
	r.broken = err
	r.mu.Unlock()
	return more && ctx.Err() == nil, err
}

// CatchUp returns when every projection, or every one named, stands for the
// first size events or more. If one is stopped, the error is a [StoppedError].
func (r *Runner) CatchUp(ctx context.Context, size int64, names ...string) error {
	for {
		stale, err := r.erasedSince(ctx)
		if err != nil {
			return err
		}
		if done, err := r.covers(size, names); !stale && done || err != nil {
			return err
		}
		r.mu.Lock()
		news := r.news
		r.mu.Unlock()
		more, err := r.pass(ctx, size, func(p *post) bool {
			return !p.building && (len(names) == 0 || slices.Contains(names, p.desc.name))
		})
		if err != nil {
			return err
		}
		if more {
			continue
		}
		if stale, err := r.erasedSince(ctx); err != nil {
			return err
		} else if done, err := r.covers(size, names); !stale && done || err != nil {
			return err
		}
		// Another node is at it, or the trail is not that long yet.
		pause := time.NewTimer(50 * time.Millisecond)
		select {
		case <-ctx.Done():
			pause.Stop()
			return fmt.Errorf("waiting for the projections to cover the first %d events: %w", size, context.Cause(ctx))
		case <-news:
		case <-pause.C:
		}
		pause.Stop()
	}
}

func (r *Runner) covers(size int64, names []string) (bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	covered := true
	for _, p := range r.posts {
		switch {
		case p.building || p.at >= size:
		case len(names) > 0 && !slices.Contains(names, p.desc.name):
		case p.failure != nil:
			return false, p.stopped()
		default:
			covered = false
		}
	}
	return covered, nil
}

// A StoppedError names a projection that cannot go on by itself.
type StoppedError struct {
	Projection string
	Position   int64 // it stands for the events below
	Err        error
}

func (e *StoppedError) Error() string {
	return fmt.Sprintf("projection %s is stopped at event %d: %v; `daybook projections list` shows it, `daybook projections rebuild %s` builds it again",
		e.Projection, e.Position, e.Err, e.Projection)
}

func (e *StoppedError) Unwrap() error { return e.Err }

func (p *post) stopped() *StoppedError {
	return &StoppedError{Projection: p.desc.name, Position: p.at, Err: p.failure}
}

// take waits for the turn to post.
func (r *Runner) take(ctx context.Context) error {
	select {
	case r.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (r *Runner) give() { <-r.turn }

// passBatches is how many batches one pass posts at most before others get the
// turn: enough to read the next while one is posted.
const passBatches = 16

// pass posts a part of what is missing below size to the projections in scope,
// unless another node posts now, and says whether there is more to do.
func (r *Runner) pass(ctx context.Context, size int64, scope func(*post) bool) (more bool, err error) {
	if err := r.take(ctx); err != nil {
		return false, err
	}
	defer r.give()
	h, err := r.trail.Head(ctx)
	if err != nil {
		return false, err
	}
	size = min(size, h.Size)
	r.mu.Lock()
	r.head = h.Size
	r.mu.Unlock()
	mine, release, err := r.alone(ctx)
	if err != nil {
		return false, err
	}
	defer release()
	if mine {
		if err := r.wipeStale(ctx); err != nil {
			return false, err
		}
	}
	if err := r.look(ctx); err != nil || !mine {
		return false, err
	}
	groups := r.behind(size, scope)
	for _, g := range groups {
		limit := min(size, g[0].at+int64(r.opt.Batch)*passBatches)
		if len(groups) > 1 {
			// One batch each: one that is far behind must not hold up the rest.
			limit = min(size, g[0].at+int64(r.opt.Batch))
		}
		switch err := r.run(ctx, g, limit); {
		case errors.Is(err, errLost):
			return false, nil // another runner is at it
		case err != nil:
			return false, err
		}
	}
	if more = len(r.behind(size, scope)) > 0; more {
		return true, nil
	}
	return false, r.publish(ctx, size)
}

// look reads where every projection stands, since another node may have moved
// it or replaced its build.
func (r *Runner) look(ctx context.Context) error {
	known, err := checkpoints(ctx, r.trail)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, p := range r.posts {
		var found *checkpoint
		for i, c := range known {
			if c.Name == p.desc.name && c.Version == p.place.version && (c.Ready && !p.building || p.building && c.Build == p.place.build) {
				found = &known[i]
			}
		}
		if found == nil {
			p.failure = errors.New("its checkpoint is gone; start the server again to build it anew")
			continue
		}
		if p.at != found.Position || p.place != found.place() || p.redacted != found.Redacted {
			p.at, p.place, p.redacted = found.Position, found.place(), found.Redacted
			p.model.reset(p.at)
		}
	}
	return nil
}

// behind groups the projections that have something to do by where they stand,
// the most advanced first.
func (r *Runner) behind(size int64, scope func(*post) bool) [][]*post {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.opt.Clock()
	byAt := map[int64][]*post{}
	for _, p := range r.posts {
		if scope(p) && p.at != unknown && p.at < size && (p.failure == nil || !now.Before(p.retryAt)) {
			byAt[p.at] = append(byAt[p.at], p)
		}
	}
	var groups [][]*post
	for _, g := range byAt {
		groups = append(groups, g)
	}
	slices.SortFunc(groups, func(a, b []*post) int { return int(b[0].at - a[0].at) })
	return groups
}

// publish points views at what has caught up.
func (r *Runner) publish(ctx context.Context, size int64) error {
	r.mu.Lock()
	var due []*post
	for _, p := range r.posts {
		if !p.published && !p.building && p.failure == nil && p.at >= size {
			due = append(due, p)
		}
	}
	r.mu.Unlock()
	for _, p := range due {
		if _, err := publish(ctx, r.trail, p.desc, p.place); err != nil {
			if ctx.Err() != nil {
				return err
			}
			// Somebody holds the view; the next round tries again.
			r.opt.Logger.Warn("a view was not moved", "projection", p.desc.name, "err", err)
			continue
		}
		r.mu.Lock()
		p.published = true
		r.mu.Unlock()
		if err := r.tidy(ctx, p.desc, p.place); err != nil {
			r.opt.Logger.Warn("removing tables that a rebuild replaced", "projection", p.desc.name, "err", err)
		}
	}
	return nil
}

// tidy drops what earlier builds of the same version left, once the views
// point past them.
func (r *Runner) tidy(ctx context.Context, d description, now place) error {
	for b := max(1, now.build-3); b < now.build; b++ {
		if err := drop(ctx, r.trail, d, place{now.version, b}); err != nil {
			return err
		}
	}
	return nil
}
