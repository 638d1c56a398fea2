package witness

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/daybookhq/daybook/events/trail"
)

// ErrNotYet: no checkpoint has the co-signatures that the policy asks for yet.
var ErrNotYet = errors.New("no checkpoint has the co-signatures that the witness policy asks for yet; try again in a while")

// published is what was worked out from some co-signatures.
type published struct {
	rows []Cosignature // of sizes from size on, as they were then
	note []byte        // nil: none satisfies the policy
	size int64
	at   time.Time // of its newest co-signature; zero if there is none
}

// Newest returns the newest signed checkpoint of the trail and its size, with
// what co-signatures there are.
func (r *Rounds) Newest(ctx context.Context) ([]byte, int64, error) {
	head, err := r.o.Trail.Head(ctx)
	if err != nil {
		return nil, 0, err
	}
	p, err := r.signed(ctx, head)
	return p.note, p.size, err
}

// signed is a head's checkpoint with the co-signatures that are kept of it.
func (r *Rounds) signed(ctx context.Context, head trail.Head) (published, error) {
	if head.Checkpoint == nil {
		return published{}, errors.New("the trail has no signed checkpoint")
	}
	rows, err := kept(ctx, r.o.Trail, head.Size, head.Size)
	if err != nil {
		return published{}, err
	}
	return r.join(head, rows), nil
}

func (r *Rounds) join(head trail.Head, rows []Cosignature) published {
	p := published{rows: rows, note: with(head.Checkpoint, rows, r.known), size: head.Size}
	for _, c := range rows {
		if c.Time().After(p.at) {
			p.at = c.Time()
		}
	}
	return p
}

// Published returns the newest checkpoint that satisfies the policy, with its
// co-signatures; without a policy, the newest with those that there are. The
// error is ErrNotYet while none satisfies it.
func (r *Rounds) Published(ctx context.Context) ([]byte, error) {
	p, err := r.published(ctx)
	return p.note, err
}

func (r *Rounds) published(ctx context.Context) (published, error) {
	head, err := r.o.Trail.Head(ctx)
	if err != nil {
		return published{}, err
	}
	if r.o.Policy == nil || r.o.Policy.Satisfied(head.Checkpoint) { // by a quorum of none
		return r.signed(ctx, head)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	last := r.last
	if last.size > head.Size {
		last = published{} // the trail has been replaced by an older copy
	}
	rows, err := kept(ctx, r.o.Trail, last.size, head.Size)
	if err != nil {
		return published{}, err
	}
	if !slices.Equal(rows, last.rows) {
		if last, err = r.choose(ctx, rows, last); err != nil {
			return published{}, err
		}
		r.last = last
	}
	if last.note == nil {
		return last, ErrNotYet
	}
	return last, nil
}

// choose finds the newest checkpoint among those with co-signatures that
// satisfies the policy. Where none has been found before, it looks further
// back, but not for ever.
func (r *Rounds) choose(ctx context.Context, rows []Cosignature, last published) (published, error) {
	looked := rows
	for range 8 {
		p, err := r.newestOf(ctx, looked)
		if err != nil || p.note != nil {
			return p, err
		}
		if last.note != nil || len(looked) < mostRows {
			break
		}
		if looked, err = kept(ctx, r.o.Trail, 0, looked[len(looked)-1].Size-1); err != nil {
			return p, err
		}
	}
	last.rows = rows
	return last, nil
}

// newestOf is the first of the checkpoints that satisfies the policy. The rows
// are ordered by size, largest first.
func (r *Rounds) newestOf(ctx context.Context, rows []Cosignature) (published, error) {
	for rest := rows; len(rest) > 0; {
		n := 1
		for n < len(rest) && rest[n].Size == rest[0].Size {
			n++
		}
		of := rest[:n]
		rest = rest[n:]
		head, err := r.o.Trail.HeadAt(ctx, of[0].Size)
		if err != nil {
			return published{}, err
		}
		if p := r.join(head, of); r.o.Policy.Satisfied(p.note) {
			p.rows = rows[:len(rows)-len(rest)]
			return p, nil
		}
	}
	return published{}, nil
}
