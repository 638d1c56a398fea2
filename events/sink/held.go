package sink

import (
	"context"
	"errors"
)

// Held is somebody who holds the newest checkpoint of a log that reached them,
// and can be asked for it: a sink, or a witness.
type Held interface {
	// Name tells the holder from others, for people; it holds no secret.
	Name() string

	// Latest returns the largest checkpoint of that log that is held: the signed
	// note and its size as it claims it, neither of them verified. A holder that
	// knows no more than a size returns a nil note. The error is ErrNone where
	// none is held, ErrWriteOnly where that cannot be asked, and any other where
	// the holder did not answer or what it holds is no checkpoint of that log.
	Latest(ctx context.Context, origin string) (note []byte, size int64, err error)
}

var (
	// ErrNone: no checkpoint of the log is held there yet.
	ErrNone = errors.New("holds no checkpoint of this log yet")

	// ErrWriteOnly: what is held there cannot be read back.
	ErrWriteOnly = errors.New("cannot be read back")
)
