package seal_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/daybookhq/daybook/events/seal"
)

// A key takes the place of another, from whatever an interruption left.
func TestTakeNext(t *testing.T) {
	holds := func(path string, key *seal.Key) {
		t.Helper()
		got, err := seal.LoadKey(path)
		if err != nil || got.Public() != key.Public() {
			t.Fatalf("%s: %v", path, err)
		}
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Fatalf("%s: %v, %v", path, info, err)
		}
	}
	old, _ := newKey(t, "example.com/log")
	next, _ := newKey(t, "example.com/log")
	other, _ := newKey(t, "example.com/log")
	setUp := func() (path, retired string) {
		path = filepath.Join(t.TempDir(), "signing.key")
		for p, key := range map[string]*seal.Key{path: old, seal.NextKeyFile(path): next} {
			if err := key.Save(p); err != nil {
				t.Fatal(err)
			}
		}
		return path, seal.RetiredKeyFile(path, old.Hash())
	}
	taken := func(path, retired string) {
		t.Helper()
		got, err := seal.TakeNext(path)
		if err != nil || got != retired {
			t.Fatalf("%q, %v", got, err)
		}
		holds(path, next)
		holds(retired, old)
		if _, err := seal.TakeNext(path); !errors.Is(err, fs.ErrNotExist) {
			t.Fatalf("taken twice: %v", err)
		}
		holds(path, next)
	}
	taken(setUp())

	path, retired := setUp() // interrupted in between
	if err := os.Link(path, retired); err != nil {
		t.Fatal(err)
	}
	taken(path, retired)

	path, retired = setUp() // another key has the name
	if err := other.Save(retired); err != nil {
		t.Fatal(err)
	}
	if _, err := seal.TakeNext(path); err == nil || !strings.Contains(err.Error(), "move it away") {
		t.Fatalf("another retired key: %v", err)
	}
	holds(path, old)
	holds(retired, other)
	holds(seal.NextKeyFile(path), next)

	path, _ = setUp() // what waits is no key
	if err := os.WriteFile(seal.NextKeyFile(path), []byte("nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := seal.TakeNext(path); err == nil {
		t.Fatal("nonsense was put in place")
	}
	holds(path, old)
	if !strings.Contains(old.Public(), "+"+old.Hash()+"+") {
		t.Errorf("hash %s of %s", old.Hash(), old.Public())
	}
}
