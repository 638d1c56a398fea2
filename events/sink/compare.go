package sink

import (
	"context"
	"errors"
	"fmt"

	"github.com/daybookhq/daybook/events/seal"
)

// A Log is what a [Sender] must know of the log whose checkpoints it sends.
// All functions are required and safe for concurrent use.
type Log struct {
	Origin string

	// Newest returns the newest signed checkpoint and its size.
	Newest func(context.Context) (note []byte, size int64, err error)

	// Root returns the root that the log has, now, over its first size leaves.
	Root func(ctx context.Context, size int64) (seal.Hash, error)

	// Open verifies a checkpoint with the log's keys.
	Open func(signed []byte) (seal.Checkpoint, error)

	// Grown returns when the log has at least size leaves, or with an error
	// when ctx ends.
	Grown func(ctx context.Context, size int64) error
}

// A Contradiction says that what is held elsewhere and the log cannot both be
// the log's history: it was restored from an older copy, rewritten, or is
// signed with another key. Waiting does not resolve it; somebody has to.
type Contradiction struct {
	Holder string
	Size   int64 // of the checkpoint that is held
	What   string
}

func (c *Contradiction) Error() string { return c.Holder + " " + c.What }

// Compare holds the log against what a holder has. The error is nil where that
// is a checkpoint of a prefix of the log, or nothing; a [*Contradiction] where
// it contradicts the log; ErrWriteOnly, or any other where it cannot be asked.
// Of a holder that knows only a size, only that is compared. The size is that
// of what is held, 0 for nothing.
func Compare(ctx context.Context, l Log, h Held) (size int64, err error) {
	note, size, err := h.Latest(ctx, l.Origin)
	if errors.Is(err, ErrNone) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	contradict := func(format string, args ...any) (int64, error) {
		return size, &Contradiction{h.Name(), size, fmt.Sprintf(format, args...)}
	}
	var c seal.Checkpoint
	if note != nil {
		if c, err = l.Open(note); err != nil {
			return contradict("holds a checkpoint that this log's key did not sign (%v); it is left as it is", err)
		}
		if size = c.Size; c.Origin != l.Origin {
			return contradict("holds a checkpoint of the log %q; it is left as it is", c.Origin)
		}
	}
	// The log is looked at after the holder, so that what others appended and
	// sent meanwhile is in it.
	_, now, err := l.Newest(ctx)
	if err != nil {
		return size, err
	}
	if size > now {
		return contradict("holds a checkpoint of %d events and the log has %d: the database lost its tail or was restored from an older copy; run `daybook recover`", size, now)
	}
	if note == nil {
		return size, nil
	}
	root, err := l.Root(ctx, size)
	if err != nil {
		return size, err
	}
	if root != c.Root {
		return contradict("holds a checkpoint of %d events with another root than the log's first %d have: the log was rewritten, or went on from an older copy; run `daybook verify` and `daybook recover`", size, size)
	}
	return size, nil
}
