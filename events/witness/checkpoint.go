package witness

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/transparency-dev/formats/log"
	"golang.org/x/mod/sumdb/note"

	"github.com/daybookhq/daybook/events/seal"
)

// A tree is what the text of any log's checkpoint says, extension lines aside.
type tree struct {
	origin string
	size   int64
	root   seal.Hash
}

// readTree reads the text of a checkpoint, without its signatures. Other logs'
// checkpoints may have extension lines, which say nothing about the tree.
func readTree(text string) (tree, error) {
	var raw log.Checkpoint
	extensions, err := raw.Unmarshal([]byte(text))
	if err != nil {
		return tree{}, err
	}
	if len(raw.Hash) != seal.HashSize || raw.Size > seal.MaxSize {
		return tree{}, fmt.Errorf("checkpoint with a root of %d bytes over %d leaves", len(raw.Hash), raw.Size)
	}
	// One meaning, one text: no leading zeros, no other base64.
	if !strings.HasPrefix(text, string(raw.Marshal())) || !strings.HasSuffix(text, "\n") {
		return tree{}, errors.New("the checkpoint is not written in the one way checkpoints are")
	}
	if bytes.HasPrefix(extensions, []byte("\n")) || bytes.Contains(extensions, []byte("\n\n")) {
		return tree{}, errors.New("the checkpoint has an empty extension line")
	}
	return tree{raw.Origin, int64(raw.Size), seal.Hash(raw.Hash)}, nil
}

// lineOf is a signature as a note shows it, with its end of line.
func lineOf(s note.Signature) string { return fmt.Sprintf("— %s %s\n", s.Name, s.Base64) }

// isLine reports whether a text is one line that may be a signature.
func isLine(s string) bool {
	body, ok := strings.CutSuffix(s, "\n")
	return ok && strings.HasPrefix(body, "— ") && strings.Count(body, " ") == 2 && !strings.Contains(body, "\n")
}
