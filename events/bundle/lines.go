package bundle

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"hash"
	"io"
	"strconv"

	"github.com/daybookhq/daybook/events/seal"
)

// lines writes the lines of a bundle. Errors are kept for flush.
type lines struct {
	w     *bufio.Writer
	sum   hash.Hash
	err   error
	buf   []byte
	proof []seal.Hash // of the proof line before
}

func newLines(w io.Writer) *lines {
	l := &lines{sum: sha256.New()}
	// What is hashed is what went out: of an answer that breaks off, too.
	l.w = bufio.NewWriterSize(writerFunc(func(b []byte) (int, error) {
		n, err := w.Write(b)
		l.sum.Write(b[:n])
		return n, err
	}), 64<<10)
	return l
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

func (l *lines) flush() error {
	if l.err == nil {
		l.err = l.w.Flush()
	}
	return l.err
}

func (l *lines) write(b []byte) {
	if l.err == nil {
		_, l.err = l.w.Write(b)
	}
}

// line writes a keyword and what follows it.
func (l *lines) line(keyword string, rest ...[]byte) {
	b := append(l.buf[:0], keyword...)
	for _, r := range rest {
		b = append(append(b, ' '), r...)
	}
	l.buf = append(b, '\n')
	l.write(l.buf)
}

// record writes recorded bytes at their position.
func (l *lines) record(keyword string, position int64, recorded []byte) {
	l.line(keyword, strconv.AppendInt(nil, position, 10), recorded)
}

// note writes a signed note, every line of it after the keyword.
func (l *lines) note(keyword string, signed []byte) {
	for part := range bytes.Lines(signed) {
		if part = bytes.TrimSuffix(part, []byte("\n")); len(part) == 0 {
			l.line(keyword)
		} else {
			l.line(keyword, part)
		}
	}
}

// inclusion writes the proof of the record before it, short of what it has in
// common with the last one at its end.
func (l *lines) inclusion(proof []seal.Hash) {
	same := shared(l.proof, proof)
	l.proof = proof
	b := append(l.buf[:0], kwProof...)
	b = appendHashes(b, proof[:len(proof)-same])
	if same > 0 {
		b = strconv.AppendInt(append(b, ' ', '*'), int64(same), 10)
	}
	l.buf = append(b, '\n')
	l.write(l.buf)
}

// consistency writes a proof that is written out in full.
func (l *lines) consistency(proof []seal.Hash) {
	l.buf = append(appendHashes(append(l.buf[:0], kwConsistency...), proof), '\n')
	l.write(l.buf)
}

func appendHashes(b []byte, hashes []seal.Hash) []byte {
	for i := range hashes {
		b = base64.StdEncoding.AppendEncode(append(b, ' '), hashes[i][:])
	}
	return b
}

// shared is how many hashes two proofs have in common at their ends.
func shared(a, b []seal.Hash) int {
	n := 0
	for n < len(a) && n < len(b) && a[len(a)-1-n] == b[len(b)-1-n] {
		n++
	}
	return n
}
