package witness

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/mod/sumdb/note"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/events/seal"
	"github.com/daybookhq/daybook/events/trail"
)

// RoundsOptions say whose checkpoints are co-signed, and by whom. Trail is
// required.
type RoundsOptions struct {
	Trail  *trail.Trail
	Policy *Policy // nil: nobody is asked

	// Lease lets one server of a trail at a time ask. Default: there is one.
	Lease Lease

	// Every is the least time between two rounds. A witness that fails is left
	// out of rounds for as long, doubled with each failure, up to five minutes.
	// Default: 10 s.
	Every time.Duration

	Transport  http.RoundTripper     // default: http.DefaultTransport
	Clock      func() time.Time      // default: time.Now
	Logger     *slog.Logger          // default: none
	Registerer prometheus.Registerer // default: nobody
}

// A Lease lets one process at a time do something.
type Lease interface {
	// Acquire waits for the lease of that name. It is held until release is
	// called or held ends, which it does when the lease is lost.
	Acquire(ctx context.Context, name string) (held context.Context, release func(), err error)
}

// DefaultEvery is how often witnesses are asked, at most.
const DefaultEvery = 10 * time.Second

const (
	longestPause = 5 * time.Minute
	mostTries    = 3 // of one witness in one round, each with the size that it named
)

// Rounds ask the witnesses of a policy to co-sign a trail's checkpoints.
type Rounds struct {
	o      RoundsOptions
	client *http.Client
	m      *metrics
	known  map[string]note.Verifier // by witness id
	asked  []*asked

	mu   sync.Mutex // guards last
	last published
}

// asked is a witness and how it stands with it. All but what mu guards belongs
// to the round that is under way.
type asked struct {
	*Witness
	held     int64     // size of what it co-signed last, as far as is known
	learnt   bool      // held was looked up
	next     time.Time // when it may be asked again after a failure
	recorded string    // the kind of its refusal that is in the trail

	mu       sync.Mutex // guards what follows
	failure  error
	failures int // in a row
}

// NewRounds registers the metrics; [Rounds.Run] does the work.
func NewRounds(o RoundsOptions) (*Rounds, error) {
	o.Every = cmp.Or(o.Every, DefaultEvery)
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	r := &Rounds{o: o, client: newHTTPClient(askPatience, o.Transport), known: map[string]note.Verifier{}}
	if o.Policy != nil {
		for i := range o.Policy.Witnesses {
			w := &o.Policy.Witnesses[i]
			r.known[w.id()] = w.verifier
			if w.URL != nil {
				r.asked = append(r.asked, &asked{Witness: w})
			}
		}
	}
	var err error
	r.m, err = newMetrics(o.Registerer, r)
	return r, err
}

// Run asks until ctx ends.
func (r *Rounds) Run(ctx context.Context) {
	if len(r.asked) == 0 {
		return
	}
	for ctx.Err() == nil {
		held, release, err := ctx, func() {}, error(nil)
		if r.o.Lease != nil {
			held, release, err = r.o.Lease.Acquire(ctx, "witness rounds")
		}
		if err != nil {
			if ctx.Err() == nil {
				r.o.Logger.Debug("witnesses are not asked while the database is away", "error", err)
			}
			pause(ctx, r.o.Every)
			continue
		}
		r.ask(held)
		release()
	}
}

// ask does rounds while there is something to ask for.
func (r *Rounds) ask(ctx context.Context) {
	for ctx.Err() == nil {
		size, again, err := r.round(ctx)
		if err != nil && ctx.Err() == nil {
			r.o.Logger.Warn("witnesses could not be asked", "error", err)
		}
		pause(ctx, r.o.Every)
		if err != nil {
			continue
		}
		// Then for news, or for the time to ask somebody again.
		wait, cancel := ctx, context.CancelFunc(func() {})
		if !again.IsZero() {
			wait, cancel = context.WithTimeout(ctx, max(again.Sub(r.o.Clock()), 0))
		}
		_ = r.o.Trail.Wait(wait, size+1) // whyever it returns, the next round finds out
		cancel()
	}
}

