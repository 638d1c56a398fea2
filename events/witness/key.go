package witness

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	fnote "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"

	"github.com/daybookhq/daybook/events/seal"
)

// A Key co-signs checkpoints in the name of one witness.
type Key struct {
	signer *fnote.Signer
	secret string // PRIVATE+KEY+name+hash+base64(4, seed)
	public string // name+hash+base64(4, key)
}

// GenerateKey makes an Ed25519 co-signature key. The name should be a URL
// without a scheme, unique in the world: witness.example.com/w1.
func GenerateKey(random io.Reader, name string) (*Key, error) {
	if err := seal.CheckOrigin(name); err != nil {
		return nil, fmt.Errorf("the witness's name: %w", err)
	}
	seed := make([]byte, ed25519.SeedSize)
	if _, err := io.ReadFull(random, seed); err != nil {
		return nil, fmt.Errorf("make a witness key: %w", err)
	}
	return newKey(name, seed)
}

// newKey is a key from its seed.
func newKey(name string, seed []byte) (*Key, error) {
	plain, err := note.NewEd25519VerifierKey(name, ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey))
	if err != nil {
		return nil, err
	}
	k := &Key{}
	if k.public, err = fnote.VKeyToCosignatureV1(plain); err != nil {
		return nil, err
	}
	_, hash, _, _, err := parts(k.public)
	if err != nil {
		return nil, err
	}
	k.secret = fmt.Sprintf("PRIVATE+KEY+%s+%s+%s", name, hash, base64.StdEncoding.EncodeToString(append([]byte{algEd25519Cosignature}, seed...)))
	k.signer, err = fnote.NewSignerForCosignatureV1(k.secret)
	return k, err
}

// ParseKey reads the text of a key file.
func ParseKey(text string) (*Key, error) {
	secret, ok := strings.CutPrefix(strings.TrimSpace(text), "PRIVATE+KEY+")
	name, _, alg, seed, err := parts(secret)
	if !ok || err != nil || alg != algEd25519Cosignature || len(seed) != ed25519.SeedSize {
		return nil, errors.New("this is not the key of a witness; it begins with PRIVATE+KEY+ and is for Ed25519 co-signatures")
	}
	if err := seal.CheckOrigin(name); err != nil {
		return nil, fmt.Errorf("the witness's name: %w", err)
	}
	k, err := newKey(name, seed)
	if err != nil {
		return nil, err
	}
	if k.secret != "PRIVATE+KEY+"+secret {
		return nil, errors.New("the key file is damaged: the hash in it is not that of its key")
	}
	return k, nil
}

// LoadKey reads a key file. The error is fs.ErrNotExist if there is none.
func LoadKey(path string) (*Key, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the witness key: %w", err)
	}
	k, err := ParseKey(string(b))
	if err != nil {
		return nil, fmt.Errorf("read the witness key %s: %w", path, err)
	}
	return k, nil
}

// Save writes a new key file that only its owner can read. It never replaces
// one: the error is fs.ErrExist if there is one already.
func (k *Key) Save(path string) error {
	if _, err := os.Lstat(path); err == nil {
		return fmt.Errorf("write the witness key %s: %w", path, fs.ErrExist)
	}
	// A key that was half written when the power went is not one.
	if err := replace(path, []byte(k.secret+"\n"), 0o600); err != nil {
		return fmt.Errorf("write the witness key: %w", err)
	}
	return nil
}

// Name is the witness's name.
func (k *Key) Name() string { return k.signer.Name() }

// Public is the verifier key: name, hash and key, joined by plus signs.
func (k *Key) Public() string { return k.public }

// Verifier checks co-signatures by this key.
func (k *Key) Verifier() note.Verifier { return k.signer.Verifier() }

// cosign returns the note with the witness's co-signature as its only
// addition, and that signature as the line that an answer consists of.
func (k *Key) cosign(n *note.Note) (signed []byte, line string, err error) {
	theirs := *n
	theirs.UnverifiedSigs = nil
	signed, err = note.Sign(&theirs, k.signer)
	if err != nil {
		return nil, "", err
	}
	opened, err := note.Open(signed, note.VerifierList(k.Verifier()))
	if err != nil {
		return nil, "", err
	}
	return signed, lineOf(opened.Sigs[0]), nil
}

// cosignedAt is when a co-signature says it was made; zero if it does not.
func cosignedAt(s note.Signature) time.Time {
	at, err := fnote.CoSigV1Timestamp(s)
	if err != nil || at.Unix() <= 0 {
		return time.Time{}
	}
	return at.UTC()
}
