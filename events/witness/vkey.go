package witness

import (
	"encoding/base64"
	"fmt"
	"strings"

	fnote "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"
)

// Types of signatures, as the signed-note format numbers them.
const (
	algEd25519            = 1
	algEd25519Cosignature = 4
	algMLDSA44            = 6
)

// parts takes a verifier key (name+hash+base64 of type and key) apart.
func parts(vkey string) (name, hash string, alg byte, key []byte, err error) {
	name, rest, _ := strings.Cut(vkey, "+")
	hash, encoded, ok := strings.Cut(rest, "+")
	raw, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if !ok || err != nil || len(raw) < 2 || strings.ContainsAny(encoded, "\r\n") {
		if len(vkey) > 100 {
			vkey = vkey[:100] + "…"
		}
		return "", "", 0, nil, fmt.Errorf("%q is not a public key (name+hash+key)", vkey)
	}
	return name, hash, raw[0], raw[1:], nil
}

// keyMaterial is the public key in a verifier key that was read before,
// whatever its name and the type of its signatures.
func keyMaterial(vkey string) string {
	_, _, _, key, _ := parts(vkey)
	return string(key)
}

// CosignatureVerifier reads the verifier key of a witness: an Ed25519 or
// ML-DSA-44 key for co-signatures.
func CosignatureVerifier(vkey string) (note.Verifier, error) {
	_, hash, alg, _, err := parts(vkey)
	if err != nil {
		return nil, err
	}
	if alg != algEd25519Cosignature && alg != algMLDSA44 {
		return nil, fmt.Errorf("%q is not the key of a witness (its signatures are of type %d, co-signatures are of type 4 or 6)", vkey, alg)
	}
	v, err := fnote.NewVerifierForCosignatureV1(vkey)
	if err != nil {
		return nil, fmt.Errorf("%q is not the key of a witness: %w", vkey, err)
	}
	if want := fmt.Sprintf("%08x", v.KeyHash()); hash != want {
		return nil, fmt.Errorf("the hash in %q does not fit its key, it should be %s", vkey, want)
	}
	return v, nil
}

// LogVerifier reads the verifier key of a log, of any type that is known.
func LogVerifier(vkey string) (note.Verifier, error) {
	_, hash, _, _, err := parts(vkey)
	if err != nil {
		return nil, err
	}
	v, err := fnote.NewVerifier(vkey)
	if err != nil {
		return nil, fmt.Errorf("%q is not the key of a log: %w", vkey, err)
	}
	if want := fmt.Sprintf("%08x", v.KeyHash()); hash != want {
		return nil, fmt.Errorf("the hash in %q does not fit its key, it should be %s", vkey, want)
	}
	return v, nil
}
