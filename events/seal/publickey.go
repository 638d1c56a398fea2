package seal

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// verifierOf derives the public key from the text of a private one, which
// holds the algorithm (1, Ed25519) and the 32-byte seed.
func verifierOf(secret string) (string, error) {
	parts := strings.SplitN(strings.TrimPrefix(secret, "PRIVATE+KEY+"), "+", 3)
	if len(parts) != 3 {
		return "", errors.New("this is not a signing key; it begins with PRIVATE+KEY+")
	}
	raw, err := base64.StdEncoding.DecodeString(parts[2])
	if err != nil || len(raw) != 1+ed25519.SeedSize || raw[0] != 1 {
		return "", errors.New("the signing key is not an Ed25519 key")
	}
	public := ed25519.NewKeyFromSeed(raw[1:]).Public().(ed25519.PublicKey)
	return note.NewEd25519VerifierKey(parts[0], public)
}

// canonicalPublic reads a public key and writes it in the one way that
// [Key.Public] does, so that two texts are the same key or are not.
func canonicalPublic(public string) (string, note.Verifier, error) {
	v, err := ParsePublic(public)
	if err != nil {
		return "", nil, err
	}
	parts := strings.SplitN(strings.TrimSpace(public), "+", 3)
	raw, err := base64.StdEncoding.DecodeString(parts[2])
	if err != nil || len(raw) != 1+ed25519.PublicKeySize {
		return "", nil, fmt.Errorf("%q is not the public key of an Ed25519 key", public)
	}
	text, err := note.NewEd25519VerifierKey(parts[0], raw[1:])
	return text, v, err
}
