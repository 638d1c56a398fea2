package seal

import (
	"bytes"
	"errors"
	"fmt"
)

// MaxSavedBytes is the most that is looked at of a file of saved checkpoints:
// some hundred thousand of them.
const MaxSavedBytes = 64 << 20

var signatureBegins = []byte("— ")

// SplitCheckpoints cuts a file of saved checkpoints, one after the other and
// with or without empty lines between them, into the signed notes. It checks
// no signature; that is for [OpenCheckpoint]. Lines may end in CR LF, as after
// a passage through a mail; the notes have LF. There is at least one note
// where the error is nil.
func SplitCheckpoints(file []byte) ([][]byte, error) {
	if len(file) > MaxSavedBytes {
		return nil, fmt.Errorf("%d bytes of saved checkpoints, at most %d are read", len(file), MaxSavedBytes)
	}
	file = unixLines(file)
	const (
		between = iota
		text
		signatures
	)
	var notes [][]byte
	at, begin, line, beganAt := between, 0, 0, 0
	for i := 0; i < len(file); {
		end := i + bytes.IndexByte(file[i:], '\n') + 1
		line++
		l := file[i : end-1]
		signed := bytes.HasPrefix(l, signatureBegins)
		switch at {
		case signatures:
			if signed {
				break
			}
			notes = append(notes, file[begin:i:i])
			at = between
			fallthrough
		case between:
			if len(l) == 0 {
				break
			}
			if signed {
				return nil, fmt.Errorf("line %d: a signature without a checkpoint before it", line)
			}
			at, begin, beganAt = text, i, line
		case text:
			// The signatures begin after an empty line. A checkpoint has none of its own.
			if len(l) == 0 && bytes.HasPrefix(file[end:], signatureBegins) {
				at = signatures
			} else if len(l) == 0 {
				return nil, fmt.Errorf("line %d: the checkpoint that begins at line %d has no signature", line, beganAt)
			}
		}
		i = end
	}
	switch {
	case at == text:
		return nil, fmt.Errorf("the checkpoint that begins at line %d has no signature", beganAt)
	case at == signatures:
		notes = append(notes, file[begin:])
	case len(notes) == 0:
		return nil, errors.New("there is no checkpoint in it")
	}
	return notes, nil
}

// unixLines ends every line in one LF and nothing before it.
func unixLines(file []byte) []byte {
	out := make([]byte, 0, len(file)+1)
	for line := range bytes.Lines(file) {
		out = append(append(out, bytes.TrimRight(line, "\r\n")...), '\n')
	}
	return out
}
