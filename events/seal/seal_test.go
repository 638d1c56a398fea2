package seal_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	mathrand "math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/daybookhq/daybook/events/seal"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func leaf(i int) seal.Hash { return seal.LeafHash([]byte(fmt.Sprint("record ", i))) }

// tiles is what a store keeps.
type tiles map[[2]int64][]byte

func (s tiles) read(level int, index int64) ([]byte, error) {
	b, ok := s[[2]int64{int64(level), index}]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return b, nil
}

func (s tiles) keep(t *testing.T, changed []seal.Tile) {
	for _, c := range changed {
		at := [2]int64{int64(c.Level), c.Index}
		if !bytes.HasPrefix(c.Hashes, s[at]) || c.Width() > seal.TileWidth || c.Width() == 0 {
			t.Fatalf("tile %v did not only grow", at)
		}
		s[at] = c.Hashes
	}
}

// TestTreeIsRFC6962 compares roots with another implementation, at every size,
// whatever the sizes of the appends, and loads each tree anew from its tiles.
func TestTreeIsRFC6962(t *testing.T) {
	const size = 70_000 // reaches level 2
	random := mathrand.New(mathrand.NewPCG(1, 1))
	stored := tiles{}
	tree := seal.NewTree()
	if tree.Root() != seal.EmptyRoot() {
		t.Fatal("root of the empty tree")
	}
	var hashes []tlog.Hash // as the other implementation stores them
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		out := make([]tlog.Hash, len(indexes))
		for i, x := range indexes {
			out[i] = hashes[x]
		}
		return out, nil
	})
	for n := 0; n < size; {
		step := 1 + random.IntN(3)
		if random.IntN(10) == 0 {
			step = random.IntN(2000)
		}
		var add []seal.Hash
		for range min(step, size-n) {
			add = append(add, leaf(n))
			more, err := tlog.StoredHashesForRecordHash(int64(n), tlog.Hash(leaf(n)), reader)
			if err != nil {
				t.Fatal(err)
			}
			hashes = append(hashes, more...)
			n++
		}
		before := tree.Clone()
		stored.keep(t, tree.Append(add))
		want, err := tlog.TreeHash(int64(n), reader)
		if err != nil {
			t.Fatal(err)
		}
		if got := tree.Root(); got != seal.Hash(want) {
			t.Fatalf("root at %d is %x, want %x", n, got, want)
		}
		if before.Size() != int64(n-len(add)) {
			t.Fatal("appending changed a clone")
		}
		loaded, err := seal.LoadTree(int64(n), stored.read)
		if err != nil || loaded.Root() != tree.Root() || loaded.Size() != int64(n) {
			t.Fatalf("loaded at %d: %v", n, err)
		}
		if random.IntN(20) == 0 {
			tree = loaded // and it grows on
		}
		// Any earlier tree can be had from the tiles of a later one.
		at := random.Int64N(int64(n) + 1)
		earlier, err := seal.LoadTree(at, stored.read)
		if err != nil {
			t.Fatal(err)
		}
		if at > 0 {
			if want, _ := tlog.TreeHash(at, reader); earlier.Root() != seal.Hash(want) {
				t.Fatalf("root of the first %d of %d", at, n)
			}
		}
	}
}

func TestLoadTreeRefusesShortTiles(t *testing.T) {
	stored := tiles{}
	tree := seal.NewTree()
	for i := range 300 {
		stored.keep(t, tree.Append([]seal.Hash{leaf(i)}))
	}
	at := [2]int64{0, 1}
	whole := stored[at]
	for _, bad := range [][]byte{whole[:len(whole)-1], whole[:seal.HashSize], {}} {
		stored[at] = bad
		if _, err := seal.LoadTree(300, stored.read); err == nil {
			t.Errorf("a tile of %d bytes was taken", len(bad))
		}
	}
	delete(stored, at)
	if _, err := seal.LoadTree(300, stored.read); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing tile: %v", err)
	}
	if _, err := seal.LoadTree(-1, stored.read); err == nil {
		t.Error("a negative size was taken")
	}
}

