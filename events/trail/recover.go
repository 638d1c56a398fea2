package trail

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/events/seal"
)

// A Tail is where recorded events that a trail lost may be found: the stream,
// an export, another copy of the database.
type Tail interface {
	// Name says what it is, as in "the stream DAYBOOK_EVENTS".
	Name() string
	// Recorded hands over the recorded bytes of the events from a position on
	// that are found there, in any order, and all signed checkpoints. Nothing
	// of that need be true or belong to the trail. The bytes may be kept.
	Recorded(ctx context.Context, from int64, event, checkpoint func([]byte) error) error
}

// A Recovery brings back to a trail the events that it lost, byte for byte,
// each to its place: what it appends leads to a checkpoint that the log signed
// and that somebody else held, or is not appended. Nobody else may have the
// trail open who appends to it; those who found that it is behind do not.
//
// Give it checkpoints and tails, look at what [Recovery.Plan] says, and carry
// it out with [Recovery.Apply], in as many attempts as it takes: what was
// brought back before a crash is part of the trail.
type Recovery struct {
	trail  *Trail
	seq    sequencer
	head   headRow
	keys   map[string]*seal.Key // all that are there, by public key
	key    *seal.Key            // the one that signs what comes next
	stage  *staging
	held   map[int64]heldCheckpoint // by size
	forked *heldCheckpoint          // the smallest that the database does not extend
	differ int64                    // the first position at which a tail shows another event than the database; -1 for none
	plan   *Plan
	roots  []seal.Hash // after every recoverChunk events of the plan, and after its last
	chosen map[int64]seal.Hash
	closed bool
}

// heldCheckpoint is a checkpoint that the log signed.
type heldCheckpoint struct {
	seal.Checkpoint
	from string // who held it
	note []byte
	key  string // that signed it
}

// How much of a database is looked at again for the place where it differs from
// what the tails hold, and how many events one transaction brings back.
const (
	recoverOverlap = 4096
	recoverChunk   = 1024
)

// OpenRecovery opens a trail to bring back what it lost. Unlike [Open] it takes
// an empty database too, if the log's signing key is there.
func OpenRecovery(ctx context.Context, o Options) (*Recovery, error) {
	o.ReadOnly = false
	t, err := connect(ctx, o)
	if err != nil {
		return nil, err
	}
	r := &Recovery{trail: t, seq: sequencer{trail: t}, held: map[int64]heldCheckpoint{}, differ: -1}
	if err := r.prepare(ctx); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

func (r *Recovery) prepare(ctx context.Context) (err error) {
	t := r.trail
	if err := t.migrateOnOpen(ctx); err != nil {
		return err
	}
	if r.head, err = t.readHead(ctx); err != nil {
		return err
	}
	if err := r.loadKeys(); err != nil {
		return err
	}
	if err := t.trust(r.key.Public()); err != nil {
		return err
	}
	if err := t.store.ready(ctx); err != nil {
		return t.classify(err)
	}
	if err := r.load(ctx); err != nil {
		return err
	}
	r.stage, err = newStaging(t.opts.DataDir)
	return err
}

// load reads the head and the tree under the head's lock.
func (r *Recovery) load(ctx context.Context) error {
	tx, err := r.trail.writer.BeginTxx(ctx, nil)
	if err != nil {
		return r.trail.classify(err)
	}
	defer tx.Rollback()
	if r.head, err = r.trail.store.lockHead(ctx, tx); err != nil {
		return fmt.Errorf("lock the head: %w", r.trail.classify(err))
	}
	r.seq.tree = nil
	if r.head.Size == 0 {
		r.seq.tree = seal.NewTree()
		return nil
	}
	return r.seq.loadTree(ctx, tx, r.head)
}

// Close closes the database and removes what was gathered. Later calls do
// nothing.
func (r *Recovery) Close() (err error) {
	if r.closed {
		return nil
	}
	r.closed = true
	if r.stage != nil {
		err = r.stage.close()
	}
	return errors.Join(err, r.trail.closeDatabase())
}

// Trail is the trail as far as it can be read meanwhile.
func (r *Recovery) Trail() *Trail { return r.trail }

// Hold adds a checkpoint that somebody held. One that this log did not sign is
// an error; one that is known already is not. Where two of one size have two
// roots, nothing can be brought back, as the plan will say.
func (r *Recovery) Hold(ctx context.Context, from string, note []byte) error {
	c, key, err := r.open(note)
	if err != nil {
		return fmt.Errorf("%s holds what is no checkpoint of this log: %w", from, err)
	}
	if c.Size == 0 {
		return nil
	}
	h := heldCheckpoint{c, from, note, key}
	if old, ok := r.held[c.Size]; ok {
		if old.Root != c.Root && r.forked == nil {
			h.from = old.from + " and " + from + " hold two"
			r.forked = &h
		}
		return nil
	}
	if c.Size <= r.head.Size {
		if r.forked != nil && r.forked.Size <= c.Size {
			return nil
		}
		claim := &BehindError{Held: c.Size, Note: note}
		holds, err := r.trail.extends(ctx, claim)
		if err == nil && !holds {
			r.forked = &h
		}
		return err
	}
	r.held[c.Size] = h
	r.plan = nil
	return nil
}

// Gather reads a tail. What cannot be an event of the trail is counted and left
// out; whether the others are is for [Recovery.Plan] to say. Progress is called
// now and then with how many events were found.
func (r *Recovery) Gather(ctx context.Context, tail Tail, progress func(found int64)) (strange int64, err error) {
	r.plan = nil
	if progress == nil {
		progress = func(int64) {}
	}
	var found int64
	event := func(recorded []byte) error {
		e, err := events.ParseRecorded(recorded)
		switch {
		case err != nil:
			strange++
			return nil
		case e.Position < r.head.Size:
			return r.differs(ctx, e.Position, seal.LeafHash(recorded))
		}
		found++
		if found%1000 == 0 {
			progress(found)
		}
		return r.stage.add(ctx, e.Position, seal.LeafHash(recorded), recorded)
	}
	checkpoint := func(note []byte) error {
		if _, _, err := r.open(note); err != nil {
			strange++
			return nil
		}
		return r.Hold(ctx, tail.Name(), note)
	}
	err = tail.Recorded(ctx, max(0, r.head.Size-recoverOverlap), event, checkpoint)
	if err == nil {
		err = r.stage.flush(ctx)
	}
	if err != nil {
		return strange, fmt.Errorf("read %s: %w", tail.Name(), err)
	}
	progress(found)
	return strange, nil
}

// differs notes the first position at which a tail shows another event.
func (r *Recovery) differs(ctx context.Context, position int64, leaf seal.Hash) error {
	if position < r.head.Size-recoverOverlap || (r.differ >= 0 && r.differ <= position) {
		return nil
	}
	ours, err := r.trail.leaf(ctx, position)
	if err == nil && ours != leaf {
		r.differ = position
	}
	return err
}

// sizes lists the sizes of the held checkpoints beyond the database, ascending.
func (r *Recovery) sizes() []int64 {
	var sizes []int64
	for size := range r.held {
		sizes = append(sizes, size)
	}
	slices.Sort(sizes)
	return sizes
}

// removeStale removes what recoveries left that were killed. The caller has the
// directory to itself.
func removeStale(dir string) {
	left, _ := filepath.Glob(filepath.Join(dir, stagePattern))
	for _, name := range left {
		os.Remove(name)
	}
}