// round asks every witness that has not co-signed the newest checkpoint and may
// be asked. It returns the size of that checkpoint and when the first of those
// who failed may be asked again, zero if none did. While the trail is behind it
// asks nobody, and the size is 0.
func (r *Rounds) round(ctx context.Context) (size int64, again time.Time, err error) {
	now := r.o.Clock()
	if r.o.Trail.Behind() != nil {
		return 0, again, nil // a witness that signed this could never sign what was lost
	}
	head, err := r.o.Trail.Head(ctx)
	if err != nil {
		return 0, again, err
	}
	if head.Checkpoint == nil {
		return 0, again, errors.New("the trail has no signed checkpoint")
	}
	rows, err := kept(ctx, r.o.Trail, head.Size, head.Size)
	if err != nil {
		return 0, again, err
	}
	have := map[string]bool{}
	for _, c := range rows {
		have[c.Witness] = true
	}
	var work sync.WaitGroup
	given := make([]*Cosignature, len(r.asked))
	for i, w := range r.asked {
		if have[w.id()] || now.Before(w.next) {
			continue
		}
		work.Go(func() { given[i] = r.update(ctx, w, head) })
	}
	work.Wait()
	if ctx.Err() != nil {
		return 0, again, ctx.Err()
	}
	var all []Cosignature
	for _, c := range given {
		if c != nil {
			all = append(all, *c)
		}
	}
	if len(all) > 0 {
		if err := keep(ctx, r.o.Trail, all); err != nil {
			return 0, again, err
		}
	}
	for _, w := range r.asked {
		if w.next.After(now) && (again.IsZero() || w.next.Before(again)) {
			again = w.next
		}
	}
	return head.Size, again, nil
}

// update brings one witness to the head, and notes how that went.
func (r *Rounds) update(ctx context.Context, w *asked, head trail.Head) *Cosignature {
	sig, err := r.cosign(ctx, w, head)
	if err != nil && ctx.Err() != nil {
		return nil // asked to stop
	}
	if err == nil {
		r.settle(w, head.Size)
		return &Cosignature{Size: head.Size, Witness: w.id(), Line: lineOf(sig), Signed: cosignedAt(sig).Unix()}
	}
	if held, ok := errors.AsType[*heldError](err); ok {
		if now, herr := r.o.Trail.Head(ctx); herr == nil && now.Size >= held.size {
			return nil // another server asked it for a newer one meanwhile
		}
		err = fmt.Errorf("it holds a checkpoint of %d events and the trail has %d: the database lost its tail or was restored from an older copy", held.size, head.Size)
		r.contradicted(ctx, w, head)
	}
	if refused, ok := errors.AsType[*RefusedError](err); ok {
		r.refused(ctx, w, head, refused)
	}
	r.fail(w, err)
	return nil
}

// cosign asks a witness, beginning with the size that it is thought to hold.
func (r *Rounds) cosign(ctx context.Context, w *asked, head trail.Head) (sig note.Signature, err error) {
	if !w.learnt {
		if w.held, err = lastOf(ctx, r.o.Trail, w.id()); err != nil {
			return sig, err
		}
		w.learnt = true
	}
	w.held = min(w.held, head.Size)
	text, _, _ := bytes.Cut(head.Checkpoint, []byte("\n\n"))
	for range mostTries {
		req := &Request{Old: w.held, Checkpoint: head.Checkpoint}
		if w.held > 0 {
			if req.Proof, err = seal.ProveConsistency(w.held, head.Size, r.o.Trail.Tiles(ctx)); err != nil {
				return sig, fmt.Errorf("prove that the tree of %d continues that of %d: %w", head.Size, w.held, err)
			}
		}
		sig, err = w.ask(ctx, r.client, req, string(text)+"\n", r.o.Clock())
		held, ok := errors.AsType[*heldError](err)
		if !ok || held.size > head.Size {
			return sig, err
		}
		if held.size == w.held {
			return sig, fmt.Errorf("it answers that it holds %d events, which is what it was asked to go on from", held.size)
		}
		w.held = held.size
	}
	return sig, fmt.Errorf("it named another size each time, %d at last", w.held)
}