func newKey(t testing.TB, origin string) (*seal.Key, note.Verifier) {
	key, err := seal.GenerateKey(rand.Reader, origin)
	if err != nil {
		t.Fatal(err)
	}
	public, err := seal.ParsePublic(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	return key, public
}

func TestCheckpointIsWhatWasSigned(t *testing.T) {
	key, public := newKey(t, "logs.example.com/payments")
	root := leaf(1)
	signed, err := key.Sign(42, root)
	if err != nil {
		t.Fatal(err)
	}
	c, err := seal.OpenCheckpoint(signed, public)
	if err != nil || c.Size != 42 || c.Root != root || c.Origin != "logs.example.com/payments" {
		t.Fatalf("%+v, %v", c, err)
	}
	if again, _ := key.Sign(42, root); !bytes.Equal(again, signed) {
		t.Error("signing twice gave two checkpoints")
	}
	// The format that other tools read.
	lines := strings.Split(string(signed), "\n")
	if len(lines) != 6 || lines[0] != "logs.example.com/payments" || lines[1] != "42" || lines[3] != "" || !strings.HasPrefix(lines[4], "— logs.example.com/payments ") {
		t.Errorf("written as\n%s", signed)
	}
	for i := range signed {
		changed := bytes.Clone(signed)
		changed[i] ^= 1
		if c, err := seal.OpenCheckpoint(changed, public); err == nil {
			t.Fatalf("byte %d changed, still opened as %+v", i, c)
		}
	}
}

func TestCheckpointRefused(t *testing.T) {
	key, public := newKey(t, "example.com/log")
	other, _ := newKey(t, "example.com/log")
	sign := func(text string, key *seal.Key, dir string) []byte {
		path := filepath.Join(dir, "key")
		if err := key.Save(path); err != nil {
			t.Fatal(err)
		}
		secret, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		signer, err := note.NewSigner(strings.TrimSpace(string(secret)))
		if err != nil {
			t.Fatal(err)
		}
		b, err := note.Sign(&note.Note{Text: text}, signer)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	root := "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
	good := "example.com/log\n7\n" + root + "\n"
	if _, err := seal.OpenCheckpoint(sign(good, key, t.TempDir()), public); err != nil {
		t.Fatal(err)
	}
	if _, err := seal.OpenCheckpoint(sign(good, other, t.TempDir()), public); err == nil {
		t.Error("signed by another key of the same name")
	}
	for name, text := range map[string]string{
		"another origin":  "example.com/other\n7\n" + root + "\n",
		"leading zero":    "example.com/log\n07\n" + root + "\n",
		"plus sign":       "example.com/log\n+7\n" + root + "\n",
		"beyond int64":    "example.com/log\n18446744073709551615\n" + root + "\n",
		"short root":      "example.com/log\n7\nAAAA\n",
		"odd base64 tail": "example.com/log\n7\n" + root[:42] + "B=\n",
		"a further line":  good + "more\n",
		"no root":         "example.com/log\n7\n",
	} {
		if c, err := seal.OpenCheckpoint(sign(text, key, t.TempDir()), public); err == nil {
			t.Errorf("%s: opened as %+v", name, c)
		}
	}
	if _, err := seal.OpenCheckpoint(bytes.Repeat([]byte("x"), seal.MaxCheckpointBytes+1), public); err == nil {
		t.Error("a huge note was read")
	}
}

func TestKeyFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "signing.key")
	if _, err := seal.LoadKey(path); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("no file: %v", err)
	}
	key, _ := newKey(t, "example.com/log")
	if err := key.Save(path); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("mode %v, %v", info.Mode(), err)
	}
	loaded, err := seal.LoadKey(path)
	if err != nil || loaded.Public() != key.Public() || loaded.Origin() != "example.com/log" {
		t.Fatalf("loaded %+v, %v", loaded, err)
	}
	other, _ := newKey(t, "example.com/log")
	if err := other.Save(path); !errors.Is(err, fs.ErrExist) {
		t.Fatalf("a key was replaced: %v", err)
	}
	if entries, _ := os.ReadDir(filepath.Dir(path)); len(entries) != 1 {
		t.Errorf("left behind: %v", entries)
	}
	if err := os.WriteFile(path, []byte("not a key"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := seal.LoadKey(path); err == nil || strings.Contains(err.Error(), "not a key") && !strings.Contains(err.Error(), path) {
		t.Errorf("a broken file: %v", err)
	}
	for _, origin := range []string{"", "a b", "a+b", "a\nb", strings.Repeat("a", 201), "a\xff"} {
		if _, err := seal.GenerateKey(rand.Reader, origin); err == nil {
			t.Errorf("origin %q was taken", origin)
		}
	}
}

// FuzzOpenCheckpoint opens what comes from outside. What it takes must be what
// the key signed, so a fuzzer without the key must not get in with anything
// but the seed itself (and signatures by others beside it).
func FuzzOpenCheckpoint(f *testing.F) {
	key, err := seal.ParseKey("PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz")
	if err != nil {
		f.Fatal(err)
	}
	public, err := seal.ParsePublic(key.Public())
	if err != nil {
		f.Fatal(err)
	}
	root := leaf(7)
	signed, err := key.Sign(7, root)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(signed)
	f.Add([]byte("PeterNeumann\n7\n\n— PeterNeumann x08go/ZJ\n"))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := seal.OpenCheckpoint(b, public)
		if err == nil && (c.Size != 7 || c.Root != root || c.Origin != "PeterNeumann") {
			t.Fatalf("opened %+v, which was never signed", c)
		}
	})
}

func FuzzParseKey(f *testing.F) {
	f.Add("PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz")
	f.Add("PRIVATE+KEY+++")
	f.Fuzz(func(t *testing.T, text string) {
		key, err := seal.ParseKey(text)
		if err != nil {
			return
		}
		public, err := seal.ParsePublic(key.Public())
		if err != nil {
			t.Fatal(err)
		}
		signed, err := key.Sign(1, seal.EmptyRoot())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := seal.OpenCheckpoint(signed, public); err != nil {
			t.Fatal(err)
		}
	})
}
