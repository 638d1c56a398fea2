package seal

import (
	"bytes"
	"fmt"

	"github.com/transparency-dev/formats/log"
	"golang.org/x/mod/sumdb/note"
)

// MaxCheckpointBytes is the most that is looked at when a checkpoint is read.
// Ours take about 250 bytes; co-signatures of witnesses take about 200 each.
const MaxCheckpointBytes = 64 << 10

// A Checkpoint says: the log of this name had this many leaves and this root.
type Checkpoint struct {
	Origin string
	Size   int64
	Root   Hash
}

// Text is what is signed: origin, size and root, a line each.
func (c Checkpoint) Text() []byte {
	return log.Checkpoint{Origin: c.Origin, Size: uint64(c.Size), Hash: c.Root[:]}.Marshal()
}

// OpenCheckpoint reads a signed note and returns the checkpoint in it, if the
// key verified its signature, its origin is the key's name, and it is written
// in the one way that this package writes it. Signatures by other keys are
// ignored.
func OpenCheckpoint(signed []byte, key note.Verifier) (Checkpoint, error) {
	n, err := openNote(signed, key)
	if err != nil {
		return Checkpoint{}, err
	}
	return parseCheckpoint(n.Text, key.Name())
}

// openNote verifies the signatures by any of those keys, of which there must
// be one at least.
func openNote(signed []byte, keys ...note.Verifier) (*note.Note, error) {
	if len(signed) > MaxCheckpointBytes {
		return nil, fmt.Errorf("checkpoint of %d bytes, at most %d are read", len(signed), MaxCheckpointBytes)
	}
	n, err := note.Open(signed, note.VerifierList(keys...))
	if err != nil {
		return nil, fmt.Errorf("checkpoint: %w", err)
	}
	return n, nil
}

// parseCheckpoint reads the text of a note whose signatures are verified.
func parseCheckpoint(text, origin string) (Checkpoint, error) {
	var raw log.Checkpoint
	if _, err := raw.Unmarshal([]byte(text)); err != nil {
		return Checkpoint{}, fmt.Errorf("checkpoint: %w", err)
	}
	if raw.Origin != origin {
		return Checkpoint{}, fmt.Errorf("checkpoint of %q, of %q is expected", raw.Origin, origin)
	}
	if len(raw.Hash) != HashSize || raw.Size > MaxSize {
		return Checkpoint{}, fmt.Errorf("checkpoint with a root of %d bytes over %d leaves", len(raw.Hash), raw.Size)
	}
	c := Checkpoint{raw.Origin, int64(raw.Size), Hash(raw.Hash)}
	// One meaning, one text: no leading zeros, no other base64, no further lines.
	if !bytes.Equal(c.Text(), []byte(text)) {
		return Checkpoint{}, fmt.Errorf("checkpoint of %q at %d is not written canonically", c.Origin, c.Size)
	}
	return c, nil
}