// settle notes that a witness co-signed.
func (r *Rounds) settle(w *asked, size int64) {
	w.held, w.next, w.recorded = size, time.Time{}, ""
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.failure != nil {
		r.o.Logger.Info("a witness co-signs again", "witness", w.Name, "size", size)
	}
	w.failure, w.failures = nil, 0
	r.m.answered(w.Name, true)
}

// fail notes that a witness did not co-sign.
func (r *Rounds) fail(w *asked, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.failure == nil || w.failure.Error() != err.Error() {
		level := slog.LevelWarn
		if _, refused := errors.AsType[*RefusedError](err); refused {
			level = slog.LevelError
		}
		r.o.Logger.Log(context.Background(), level, "a witness did not co-sign", "witness", w.Name, "error", err)
	}
	w.failure = err
	w.next = r.o.Clock().Add(min(r.o.Every<<min(w.failures, 16), longestPause))
	w.failures++
	r.m.answered(w.Name, false)
}

// contradicted looks at what a witness shows that says the trail does not
// continue what it holds. Where it shows a checkpoint that this log signed, the
// trail itself sees whether that is so, and takes no more events if it is. The
// word of a witness alone does not do that.
func (r *Rounds) contradicted(ctx context.Context, w *asked, head trail.Head) {
	b, err := w.latest(ctx, r.client, head.Origin)
	if err != nil || b == nil {
		return
	}
	if err := r.o.Trail.Compare(ctx, "the witness "+w.Name, b, 0); err != nil {
		r.o.Logger.Error("a witness holds what the trail does not continue", "witness", w.Name, "error", err)
	}
}

// refused writes a refusal into the trail, once: not again at each size, since
// writing makes a new size, until the witness has co-signed in between or
// refuses in another way.
func (r *Rounds) refused(ctx context.Context, w *asked, head trail.Head, refused *RefusedError) {
	if refused.contradicts() {
		r.contradicted(ctx, w, head)
	}
	kind := fmt.Sprint(refused.Status)
	if w.recorded == kind {
		return
	}
	if err := r.record(ctx, w, head.Size, kind, refused); err != nil {
		if !errors.Is(err, trail.ErrReadOnly) { // which is reported where it comes from
			r.o.Logger.Error("a witness's refusal could not be recorded", "witness", w.Name, "error", err)
		}
		return
	}
	w.recorded = kind
}

// record writes down that a witness refused. Doing it again is harmless.
func (r *Rounds) record(ctx context.Context, w *asked, size int64, kind string, refused *RefusedError) error {
	count := events.Count(size)
	e, err := events.Of(events.WitnessRefused{Witness: w.verifier.Name(), Size: &count, Reason: refused.Error()})
	if err != nil {
		return err
	}
	e.ID = fmt.Sprintf("witness-%08x-refused-%d-%s", w.verifier.KeyHash(), size, kind)
	e.Source, e.Time = trail.LedgerSource, r.o.Clock().UTC().Truncate(time.Microsecond)
	if e, err = e.Checked(); err != nil {
		return err
	}
	_, err = r.o.Trail.Append(ctx, trail.LedgerWriter, e)
	return err
}

// late is how long events may stand in the trail without a checkpoint over them
// that satisfies the policy, before it is said.
const late = 2 * time.Minute

// Degraded says what of the witnesses does not work.
func (r *Rounds) Degraded(ctx context.Context) map[string]string {
	notes := map[string]string{}
	for _, w := range r.asked {
		w.mu.Lock()
		if w.failure != nil {
			notes["witness "+w.Name] = w.failure.Error()
		}
		w.mu.Unlock()
	}
	if r.o.Policy == nil {
		return notes
	}
	p, err := r.published(ctx)
	if err != nil && !errors.Is(err, ErrNotYet) {
		return notes // the database is away, which is said elsewhere
	}
	head, err := r.o.Trail.Head(ctx)
	if err != nil || head.Size <= p.size {
		return notes
	}
	first, err := r.o.Trail.HeadAt(ctx, p.size+1)
	if err == nil && r.o.Clock().Sub(first.LedgerTime) > late {
		notes["witness policy"] = fmt.Sprintf("the %d newest events have no checkpoint over them that satisfies it", head.Size-p.size)
	}
	return notes
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
