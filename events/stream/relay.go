package stream

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/daybookhq/daybook/events/trail"
	"github.com/nats-io/nats.go/jetstream"
)

// RelayOptions say what is told to whom.
type RelayOptions struct {
	Source    Source
	JetStream jetstream.JetStream // the relay's own connection; it is not closed
	// Ensure makes the streams that are missing and names DAYBOOK_EVENTS.
	Ensure    func(context.Context) (streamID string, err error)
	Lease     Lease
	Positions *Positions
	// InCatalogue tells the types that have a subject of their own.
	InCatalogue func(typ string) bool
	// Trail, where given, is what Source reads. It is compared with what the
	// stream was told before, and while it is read-only nothing is told.
	Trail *trail.Trail

	Poll    time.Duration // between looks for other servers' commits; default 500 ms
	Check   time.Duration // between looks whether an idle stream is still whole; default 3 s
	History int64         // how many of the newest events a stream that is new to the trail is told; default 100,000

	Logger  *slog.Logger // default slog.Default()
	metrics *metrics
}

// A Relay tells the stream what the trail has committed, in order.
type Relay struct {
	o       RelayOptions
	log     *slog.Logger
	m       *metrics
	told    atomic.Int64 // first position not told
	leading atomic.Bool

	// Owned by Run.
	streamID  string
	next      int64  // first position not acknowledged by the stream
	last      uint64 // sequence of the stream's last message
	saved     int64  // what SQL knows of next
	savedAt   time.Time
	batch     int // how many to publish at once
	recovered bool
}

// NewRelay returns a relay that does not run yet.
func NewRelay(o RelayOptions) *Relay {
	o.Poll = cmp.Or(o.Poll, 500*time.Millisecond)
	o.Check = cmp.Or(o.Check, 3*time.Second)
	o.History = cmp.Or(o.History, 100_000)
	if o.metrics == nil {
		o.metrics, _ = newMetrics(nil)
	}
	return &Relay{o: o, log: cmp.Or(o.Logger, slog.Default()), m: o.metrics, batch: maxBatch}
}

// Leading reports whether this process is the one that tells the stream.
func (r *Relay) Leading() bool { return r.leading.Load() }

// Told is the first position that this process has not told the stream; it
// means something only while Leading.
func (r *Relay) Told() int64 { return r.told.Load() }

// Run tells until ctx ends. Nothing that fails ends it.
func (r *Relay) Run(ctx context.Context) {
	const first, most = 20 * time.Millisecond, 5 * time.Second
	wait := first
	for ctx.Err() == nil {
		r.recovered = false
		err := r.lead(ctx)
		if ctx.Err() != nil {
			return
		}
		if r.recovered {
			wait = first
		}
		r.m.interrupts.WithLabelValues(cause(err)).Inc()
		r.batch = max(1, r.batch/8)
		level := slog.LevelWarn
		if wait < time.Second {
			level = slog.LevelDebug // a reconnection or a handover; it passes
		}
		r.log.Log(ctx, level, "the relay starts over", "error", err, "retry_in", wait)
		sleep(ctx, wait)
		wait = min(2*wait, most)
	}
}

// Why the relay started over.
var (
	errLeaseLost = errors.New("another server may be telling the stream now")
	errReplaced  = errors.New("the stream was purged or replaced")
	errHeld      = errors.New("the trail is read-only")
)

func cause(err error) string {
	var trail *trailError
	switch {
	case errors.Is(err, errFenced):
		return "fenced"
	case errors.Is(err, errRemembered):
		return "remembered"
	case errors.Is(err, errLeaseLost):
		return "lease"
	case errors.As(err, &trail):
		return "trail"
	}
	return "stream"
}

// A trailError came from the database and not from the stream.
type trailError struct{ err error }

func (e *trailError) Error() string { return e.err.Error() }
func (e *trailError) Unwrap() error { return e.err }

func fromTrail(err error) error {
	if err == nil {
		return nil
	}
	return &trailError{err}
}

