package bundle

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/daybookhq/daybook/events/seal"
)

// A Fault is the first thing in a bundle that does not hold.
type Fault struct {
	Line     int64 // from 1
	Position int64 // of the event it is about, or -1
	Reason   string
}

func (f *Fault) Error() string {
	if f.Position >= 0 {
		return fmt.Sprintf("line %d, event #%d: %s", f.Line, f.Position, f.Reason)
	}
	return fmt.Sprintf("line %d: %s", f.Line, f.Reason)
}

// A scanner reads the lines of a bundle, one of which is at hand.
type scanner struct {
	r       *bufio.Reader
	passed  io.Writer // gets every line once it is done with
	n       int64     // number of the line at hand
	raw     []byte    // the line, valid until the next
	keyword string
	rest    []byte
	end     bool // there is no further line
}

var keywords = []string{
	kwKey, kwRotation, kwAsked, kwCheckpoint, kwCosigned, kwConsistency, kwEvent, kwErased, kwAmends, kwGap, kwProof,
	kwSource, kwCoverage, kwReceipt, kwSealed,
}

func newScanner(r io.Reader, passed io.Writer) *scanner {
	return &scanner{r: bufio.NewReaderSize(r, MaxLineBytes), passed: passed}
}

func (s *scanner) fault(format string, args ...any) error {
	return &Fault{s.n, -1, fmt.Sprintf(format, args...)}
}

// text reads the next line as it is, without its end.
func (s *scanner) text() (string, error) {
	s.passed.Write(s.raw)
	s.raw = nil
	s.n++
	b, err := s.r.ReadSlice('\n')
	switch {
	case err == nil:
	case errors.Is(err, bufio.ErrBufferFull):
		return "", s.fault("it is longer than %d bytes, which no line of a bundle is", MaxLineBytes)
	case err != io.EOF:
		return "", fmt.Errorf("reading line %d: %w", s.n, err)
	case len(b) == 0:
		s.end = true
		return "", nil
	default:
		return "", s.fault("the file ends in the middle of this line; it is cut off")
	}
	s.raw = b
	return string(b[:len(b)-1]), nil
}

// next reads the next line and its keyword.
func (s *scanner) next() error {
	s.keyword, s.rest = "", nil
	if _, err := s.text(); err != nil || s.end {
		return err
	}
	b := s.raw[:len(s.raw)-1]
	word, rest, more := bytes.Cut(b, []byte(" "))
	i := slices.Index(keywords, string(word))
	switch {
	case i < 0:
		return s.fault("no line of a bundle begins with %.20q", word)
	case more && len(rest) == 0:
		return s.fault("it ends in a space")
	}
	s.keyword, s.rest = keywords[i], rest
	return nil
}

// want makes sure of the keyword of the line at hand.
func (s *scanner) want(keyword string) error {
	switch {
	case s.end:
		return s.fault("the file ends where the line %q should stand; it is cut off", keyword)
	case s.keyword != keyword:
		return s.fault("the line %q should stand here, not %q", keyword, s.keyword)
	}
	return nil
}

// note reads the lines of a signed note and goes on to the line after it.
func (s *scanner) note(keyword string) ([]byte, error) {
	var b []byte
	if err := s.want(keyword); err != nil {
		return nil, err
	}
	for s.keyword == keyword {
		if len(b)+len(s.rest) >= seal.MaxCheckpointBytes {
			return nil, s.fault("the checkpoint is longer than %d bytes", seal.MaxCheckpointBytes)
		}
		b = append(append(b, s.rest...), '\n')
		if err := s.next(); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// placed splits a line into a position and what follows.
func (s *scanner) placed() (int64, []byte, error) {
	digits, rest, _ := bytes.Cut(s.rest, []byte(" "))
	n, ok := number(string(digits))
	if !ok {
		return 0, nil, s.fault("%.30q is not a position", digits)
	}
	return n, rest, nil
}

// number reads a number that is written in its one way.
func number(digits string) (int64, bool) {
	n, err := strconv.ParseInt(digits, 10, 64)
	return n, err == nil && n >= 0 && n <= maxPosition && strconv.FormatInt(n, 10) == digits
}

// hashes reads a list of hashes. Where it ends in *K, the last K of those given
// belong to it.
func (s *scanner) hashes(before []seal.Hash) ([]seal.Hash, error) {
	var out []seal.Hash
	same := 0
	for text, rest := "", string(s.rest); rest != ""; {
		var more bool
		text, rest, more = strings.Cut(rest, " ")
		if more && rest == "" {
			return nil, s.fault("it ends in a space")
		}
		if k, ok := strings.CutPrefix(text, "*"); ok && before != nil {
			n, ok := number(k)
			if !ok || n == 0 || n > int64(len(before)) || more {
				return nil, s.fault("%.30q does not stand for hashes of the proof before", text)
			}
			same = int(n)
			out = append(out, before[len(before)-same:]...)
			break
		}
		h, ok := decode(text)
		if !ok {
			return nil, s.fault("%.60q is not a SHA-256 in base64", text)
		}
		if out = append(out, h); len(out) > seal.MaxProofHashes {
			return nil, s.fault("more than %d hashes, which no proof needs", seal.MaxProofHashes)
		}
	}
	if before != nil && shared(before, out) != same {
		return nil, s.fault("it repeats hashes of the proof before instead of saying *%d", shared(before, out))
	}
	return out, nil
}

func encode(h seal.Hash) string { return base64.StdEncoding.EncodeToString(h[:]) }

// decode reads a hash that is written in its one way.
func decode(s string) (seal.Hash, bool) {
	b, err := base64.StdEncoding.Strict().DecodeString(s)
	if err != nil || len(b) != seal.HashSize || len(s) != base64.StdEncoding.EncodedLen(seal.HashSize) {
		return seal.Hash{}, false
	}
	return seal.Hash(b), true
}
