package sink

import (
	"bytes"
	"fmt"

	"github.com/transparency-dev/formats/log"

	"github.com/daybookhq/daybook/events/seal"
)

// claim is what a note says of itself, unverified.
type claim struct {
	origin string
	size   int64
	root   seal.Hash
}

// read finds the checkpoint in a note without verifying its signatures. It
// takes only what has the shape of one that this program writes.
func read(note []byte) (claim, error) {
	if len(note) > seal.MaxCheckpointBytes {
		return claim{}, fmt.Errorf("is more than %d bytes long, which no checkpoint is", seal.MaxCheckpointBytes)
	}
	text, signatures, cut := bytes.Cut(note, []byte("\n\n"))
	if !cut || !bytes.HasPrefix(signatures, []byte("— ")) || !bytes.HasSuffix(signatures, []byte("\n")) {
		return claim{}, fmt.Errorf("is no signed checkpoint")
	}
	text = append(bytes.Clone(text), '\n')
	var raw log.Checkpoint
	if _, err := raw.Unmarshal(text); err != nil {
		return claim{}, fmt.Errorf("is no signed checkpoint: %w", err)
	}
	if len(raw.Hash) != seal.HashSize || int64(raw.Size) < 0 || !bytes.Equal(raw.Marshal(), text) {
		return claim{}, fmt.Errorf("is no checkpoint written as this program writes them")
	}
	return claim{raw.Origin, int64(raw.Size), seal.Hash(raw.Hash)}, nil
}

// ofLog reads a held note and makes sure that it is of that log.
func ofLog(note []byte, origin string) (claim, error) {
	c, err := read(note)
	if err != nil {
		return c, fmt.Errorf("what is held there %w; move it away", err)
	}
	if c.origin != origin {
		return c, fmt.Errorf("what is held there is a checkpoint of %q, not of %q; give each log a place of its own", c.origin, origin)
	}
	return c, nil
}
