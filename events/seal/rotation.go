package seal

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/daybookhq/daybook/events"
	"github.com/go-json-experiment/json"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// What a chain of rotations may take up, so that one from outside cannot fill
// the memory. Ours take about 2 KB each.
const (
	MaxRotations     = 1000
	MaxRotationBytes = 128 << 10
)

// Who writes key.rotated: the ledger alone.
const (
	ledgerSource = "daybook:ledger"
	ledgerWriter = "ledger"
)

// A Rotation is the proof that a log replaced its key, for somebody who holds
// nothing of the log but one of the two keys: the event that says so, the proof
// that it is the last one under a checkpoint, and that checkpoint, which both
// keys signed. The new key signs every larger tree.
type Rotation struct {
	Record     []byte // the recorded bytes of the key.rotated
	Proof      []Hash // its inclusion in the tree of the checkpoint, as in RFC 6962
	Checkpoint []byte // the signed note
}

// rotated is what a rotation that holds says.
type rotated struct {
	position int64
	old, new ringKey // old.after is not known from one rotation, and 0
}

// open checks a rotation by itself.
func (x *Rotation) open() (rotated, error) {
	position, oldKey, newKey, err := parseRotated(x.Record)
	if err != nil {
		return rotated{}, err
	}
	out := rotated{position: position}
	for _, k := range []struct {
		key    *ringKey
		public string
	}{{&out.old, oldKey}, {&out.new, newKey}} {
		public, verifier, err := canonicalPublic(k.public)
		if err != nil {
			return rotated{}, err
		}
		*k.key = ringKey{Verifier: verifier, public: public}
	}
	if out.old.Name() != out.new.Name() {
		return rotated{}, fmt.Errorf("the old key is for log %q, the new one for %q", out.old.Name(), out.new.Name())
	}
	if out.old.KeyHash() == out.new.KeyHash() {
		return rotated{}, fmt.Errorf("the old and the new key have the same hash, %08x", out.old.KeyHash())
	}
	n, err := openNote(x.Checkpoint, out.old, out.new)
	if err != nil {
		return rotated{}, err
	}
	for _, k := range []ringKey{out.old, out.new} {
		if !slices.ContainsFunc(n.Sigs, func(s note.Signature) bool { return s.Hash == k.KeyHash() }) {
			return rotated{}, fmt.Errorf("its checkpoint must be signed by both keys; the signature by %s is missing", k.public)
		}
	}
	c, err := parseCheckpoint(n.Text, out.old.Name())
	if err != nil {
		return rotated{}, err
	}
	if c.Size-1 != position {
		return rotated{}, fmt.Errorf("the event is #%d, but the checkpoint is of size %d; it must be the first that covers the event", position, c.Size)
	}
	proof := make(tlog.RecordProof, len(x.Proof))
	for i, h := range x.Proof {
		proof[i] = tlog.Hash(h)
	}
	if err := tlog.CheckRecord(proof, c.Size, tlog.Hash(c.Root), position, tlog.RecordHash(x.Record)); err != nil {
		return rotated{}, fmt.Errorf("the event is not under the checkpoint at size %d: %w", c.Size, err)
	}
	out.new.after = c.Size
	return out, nil
}

// parseRotated reads the recorded bytes of a key.rotated.
func parseRotated(record []byte) (position int64, oldKey, newKey string, err error) {
	e, err := events.ParseRecorded(record)
	if err != nil {
		return 0, "", "", fmt.Errorf("its event cannot be read: %w", err)
	}
	if e.Short() != "key.rotated" || e.Source != ledgerSource || e.Writer != ledgerWriter {
		return 0, "", "", fmt.Errorf("the event #%d, %q from %q written by %q, is not the ledger's key.rotated", e.Position, e.Short(), e.Source, e.Writer)
	}
	var data events.KeyRotated
	if err := json.Unmarshal(e.Data, &data); err != nil {
		return 0, "", "", fmt.Errorf("the data of the event #%d cannot be read: %w", e.Position, err)
	}
	return e.Position, data.OldKey, data.NewKey, nil
}

// ParseRotated reads the recorded bytes of a key.rotated as far as they say
// which key took over from which. What they say is proved by a [Keyring] only.
func ParseRotated(record []byte) (oldKey, newKey string, err error) {
	_, oldKey, newKey, err = parseRotated(record)
	return oldKey, newKey, err
}

// rotationJSON is how a rotation is written. The record is a string, so that
// its bytes survive being read and written by anything that knows JSON.
type rotationJSON struct {
	Record     string   `json:"record"`
	Proof      [][]byte `json:"proof"` // base64
	Checkpoint string   `json:"checkpoint"`
}

// MarshalJSON writes {"record": "…", "proof": ["base64", …], "checkpoint": "…"}.
func (x Rotation) MarshalJSON() ([]byte, error) {
	w := rotationJSON{string(x.Record), make([][]byte, len(x.Proof)), string(x.Checkpoint)}
	for i := range x.Proof {
		w.Proof[i] = x.Proof[i][:]
	}
	return json.Marshal(w)
}

// UnmarshalJSON reads what MarshalJSON wrote. It does not check what it proves.
func (x *Rotation) UnmarshalJSON(b []byte) error {
	if len(b) > MaxRotationBytes {
		return fmt.Errorf("a rotation of a key in %d bytes, at most %d are read", len(b), MaxRotationBytes)
	}
	var w rotationJSON
	if err := json.Unmarshal(b, &w, json.RejectUnknownMembers(true)); err != nil {
		return fmt.Errorf("a rotation of a key: %w", err)
	}
	*x = Rotation{Record: []byte(w.Record), Checkpoint: []byte(w.Checkpoint)}
	for _, h := range w.Proof {
		if len(h) != HashSize {
			return fmt.Errorf("a rotation of a key: its proof holds a hash of %d bytes, not %d", len(h), HashSize)
		}
		x.Proof = append(x.Proof, Hash(h))
	}
	return nil
}

// FormatRotations writes a chain as one line of JSON, oldest first. No
// rotations are an empty array.
func FormatRotations(chain []Rotation) ([]byte, error) {
	if chain == nil {
		chain = []Rotation{}
	}
	return json.Marshal(chain)
}

// ParseRotations reads what FormatRotations wrote. It does not check what the
// chain proves: [NewKeyring] does.
func ParseRotations(b []byte) ([]Rotation, error) {
	if len(b) > MaxRotations*MaxRotationBytes {
		return nil, fmt.Errorf("rotations of the key in %d bytes, at most %d are read", len(b), MaxRotations*MaxRotationBytes)
	}
	if !bytes.HasPrefix(bytes.TrimLeft(b, " \t\r\n"), []byte("[")) {
		return nil, errors.New("the rotations of the key are not a JSON array")
	}
	var chain []Rotation
	if err := json.Unmarshal(b, &chain); err != nil {
		return nil, fmt.Errorf("the rotations of the key cannot be read: %w", err)
	}
	if len(chain) > MaxRotations {
		return nil, fmt.Errorf("%d rotations of the key, at most %d are read", len(chain), MaxRotations)
	}
	return chain, nil
}
