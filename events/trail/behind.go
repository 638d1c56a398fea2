package trail

import (
	"context"
	"fmt"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/events/seal"
)

// A BehindError says that somebody holds more of this log than the database
// does, or another history of it. An old backup was restored, a failover lost
// commits, or the database was rewritten. Until that is resolved nothing may be
// recorded: it would stand where other events stood. It is an [ErrReadOnly].
type BehindError struct {
	Holder string // who shows it, as in "the witness sydney.example"
	Held   int64  // how many events they hold, or hold a checkpoint of
	Size   int64  // how many the database holds
	Other  bool   // what they hold is not what the database holds there
	Note   []byte // the signed checkpoint that they show; nil if they have none

	leaf *seal.Hash // of event Held-1, where they show that
}

func (e *BehindError) Error() string {
	what := fmt.Sprintf("the database holds %d events and %s holds %d", e.Size, e.Holder, e.Held)
	switch {
	case e.Note != nil:
		what = fmt.Sprintf("the database holds %d events and %s holds a checkpoint of %d", e.Size, e.Holder, e.Held)
	case e.leaf == nil:
		what = fmt.Sprintf("the database holds %d events and %s says that it holds a checkpoint of %d", e.Size, e.Holder, e.Held)
	}
	if e.Other {
		return what + ", of another history: the database was restored from an old backup and written to since, or was rewritten; nothing is recorded until `daybook recover` has resolved it"
	}
	return what + ": the database was restored from an old backup, or lost what was committed last; nothing is recorded until `daybook recover` has brought it back"
}

// Is makes it an ErrReadOnly.
func (e *BehindError) Is(target error) bool { return target == ErrReadOnly }

// Compare holds the trail against the checkpoint of it that somebody else
// shows. A nil note means that they only said its size. If the trail does not
// extend it, the error is a [BehindError] and the trail takes nothing more from
// now on; see [Trail.Reconsider]. Any other error means that the two could not
// be compared.
func (t *Trail) Compare(ctx context.Context, holder string, note []byte, size int64) error {
	claim := &BehindError{Holder: holder, Held: size, Note: note}
	if note != nil {
		c, err := t.openHeld(ctx, note)
		if err != nil {
			return fmt.Errorf("%s shows what is no checkpoint of this log: %w", holder, err)
		}
		claim.Held = c.Size
	}
	return t.compare(ctx, claim)
}

// CompareEvent is Compare with somebody who shows an event that the trail is
// said to have recorded: its recorded bytes.
func (t *Trail) CompareEvent(ctx context.Context, holder string, recorded []byte) error {
	e, err := events.ParseRecorded(recorded)
	if err != nil {
		return fmt.Errorf("%s shows what is no recorded event: %w", holder, err)
	}
	leaf := seal.LeafHash(recorded)
	return t.compare(ctx, &BehindError{Holder: holder, Held: e.Position + 1, leaf: &leaf})
}

func (t *Trail) compare(ctx context.Context, claim *BehindError) error {
	holds, err := t.extends(ctx, claim)
	if err != nil {
		return err
	}
	if holds {
		return nil
	}
	t.object(claim.Holder, claim)
	return claim
}

// extends reports whether the trail holds what is claimed. If not, it notes in
// the claim how the trail stands to it.
func (t *Trail) extends(ctx context.Context, claim *BehindError) (bool, error) {
	head, err := t.readHead(ctx) // after the claim was made: what is held elsewhere was committed before
	if err != nil {
		return false, err
	}
	claim.Size, claim.Other = head.Size, false
	if claim.Held > head.Size {
		return false, nil
	}
	if claim.leaf != nil {
		leaf, err := t.leaf(ctx, claim.Held-1)
		claim.Other = leaf != *claim.leaf
		return !claim.Other, err
	}
	if claim.Note == nil || claim.Held == 0 {
		return true, nil
	}
	c, err := t.openHeld(ctx, claim.Note)
	if err != nil {
		return false, err
	}
	tree, err := seal.LoadTree(c.Size, t.tileReader(ctx))
	if err != nil {
		return false, fmt.Errorf("read the tree of %d events: %w", c.Size, t.classify(err))
	}
	claim.Other = tree.Root() != c.Root
	return !claim.Other, nil
}

// openHeld reads a checkpoint that this log signed.
func (t *Trail) openHeld(ctx context.Context, note []byte) (seal.Checkpoint, error) {
	ring, err := t.Keyring(ctx, "")
	if err != nil {
		return seal.Checkpoint{}, err
	}
	return ring.Open(note)
}

// leaf is the stored hash of an event.
func (t *Trail) leaf(ctx context.Context, position int64) (seal.Hash, error) {
	b, err := t.tileReader(ctx)(0, position/seal.TileWidth)
	if err != nil {
		return seal.Hash{}, fmt.Errorf("read the tile of event %d: %w", position, t.classify(err))
	}
	at := int(position%seal.TileWidth) * seal.HashSize
	if len(b) < at+seal.HashSize {
		return seal.Hash{}, fmt.Errorf("the tile of event %d is too short, run `daybook verify`", position)
	}
	return seal.Hash(b[at : at+seal.HashSize]), nil
}
