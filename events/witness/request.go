package witness

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"

	"github.com/daybookhq/daybook/events/seal"
)

// Limits of an add-checkpoint call.
const (
	MaxRequestBytes = 128 << 10 // room for 16 signatures of the largest kind there is
	MaxProofHashes  = 63
)

// A Request is the body of an add-checkpoint call.
type Request struct {
	Old        int64       // size of the tree that the witness saw last; 0 if it saw none
	Proof      []seal.Hash // that the checkpoint continues that tree; empty if Old is 0
	Checkpoint []byte      // a signed note
}

// Bytes is the request as it is sent.
func (r *Request) Bytes() []byte {
	b := fmt.Appendf(nil, "old %d\n", r.Old)
	for _, h := range r.Proof {
		b = base64.StdEncoding.AppendEncode(b, h[:])
		b = append(b, '\n')
	}
	b = append(b, '\n')
	return append(b, r.Checkpoint...)
}

// ParseRequest reads the body of an add-checkpoint call. It takes only what
// [Request.Bytes] writes; of the checkpoint, only that there is one.
func ParseRequest(body []byte) (*Request, error) {
	if len(body) > MaxRequestBytes {
		return nil, fmt.Errorf("the request has %d bytes, at most %d are read", len(body), MaxRequestBytes)
	}
	line, rest, ok := bytes.Cut(body, []byte("\n"))
	number, isOld := bytes.CutPrefix(line, []byte("old "))
	if !ok || !isOld {
		return nil, errors.New(`the request does not begin with a line "old " and a size`)
	}
	r := &Request{}
	var err error
	if r.Old, err = parseSize(string(number)); err != nil {
		return nil, fmt.Errorf("the old size: %w", err)
	}
	for {
		if line, rest, ok = bytes.Cut(rest, []byte("\n")); !ok {
			return nil, errors.New("the request ends before the empty line and the checkpoint")
		}
		if len(line) == 0 {
			break
		}
		if len(r.Proof) == MaxProofHashes {
			return nil, fmt.Errorf("the proof has more than %d lines", MaxProofHashes)
		}
		h, err := base64.StdEncoding.Strict().DecodeString(string(line))
		if err != nil || len(h) != seal.HashSize || bytes.ContainsAny(line, "\r") {
			return nil, fmt.Errorf("line %d of the proof is no hash in base64", len(r.Proof)+1)
		}
		r.Proof = append(r.Proof, seal.Hash(h))
	}
	if len(rest) == 0 {
		return nil, errors.New("there is no checkpoint after the empty line")
	}
	r.Checkpoint = rest
	return r, nil
}

// parseSize reads a size that is written in the one way sizes are.
func parseSize(s string) (int64, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 || strconv.FormatInt(n, 10) != s {
		if len(s) > 40 {
			s = s[:40]
		}
		return 0, fmt.Errorf("%q is not the size of a tree", s)
	}
	return n, nil
}
