package projections

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jmoiron/sqlx"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/events/trail"
	"github.com/daybookhq/daybook/projections/fold"
	"github.com/daybookhq/daybook/projections/story"
)

// A Reader answers questions about one prefix of the trail. Each method takes
// the prefix as a number of events; 0 means all there are. It reads rows where
// they stand for that prefix, and otherwise folds what differs, or all of it,
// from the trail: the answer is the same.
type Reader struct{ r *Runner }

// Reader returns a reader of what the runner posts. It works whether or not the
// runner runs.
func (r *Runner) Reader() *Reader { return &Reader{r} }

// Prefix resolves a size: 0 becomes the size of the trail now, a size beyond it
// an error. Several questions about one prefix should resolve it once.
func (rd *Reader) Prefix(ctx context.Context, size int64) (int64, error) {
	h, err := rd.r.trail.Head(ctx)
	switch {
	case err != nil:
		return 0, err
	case size == 0:
		return h.Size, nil
	case size < 0 || size > h.Size:
		return 0, fmt.Errorf("%w: a prefix of %d events was asked for, the trail holds %d", trail.ErrNotFound, size, h.Size)
	}
	return size, nil
}

// Story returns the events of a key, with what is linked to them.
func (rd *Reader) Story(ctx context.Context, root events.Key, size int64) (fold.Story, error) {
	size, err := rd.Prefix(ctx, size)
	if err != nil {
		return fold.Story{}, err
	}
	return story.Load(ctx, rd.r.trail, root, size)
}

// Policies returns the policies.
func (rd *Reader) Policies(ctx context.Context, size int64) (*fold.Policies, error) {
	size, err := rd.Prefix(ctx, size)
	if err != nil {
		return nil, err
	}
	return story.Policies(ctx, rd.r.trail, size)
}

// Emergencies returns the emergency register by time of declaration; entries
// that nobody declared come last.
func (rd *Reader) Emergencies(ctx context.Context, size int64) ([]fold.Emergency, error) {
	list, err := registerOf[*fold.Emergency](ctx, rd, "emergencies", size)
	if err != nil {
		return nil, err
	}
	out := make([]fold.Emergency, len(list))
	for i, e := range list {
		out[i] = *e
	}
	slices.SortStableFunc(out, func(a, b fold.Emergency) int {
		if a.Declared == nil || b.Declared == nil {
			return cmp.Compare(b2i(a.Declared == nil), b2i(b.Declared == nil))
		}
		return a.Declared.At.Compare(b.Declared.At)
	})
	return out, nil
}

// Incidents returns all incidents by key.
func (rd *Reader) Incidents(ctx context.Context, size int64) ([]fold.Incident, error) {
	list, err := registerOf[*incidentStory](ctx, rd, "incidents", size)
	if err != nil {
		return nil, err
	}
	out := make([]fold.Incident, len(list))
	for i, e := range list {
		out[i] = e.Incident
	}
	return out, nil
}

// Latencies returns how fast bad effects were answered, by rollout, by incident,
// and by change for what belongs to neither. One signal may be in several;
// [fold.SummariseLatency] counts it once.
func (rd *Reader) Latencies(ctx context.Context, size int64) ([]fold.Latency, error) {
	size, err := rd.Prefix(ctx, size)
	if err != nil {
		return nil, err
	}
	rollouts, err := registerOf[*fold.Latency](ctx, rd, "stages", size)
	if err != nil {
		return nil, err
	}
	incidents, err := registerOf[*incidentStory](ctx, rd, "incidents", size)
	if err != nil {
		return nil, err
	}
	changes, err := rd.looseChanges(ctx, size)
	if err != nil {
		return nil, err
	}
	var out []fold.Latency
	for _, l := range rollouts {
		out = append(out, *l)
	}
	for _, n := range incidents {
		out = append(out, n.Latency)
	}
	for _, id := range changes {
		root := events.Key{Kind: events.KindChange, Value: id}
		j, err := story.Join(ctx, rd.r.trail, root, size)
		if err != nil {
			return nil, err
		}
		out = append(out, *fold.All(fold.NewLatency(root), j.Views))
	}
	return out, nil
}

