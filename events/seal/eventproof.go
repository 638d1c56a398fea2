package seal

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"

	"github.com/daybookhq/daybook/events"
	"github.com/transparency-dev/formats/proof"
	"golang.org/x/mod/sumdb/note"
)

// MaxEventProofBytes is the most that is looked at of a proof file: an event of
// the largest size takes 80 KiB, each rotation of the key 4 KiB.
const MaxEventProofBytes = 4 << 20

// EventProofBegins is the first line of a proof file.
const EventProofBegins = "c2sp.org/tlog-proof@v1\n"

// An EventProof is all that somebody needs who knows the log's public key, to
// be sure of one event without asking anybody: a C2SP tlog-proof.
//
// Its extra data are lines. The first is the recorded bytes of the event, or,
// where they were erased, the word erased, a space and the leaf hash in base64.
// A log that replaced its key adds a second, the [Rotation]s as
// [FormatRotations] writes them.
type EventProof struct {
	Position   int64
	Event      []byte // the recorded bytes; nil where they were erased
	Leaf       Hash   // of them, or of what was erased
	Hashes     []Hash // the inclusion proof, the leaf's sibling first
	Rotations  []Rotation
	Checkpoint []byte // the signed note, co-signatures included
}

const erasedBegins = "erased "

// Marshal writes the proof file.
func (p *EventProof) Marshal() ([]byte, error) {
	out := proof.TLogProof{Index: uint64(p.Position), Checkpoint: p.Checkpoint, ExtraData: p.Event}
	if p.Event == nil {
		out.ExtraData = []byte(erasedBegins + base64.StdEncoding.EncodeToString(p.Leaf[:]))
	}
	if len(p.Rotations) > 0 {
		chain, err := FormatRotations(p.Rotations)
		if err != nil {
			return nil, err
		}
		out.ExtraData = append(append(out.ExtraData[:len(out.ExtraData):len(out.ExtraData)], '\n'), chain...)
	}
	for _, h := range p.Hashes {
		out.Hashes = append(out.Hashes, h)
	}
	return out.Marshal(), nil
}

// A LineError says which line of a file is not what it must be.
type LineError struct {
	Line int // the first is 1
	Err  error
}

func (e *LineError) Error() string { return fmt.Sprintf("line %d: %v", e.Line, e.Err) }
func (e *LineError) Unwrap() error { return e.Err }

// ParseEventProof reads a proof file, strictly: as [EventProof.Marshal] writes
// it and no other way. It checks nothing of what the file claims; that is for
// [EventProof.Check]. The error is a [LineError].
func ParseEventProof(file []byte) (*EventProof, error) {
	l := lines{rest: file}
	p, err := l.eventProof()
	if err != nil {
		return nil, &LineError{max(l.line, 1), err}
	}
	again, err := p.Marshal()
	if err != nil {
		return nil, &LineError{2, err}
	}
	// One meaning, one text.
	if !bytes.Equal(file, again) {
		same := 0
		for same < min(len(file), len(again)) && file[same] == again[same] {
			same++
		}
		return nil, &LineError{1 + bytes.Count(file[:same], []byte("\n")), errors.New("it is written in another way than proof files are")}
	}
	return p, nil
}

// lines takes a file apart.
type lines struct {
	rest []byte
	line int // of what next returned last
}

func (l *lines) next() ([]byte, error) {
	l.line++
	line, rest, ok := bytes.Cut(l.rest, []byte("\n"))
	if !ok {
		return nil, errors.New("the file ends here, though it must go on")
	}
	if bytes.HasSuffix(line, []byte("\r")) {
		return nil, errors.New("it ends in CR LF; a proof file must be passed on byte by byte")
	}
	l.rest = rest
	return line, nil
}

func (l *lines) eventProof() (*EventProof, error) {
	if len(l.rest) > MaxEventProofBytes {
		return nil, fmt.Errorf("a proof file of %d bytes, at most %d are read", len(l.rest), MaxEventProofBytes)
	}
	if line, err := l.next(); err != nil || string(line)+"\n" != EventProofBegins {
		return nil, fmt.Errorf("it is not %q, which a proof file begins with", EventProofBegins[:len(EventProofBegins)-1])
	}
	p := &EventProof{}
	line, err := l.next()
	if err != nil {
		return nil, err
	}
	extra, ok := bytes.CutPrefix(line, []byte("extra "))
	if !ok {
		return nil, errors.New(`it must be the word extra and the event in base64`)
	}
	if err := p.readExtra(extra); err != nil {
		return nil, err
	}
	if line, err = l.next(); err != nil {
		return nil, err
	}
	index, ok := bytes.CutPrefix(line, []byte("index "))
	if p.Position, err = strconv.ParseInt(string(index), 10, 64); !ok || err != nil || strconv.FormatInt(p.Position, 10) != string(index) || p.Position < 0 {
		return nil, errors.New("it must be the word index and a position, a whole number without leading zeroes")
	}
	for {
		if line, err = l.next(); err != nil {
			return nil, err
		}
		if len(line) == 0 {
			break
		}
		h, err := parseHash(line)
		if err != nil {
			return nil, err
		}
		if p.Hashes = append(p.Hashes, h); len(p.Hashes) > MaxProofHashes {
			return nil, fmt.Errorf("more than %d hashes; no proof needs so many", MaxProofHashes)
		}
	}
	p.Checkpoint = l.rest
	return p, l.checkpoint()
}

