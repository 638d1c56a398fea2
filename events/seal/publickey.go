package seal

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
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
