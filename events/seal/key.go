package seal

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/mod/sumdb/note"
)

// MaxOriginBytes is the longest name a log may have.
const MaxOriginBytes = 200

// A Key signs checkpoints in the name of one log, its origin.
type Key struct {
	signer   note.Signer
	secret   string // PRIVATE+KEY+origin+hash+data
	verifier string // origin+hash+data
}

// CheckOrigin says what is wrong with a log's name, if anything. It should be
// a URL without a scheme, unique in the world: logs.example.com/payments.
func CheckOrigin(origin string) error {
	switch {
	case origin == "":
		return errors.New("the origin is empty; give the log a name, as in logs.example.com/payments")
	case len(origin) > MaxOriginBytes:
		return fmt.Errorf("the origin is %d bytes long, at most %d fit", len(origin), MaxOriginBytes)
	case !utf8.ValidString(origin) || strings.ContainsFunc(origin, func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r) || r == '+'
	}):
		return fmt.Errorf("the origin %q holds a space, a control character or a plus sign", origin)
	}
	return nil
}

// GenerateKey makes an Ed25519 key for a log of that name.
func GenerateKey(random io.Reader, origin string) (*Key, error) {
	if err := CheckOrigin(origin); err != nil {
		return nil, err
	}
	secret, verifier, err := note.GenerateKey(random, origin)
	if err != nil {
		return nil, fmt.Errorf("make a signing key: %w", err)
	}
	signer, err := note.NewSigner(secret)
	if err != nil {
		return nil, fmt.Errorf("make a signing key: %w", err)
	}
	return &Key{signer, secret, verifier}, nil
}

// ParseKey reads the text of a key file.
func ParseKey(text string) (*Key, error) {
	secret := strings.TrimSpace(text)
	signer, err := note.NewSigner(secret)
	if err != nil {
		return nil, errors.New("this is not a signing key; it begins with PRIVATE+KEY+")
	}
	if err := CheckOrigin(signer.Name()); err != nil {
		return nil, err
	}
	verifier, err := verifierOf(secret)
	if err != nil {
		return nil, err
	}
	return &Key{signer, secret, verifier}, nil
}

// LoadKey reads a key file. The error is fs.ErrNotExist if there is none.
func LoadKey(path string) (*Key, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the signing key: %w", err)
	}
	k, err := ParseKey(string(b))
	if err != nil {
		return nil, fmt.Errorf("read the signing key %s: %w", path, err)
	}
	return k, nil
}

// Save writes a new key file that only its owner can read. It never replaces
// one: the error is fs.ErrExist if there is one already. When it returns
// without error, the file survives a power cut.
func (k *Key) Save(path string) (err error) {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, ".signing-key-*") // mode 0600
	if err != nil {
		return fmt.Errorf("write the signing key: %w", err)
	}
	defer func() {
		f.Close()
		if rerr := os.Remove(f.Name()); err == nil && rerr != nil && !errors.Is(rerr, fs.ErrNotExist) {
			err = rerr
		}
	}()
	if _, err = f.WriteString(k.secret + "\n"); err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = os.Link(f.Name(), path) // fails where one exists, unlike a rename
	}
	if err != nil {
		return fmt.Errorf("write the signing key %s: %w", path, err)
	}
	return syncDir(dir)
}

// Hash tells the keys of a log apart: 8 hex digits, as they stand in the public
// key and, in another spelling, in each signature.
func (k *Key) Hash() string { return fmt.Sprintf("%08x", k.signer.KeyHash()) }

// Origin is the name of the log that the key signs for.
func (k *Key) Origin() string { return k.signer.Name() }

// Public is the public key in the form that tools for signed notes take:
// origin, hash and key, joined by plus signs.
func (k *Key) Public() string { return k.verifier }

// Sign returns the signed checkpoint of a tree.
func (k *Key) Sign(size int64, root Hash) ([]byte, error) {
	text := Checkpoint{k.Origin(), size, root}.Text()
	b, err := note.Sign(&note.Note{Text: string(text)}, k.signer)
	if err != nil {
		return nil, fmt.Errorf("sign the checkpoint at %d: %w", size, err)
	}
	return b, nil
}

// SignRotation returns the checkpoint that both keys sign: the first one that
// covers the event by which next takes over from k.
func (k *Key) SignRotation(next *Key, size int64, root Hash) ([]byte, error) {
	text := Checkpoint{k.Origin(), size, root}.Text()
	b, err := note.Sign(&note.Note{Text: string(text)}, k.signer, next.signer)
	if err != nil {
		return nil, fmt.Errorf("sign the checkpoint at %d with both keys: %w", size, err)
	}
	return b, nil
}

// ParsePublic reads a public key as [Key.Public] writes it.
func ParsePublic(public string) (note.Verifier, error) {
	v, err := note.NewVerifier(strings.TrimSpace(public))
	if err != nil {
		return nil, fmt.Errorf("%q is not a public key (name+hash+key): %w", public, err)
	}
	return v, nil
}