func (p *EventProof) readExtra(line []byte) error {
	extra, err := base64.StdEncoding.Strict().DecodeString(string(line))
	if err != nil {
		return fmt.Errorf("the event is not in base64: %w", err)
	}
	event, rotations, rotated := bytes.Cut(extra, []byte("\n"))
	if rotated {
		if p.Rotations, err = ParseRotations(rotations); err != nil {
			return err
		}
	}
	if leaf, ok := bytes.CutPrefix(event, []byte(erasedBegins)); ok {
		p.Leaf, err = parseHash(leaf)
		return err
	}
	if len(event) == 0 {
		return errors.New("there is no event in it")
	}
	p.Event, p.Leaf = event[:len(event):len(event)], LeafHash(event)
	return nil
}

func parseHash(b []byte) (Hash, error) {
	h, err := base64.StdEncoding.Strict().DecodeString(string(b))
	if err != nil || len(h) != HashSize {
		return Hash{}, fmt.Errorf("it is not a hash, %d bytes in base64", HashSize)
	}
	return Hash(h), nil
}

// checkpoint reads over the signed note, so that a line that does not belong
// there can be named.
func (l *lines) checkpoint() error {
	origin, err := l.next()
	if err == nil && len(origin) == 0 {
		err = errors.New("the checkpoint must begin here, with the name of the log")
	}
	if err != nil {
		return err
	}
	size, err := l.next()
	if err != nil {
		return err
	}
	if n, err := strconv.ParseInt(string(size), 10, 64); err != nil || n < 0 || strconv.FormatInt(n, 10) != string(size) {
		return errors.New("it is not the size of a tree, a whole number without leading zeroes")
	}
	root, err := l.next()
	if err != nil {
		return err
	}
	if _, err := parseHash(root); err != nil {
		return err
	}
	if line, err := l.next(); err != nil || len(line) != 0 {
		return errors.New("the empty line before the signatures of the checkpoint is missing")
	}
	for {
		line, err := l.next()
		if err != nil {
			return err
		}
		if !bytes.HasPrefix(line, signatureBegins) {
			return errors.New("it is not a signature of the checkpoint, which begins with a dash and a space")
		}
		if len(l.rest) == 0 {
			return nil
		}
	}
}

// Claims returns the name of the log and the size of its checkpoint as the
// file has them, before anything is checked.
func (p *EventProof) Claims() (origin string, size int64) {
	lines := bytes.SplitN(p.Checkpoint, []byte("\n"), 3)
	if len(lines) < 3 {
		return "", 0
	}
	size, _ = strconv.ParseInt(string(lines[1]), 10, 64)
	return string(lines[0]), size
}

// Check returns the checkpoint if the file holds: a key that follows from the
// known public key signed it, the event stands at its position in the tree
// under it, and says so itself. The error names the first thing that does not.
func (p *EventProof) Check(known string) (Checkpoint, error) {
	key, err := ParsePublic(known)
	if err != nil {
		return Checkpoint{}, err
	}
	if origin, _ := p.Claims(); origin != key.Name() {
		return Checkpoint{}, fmt.Errorf("it is a proof of the log %q, the public key is that of %q", origin, key.Name())
	}
	ring, err := NewKeyring(known, p.Rotations...)
	if err != nil {
		return Checkpoint{}, err
	}
	c, err := ring.Open(p.Checkpoint)
	_, altered := errors.AsType[*note.InvalidSignatureError](err)
	switch {
	case errors.Is(err, ErrUnknownKey):
		return Checkpoint{}, fmt.Errorf("another key than the one given signed it: %w", err)
	case altered:
		return Checkpoint{}, fmt.Errorf("its checkpoint or the signature under it was changed: %w", err)
	case err != nil:
		return Checkpoint{}, err
	}
	if err := checkPosition(p.Position, c.Size); err != nil {
		return Checkpoint{}, err
	}
	if err := CheckInclusion(p.Leaf, p.Position, c.Size, c.Root, p.Hashes); err != nil {
		return Checkpoint{}, fmt.Errorf("the event, its position or a hash of the proof was changed: %w", err)
	}
	if p.Event == nil {
		return c, nil
	}
	e, err := events.ParseRecorded(bytes.Clone(p.Event))
	if err != nil {
		return Checkpoint{}, fmt.Errorf("the sealed bytes are no recorded event: %w", err)
	}
	if e.Position != p.Position {
		return Checkpoint{}, fmt.Errorf("the log sealed an event at position %d that says it is #%d", p.Position, e.Position)
	}
	return c, nil
}
