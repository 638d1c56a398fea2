package trail

import (
	"context"

	"github.com/daybookhq/daybook/events/seal"
)

// A Plan says what a recovery can bring back.
type Plan struct {
	Origin string `json:"origin"`
	Size   int64  `json:"size"` // events in the database

	Held   int64  `json:"held,omitempty"`    // size of the largest checkpoint that is held elsewhere; 0 if none is larger than the database
	HeldBy string `json:"held_by,omitempty"` // who holds it
	Note   []byte `json:"-"`                 // the checkpoint itself

	// Reach is the size to which the gathered events lead, as a held checkpoint
	// proves: all there was if it is Held. It is Size if they lead nowhere.
	Reach int64 `json:"reach"`

	// Missing are positions below Held that nobody gave, the first few ranges.
	Missing []Range `json:"missing,omitempty"`
	Lacking int64   `json:"lacking,omitempty"` // how many positions are missing

	// Wrong is the size of the held checkpoint that the gathered events do not
	// lead to, though none is missing, or that a key signed which was not the
	// log's any more by those events; 0 if there is none.
	Wrong int64 `json:"wrong,omitempty"`

	// Forked is the size of a held checkpoint that the database itself does not
	// extend, or of which there are two, and Differs the first position where
	// the database was seen to hold another event than a tail does; 0 and -1 if
	// there is none. Then nothing can be brought back. Where the database leads
	// to a held checkpoint, it was the tail that differed.
	Forked   int64  `json:"forked,omitempty"`
	ForkedBy string `json:"forked_by,omitempty"`
	Differs  int64  `json:"differs"`

	// Unproved is the size to which the gathered events go on beyond Held,
	// without a gap and without a checkpoint that proves them; 0 if they do not.
	Unproved int64 `json:"unproved,omitempty"`
}

// A Range is the positions from First to Last, both included.
type Range struct {
	First int64 `json:"first"`
	Last  int64 `json:"last"`
}

// Whole reports whether everything that is known to have been there is there
// again once the plan is carried out.
func (p *Plan) Whole() bool { return p.Forked == 0 && p.Reach >= p.Held && p.Differs < 0 }

const maxMissing = 10

// Plan looks at what was gathered. It changes nothing. With unproved, what
// goes on beyond the largest held checkpoint is part of the plan.
func (r *Recovery) Plan(ctx context.Context, unproved bool) (Plan, error) {
	p := Plan{Origin: r.trail.Origin(), Size: r.head.Size, Reach: r.head.Size, Differs: r.differ}
	r.roots, r.chosen = nil, map[int64]seal.Hash{}
	sizes := r.sizes()
	if len(sizes) > 0 {
		largest := r.held[sizes[len(sizes)-1]]
		p.Held, p.HeldBy, p.Note = largest.Size, largest.from, largest.note
	}
	if r.forked != nil {
		p.Forked, p.ForkedBy = r.forked.Size, r.forked.from
		if p.Held == 0 {
			p.Held, p.HeldBy, p.Note = r.forked.Size, r.forked.from, r.forked.note
		}
	}
	if p.Forked > 0 {
		r.plan = &p
		return p, nil
	}
	end, err := r.gaps(ctx, &p)
	if err != nil {
		return p, err
	}
	changes, err := r.changes(ctx)
	if err != nil {
		return p, err
	}
	w := &extension{tree: r.seq.tree.Clone(), from: r.head.Size, stage: r.stage, chosen: r.chosen}
	for _, size := range sizes {
		if size > end {
			break
		}
		without := w.clone()
		found, err := w.reach(ctx, size, r.held[size].Root)
		if err != nil {
			return p, err
		}
		if !found {
			p.Wrong = size
			break
		}
		if !r.signed(r.held[size], before(changes, size, w.chosen)) {
			p.Wrong, w = size, without
			continue
		}
		p.Reach = size
	}
	if p.Reach > p.Size {
		p.Differs = -1 // what a tail shows instead is no event of this log
	} else if p.Differs >= 0 {
		p.Missing, p.Lacking, p.Wrong = nil, 0, 0
		r.plan = &p
		return p, nil
	}
	if p.Reach == max(p.Held, p.Size) && end > p.Reach {
		// Of two events for one position nothing says which was recorded.
		doubtful, err := r.stage.doubtful(ctx, p.Reach, end)
		if err != nil {
			return p, err
		}
		if len(doubtful) > 0 {
			end = doubtful[0].position
		}
		if end > p.Reach {
			p.Unproved = end
		}
		if unproved && end > p.Reach {
			if err := w.walk(ctx, end); err != nil {
				return p, err
			}
			p.Reach = end
		}
	}
	r.roots = w.roots
	if (p.Reach-p.Size)%recoverChunk != 0 {
		r.roots = append(r.roots, w.tree.Root())
	}
	r.chosen = w.chosen
	r.plan = &p
	return p, nil
}

// gaps finds which positions below the largest held checkpoint nobody gave, and
// returns the first that is missing.
func (r *Recovery) gaps(ctx context.Context, p *Plan) (end int64, err error) {
	next := r.head.Size
	end = -1
	miss := func(to int64) {
		if end < 0 {
			end = next
		}
		if to = min(to, p.Held); to <= next {
			return
		}
		p.Lacking += to - next
		if len(p.Missing) < maxMissing {
			p.Missing = append(p.Missing, Range{next, to - 1})
		}
	}
	err = r.stage.each(ctx, r.head.Size, 1<<62, func(position int64, _ seal.Hash) error {
		if position > next {
			miss(position)
		}
		next = position + 1
		return nil
	})
	miss(max(next, p.Held))
	return end, err
}
