package seal

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// ErrUnknownKey: something is signed, or a chain of keys is given, but not by
// or with the key that the reader knows.
var ErrUnknownKey = errors.New("not a key of this log")

// A Keyring is what the checkpoints of one log are verified with: its public
// keys, one after the other, each good for the sizes that it signed. It is
// never changed and may be shared.
type Keyring struct {
	origin string
	keys   []ringKey // never empty
}

// ringKey is one key of a ring. It signs trees of more than after leaves; at
// the size after itself, it and its predecessor sign.
type ringKey struct {
	note.Verifier
	public string
	after  int64
}

// A KeySpan says which checkpoints a key is right for.
type KeySpan struct {
	Public string `json:"public_key"`
	From   int64  `json:"from"`         // the smallest size that it signs; from the second key on, its predecessor signs that one too
	To     int64  `json:"to,omitempty"` // the largest size that it signs; 0 while it is in use
}

// NewKeyring returns the ring of a log of which one public key is known for
// certain, the first if it can be, and the rotations of its keys, oldest first.
// Every link is proved by the two keys that it joins, so whatever is given as
// known and holds leads to all the others. Without rotations it is a ring of
// the one key.
//
// The error says which rotation does not hold, or is ErrUnknownKey where the
// known key is none of the chain.
func NewKeyring(known string, chain ...Rotation) (*Keyring, error) {
	known, verifier, err := canonicalPublic(known)
	if err != nil {
		return nil, err
	}
	r := &Keyring{verifier.Name(), []ringKey{{verifier, known, 0}}}
	if len(chain) == 0 {
		return r, nil
	}
	r.keys = r.keys[:0]
	for i := range chain {
		x, err := chain[i].open()
		if err != nil {
			return nil, fmt.Errorf("rotation %d of the key: %w", i+1, err)
		}
		if i == 0 {
			r.keys = append(r.keys, x.old)
		}
		if err := r.add(x); err != nil {
			return nil, fmt.Errorf("rotation %d of the key, at #%d: %w", i+1, x.position, err)
		}
	}
	if !slices.ContainsFunc(r.keys, func(k ringKey) bool { return k.public == known }) {
		return nil, fmt.Errorf("the key %s: %w; the rotations given lead from %s to %s", known, ErrUnknownKey, r.First(), r.Current())
	}
	return r, nil
}

// add takes over a rotation that holds, as the next one.
func (r *Keyring) add(x rotated) error {
	last := r.keys[len(r.keys)-1]
	switch {
	case x.old.public != last.public:
		return fmt.Errorf("it replaces %s, but the key was %s", x.old.public, last.public)
	case x.new.after <= last.after:
		return fmt.Errorf("it comes before the one that it should follow, at size %d", last.after)
	}
	for _, k := range r.keys {
		// Signatures name a key by its hash, so no two may have the same.
		if k.public == x.new.public || k.KeyHash() == x.new.KeyHash() {
			return fmt.Errorf("it goes back to %s, which had been replaced", x.new.public)
		}
	}
	r.keys = append(r.keys, x.new)
	return nil
}

// Origin is the log's name.
func (r *Keyring) Origin() string { return r.keys[0].Name() }

// First is the oldest public key of the ring.
func (r *Keyring) First() string { return r.keys[0].public }

// Current is the newest public key of the ring.
func (r *Keyring) Current() string { return r.keys[len(r.keys)-1].public }

// Spans lists the keys, oldest first.
func (r *Keyring) Spans() []KeySpan {
	spans := make([]KeySpan, len(r.keys))
	for i, k := range r.keys {
		spans[i] = KeySpan{Public: k.public, From: k.after}
		if i > 0 {
			spans[i-1].To = k.after
		}
	}
	return spans
}

// Signs reports whether that key alone signs trees of that size.
func (r *Keyring) Signs(public string, size int64) bool {
	for i, k := range r.keys {
		if k.public == public {
			return (i == 0 || size > k.after) && (i+1 == len(r.keys) || size < r.keys[i+1].after)
		}
	}
	return false
}

// Verifiers returns the keys as other libraries take them. That one of them
// verified a signature does not say that it was right for the size: [Keyring.Open] does.
func (r *Keyring) Verifiers() []note.Verifier {
	list := make([]note.Verifier, len(r.keys))
	for i := range r.keys {
		list[i] = r.keys[i].Verifier
	}
	return list
}

// Open reads a signed checkpoint as [OpenCheckpoint] does, and returns it if it
// is signed by the key that is right for its size: by the old one up to a
// rotation, by the new one from then on, and by both where it first covers the
// rotation. Signatures by keys that are not the log's are ignored.
func (r *Keyring) Open(signed []byte) (Checkpoint, error) {
	n, err := openNote(signed, r.Verifiers()...)
	if unverified, ok := errors.AsType[*note.UnverifiedNoteError](err); ok {
		claimed, _ := parseCheckpoint(unverified.Note.Text, r.Origin())
		return Checkpoint{}, &UnknownKeyError{claimed.Size, signersOf(unverified.Note)}
	}
	if err != nil {
		return Checkpoint{}, err
	}
	c, err := parseCheckpoint(n.Text, r.Origin())
	if err != nil {
		return Checkpoint{}, err
	}
	var missing error
	for i, k := range r.keys {
		by := slices.ContainsFunc(n.Sigs, func(s note.Signature) bool { return s.Hash == k.KeyHash() })
		early := c.Size < k.after
		late := i+1 < len(r.keys) && c.Size > r.keys[i+1].after
		switch {
		case by && early:
			return Checkpoint{}, fmt.Errorf("checkpoint of %q at %d: signed by the key %s, which signs only from size %d on", c.Origin, c.Size, k.public, k.after)
		case by && late:
			return Checkpoint{}, fmt.Errorf("checkpoint of %q at %d: signed by the key %s, which was replaced at size %d", c.Origin, c.Size, k.public, r.keys[i+1].after)
		case !by && !early && !late && missing == nil:
			missing = fmt.Errorf("checkpoint of %q at %d: the signature by the key %s is missing", c.Origin, c.Size, k.public)
		}
	}
	if missing != nil {
		return Checkpoint{}, missing
	}
	return c, nil
}

// An UnknownKeyError says that no key of the log signed a checkpoint. It is
// [ErrUnknownKey].
type UnknownKeyError struct {
	Size    int64  // as the checkpoint claims, 0 where it is not one of this log
	Signers string // as it claims
}

func (e *UnknownKeyError) Error() string {
	return fmt.Sprintf("checkpoint: signed by %s: %v", e.Signers, ErrUnknownKey)
}

func (e *UnknownKeyError) Unwrap() error { return ErrUnknownKey }

// signersOf names who signed a note, as it says itself.
func signersOf(n *note.Note) string {
	var names []string
	for _, s := range slices.Concat(n.Sigs, n.UnverifiedSigs) {
		names = append(names, fmt.Sprintf("%q (key hash %08x)", s.Name, s.Hash))
	}
	return strings.Join(names, ", ")
}