// lead waits for its turn and tells until something fails.
func (r *Relay) lead(ctx context.Context) error {
	id, err := r.o.Ensure(ctx)
	if err != nil {
		return err
	}
	r.streamID = id
	held, release, err := r.o.Lease.Acquire(ctx, "relay "+id)
	if err != nil {
		return fromTrail(err)
	}
	defer release()
	r.leading.Store(true)
	r.m.leading.Set(1)
	defer r.leading.Store(false)
	defer r.m.leading.Set(0)
	err = r.compare(held)
	if err == nil {
		err = r.resume(held)
	}
	for err == nil {
		err = r.step(held)
	}
	if held.Err() == nil || ctx.Err() != nil {
		// Still in charge, so nobody else can save it.
		r.save(context.WithoutCancel(ctx), 0)
		return err
	}
	return errors.Join(errLeaseLost, err)
}

// step tells one batch, or waits until there may be something to tell.
func (r *Relay) step(ctx context.Context) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if r.o.Trail != nil && r.o.Trail.Behind() != nil {
		return errHeld
	}
	committed := r.o.Source.Committed()
	head, err := r.head(ctx)
	if err != nil {
		return fromTrail(err)
	}
	size := head.Size
	if r.next >= size {
		r.save(ctx, time.Second)
		return r.idle(ctx, committed)
	}
	batch, err := r.o.Source.Read(ctx, r.next, size, r.batch)
	if err != nil {
		return fromTrail(err)
	}
	if len(batch) == 0 || batch[0].Position != r.next {
		return fromTrail(fmt.Errorf("the trail has %d events and none at position %d", size, r.next))
	}
	if err := r.forget(ctx, batch); err != nil {
		return err
	}
	last, n, err := r.publish(ctx, batch, head)
	if err != nil {
		return err
	}
	r.last = last
	r.advance(r.next + int64(n))
	r.m.published.Add(float64(n))
	r.recovered = true
	r.batch = min(2*r.batch, maxBatch)
	r.save(ctx, time.Second)
	return nil
}

// head is the trail's; of a Source without a trail just the size.
func (r *Relay) head(ctx context.Context) (trail.Head, error) {
	if r.o.Trail != nil {
		return r.o.Trail.Head(ctx)
	}
	size, err := r.o.Source.Size(ctx)
	return trail.Head{Size: size}, err
}

// compare holds the trail against what the stream was told before, and returns
// when the trail extends that. Until then something else would be told.
func (r *Relay) compare(ctx context.Context) error {
	for r.o.Trail != nil {
		err := compare(ctx, r.o.JetStream, r.o.Trail)
		if err != nil && !errors.Is(err, trail.ErrReadOnly) {
			return err
		}
		if err == nil && r.o.Trail.Behind() == nil {
			return nil
		}
		if sleep(ctx, r.o.Check); ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return nil
}

func (r *Relay) advance(next int64) {
	r.next = next
	r.told.Store(next)
	r.m.position.Set(float64(next))
}

// idle waits for a commit. Every so often it looks whether the stream is still
// the one it was.
func (r *Relay) idle(ctx context.Context, committed <-chan struct{}) error {
	check := time.NewTimer(r.o.Check)
	defer check.Stop()
	poll := time.NewTicker(r.o.Poll)
	defer poll.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-committed:
			return nil
		case <-check.C:
			return r.check(ctx)
		case <-poll.C:
			size, err := r.o.Source.Size(ctx)
			if err != nil {
				return fromTrail(err)
			}
			if size > r.next {
				return nil
			}
		}
	}
}

func (r *Relay) check(ctx context.Context) error {
	s, err := r.o.JetStream.Stream(ctx, EventsStream)
	if err != nil {
		return err
	}
	i := s.CachedInfo()
	if i.State.LastSeq != r.last || i.State.Msgs == 0 && r.next > 0 || streamID(i) != r.streamID {
		return errReplaced
	}
	return nil
}

// save writes down how far the relay is, unless that happened within the last
// interval. A failure is no reason to stop telling: the stream's own last
// message says the same, and SQL is for when that is gone.
func (r *Relay) save(ctx context.Context, interval time.Duration) {
	if r.next == r.saved || time.Since(r.savedAt) < interval {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if err := r.o.Positions.Advance(ctx, relayName(r.streamID), r.next); err != nil {
		r.log.Debug("could not save the relay's position", "error", err)
	} else {
		r.saved = r.next
	}
	r.savedAt = time.Now()
}

func relayName(streamID string) string { return "relay/" + streamID }