// registerOf reads a register as of a prefix, by id.
func registerOf[F fold.Fold](ctx context.Context, rd *Reader, name string, size int64) ([]F, error) {
	var out []F
	err := rd.at(ctx, name, size, func(m model, q queryer, at, size int64) error {
		folds, err := m.(*register).stateAt(ctx, q, at, size, rd.r.back)
		if err != nil {
			return err
		}
		ids := make([]string, 0, len(folds))
		for id := range folds {
			ids = append(ids, id)
		}
		slices.Sort(ids)
		out = make([]F, len(ids))
		for i, id := range ids {
			out[i] = folds[id].(F)
		}
		return nil
	})
	return out, err
}

// at runs f on a projection's tables as of one moment, after they have caught
// up with the prefix. at is the prefix that they stand for, or unknown when the
// projection is stopped short of it.
func (rd *Reader) at(ctx context.Context, name string, size int64, f func(m model, q queryer, at, size int64) error) (err error) {
	defer func() { err = rd.r.trail.Classify(err) }() // the rows are in its database
	size, err = rd.Prefix(ctx, size)
	if err != nil {
		return err
	}
	err = rd.r.CatchUp(ctx, size, name)
	stopped := (*StoppedError)(nil)
	if err != nil && !errors.As(err, &stopped) {
		return err
	}
	m, d := rd.r.modelNamed(name)
	if m == nil {
		return fmt.Errorf("there is no projection %s", name)
	}
	select {
	case rd.r.reading <- struct{}{}:
		defer func() { <-rd.r.reading }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	// One moment for all tables, so that a batch in between does not show.
	level := sql.LevelRepeatableRead
	if rd.r.trail.Dialect() == trail.SQLite {
		level = sql.LevelDefault
	}
	tx, err := rd.r.trail.DB().BeginTxx(ctx, &sql.TxOptions{Isolation: level, ReadOnly: true})
	if err != nil {
		return fmt.Errorf("reading %s: %w", name, err)
	}
	defer tx.Rollback()
	q := queryer{tx, rd.r.trail.Dialect(), place{}, rd.r.trail}
	at := int64(unknown)
	if stopped == nil {
		var c checkpoint
		err := sqlx.GetContext(ctx, q, &c, rebind(q.dialect,
			`SELECT name, version, build, position, ready, updated_us FROM projection_checkpoints
			 WHERE name = ? AND version = ? AND ready ORDER BY build DESC LIMIT 1`), name, d.version())
		if err != nil {
			return fmt.Errorf("reading where %s stands: %w", name, err)
		}
		q.place, at = c.place(), c.Position
	}
	return f(m, q, at, size)
}

// modelNamed makes a model of its own for reading: the runner's belongs to the
// runner.
func (r *Runner) modelNamed(name string) (model, description) {
	for _, m := range r.models() {
		if d := m.describe(); d.name == name {
			return m, d
		}
	}
	return nil, description{}
}

// scan calls each with the events of some types as they stand in a prefix, in
// no particular order. Retracted ones are left out.
func (rd *Reader) scan(ctx context.Context, size int64, each func(*fold.View), short ...string) error {
	for _, s := range short {
		d, ok := events.Lookup(s)
		if !ok {
			return fmt.Errorf("%s is not a type of the catalogue", s)
		}
		// The index knows each version by itself.
		for v := 1; v <= d.Version; v++ {
			key := events.Key{Kind: events.KindType, Value: fmt.Sprintf("%s%s.v%d", events.Prefix, s, v)}
			if err := story.Scan(ctx, rd.r.trail, key, size, each); err != nil {
				return fmt.Errorf("reading the events of type %s: %w", s, err)
			}
		}
	}
	return nil
}

// within is a range of times; a zero end does not limit.
func within(t, from, to time.Time) bool {
	return (from.IsZero() || !t.Before(from)) && (to.IsZero() || t.Before(to))
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}
