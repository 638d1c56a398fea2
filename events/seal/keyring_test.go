package seal_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/events/seal"
	"golang.org/x/mod/sumdb/tlog"
)

// growing is a log that is kept in memory, to make proofs from.
type growing struct {
	t      testing.TB
	key    *seal.Key
	hashes []tlog.Hash
	size   int64
}

func newGrowing(t testing.TB, key *seal.Key) *growing { return &growing{t: t, key: key} }

func (g *growing) reader() tlog.HashReader {
	return tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		out := make([]tlog.Hash, len(indexes))
		for i, x := range indexes {
			out[i] = g.hashes[x]
		}
		return out, nil
	})
}

func (g *growing) add(record []byte) {
	more, err := tlog.StoredHashes(g.size, record, g.reader())
	if err != nil {
		g.t.Fatal(err)
	}
	g.hashes = append(g.hashes, more...)
	g.size++
}

func (g *growing) growTo(size int64) {
	for g.size < size {
		g.add(fmt.Append(nil, "record ", g.size))
	}
}

func (g *growing) root(size int64) seal.Hash {
	h, err := tlog.TreeHash(size, g.reader())
	if err != nil {
		g.t.Fatal(err)
	}
	return seal.Hash(h)
}

func (g *growing) sign(key *seal.Key, size int64) []byte {
	b, err := key.Sign(size, g.root(size))
	if err != nil {
		g.t.Fatal(err)
	}
	return b
}

// said is the recorded event of a rotation.
func said(t testing.TB, position int64, typ, source, writer, oldKey, newKey string) []byte {
	e, err := events.Event{
		ID: fmt.Sprint("key/", position), Source: source, Type: events.FullType(typ),
		Time: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), AuthID: "u-9", DataContentType: "application/json",
		Data: fmt.Appendf(nil, `{"old_key":%q,"new_key":%q}`, oldKey, newKey),
	}.Checked()
	if err != nil {
		t.Fatal(err)
	}
	return e.Record(nil, position, time.Date(2026, 3, 1, 12, 0, 1, 0, time.UTC), writer, [16]byte{1})
}

// rotate changes the key as the ledger does.
func (g *growing) rotate() seal.Rotation {
	next, _ := newKey(g.t, g.key.Origin())
	return g.rotateTo(next)
}

func (g *growing) rotateTo(next *seal.Key) seal.Rotation {
	x := seal.Rotation{Record: said(g.t, g.size, "key.rotated", "daybook:ledger", "ledger", g.key.Public(), next.Public())}
	g.add(x.Record)
	x.Proof = g.proof(g.size-1, g.size)
	var err error
	if x.Checkpoint, err = g.key.SignRotation(next, g.size, g.root(g.size)); err != nil {
		g.t.Fatal(err)
	}
	g.key = next
	return x
}

func (g *growing) proof(position, size int64) (hashes []seal.Hash) {
	p, err := tlog.ProveRecord(size, position, g.reader())
	if err != nil {
		g.t.Fatal(err)
	}
	for _, h := range p {
		hashes = append(hashes, seal.Hash(h))
	}
	return hashes
}

// rotatedTwice is a log of 40 events with rotations at #9 and #29: the first
// key signs up to 10, the second from 10 to 30, the third from 30.
func rotatedTwice(t testing.TB) (g *growing, keys [3]*seal.Key, chain []seal.Rotation) {
	keys[0], _ = newKey(t, "example.com/log")
	g = newGrowing(t, keys[0])
	g.growTo(9)
	chain = append(chain, g.rotate())
	keys[1] = g.key
	g.growTo(29)
	chain = append(chain, g.rotate())
	keys[2] = g.key
	g.growTo(40)
	return g, keys, chain
}

func TestKeyringOfOneKeyIsThatKey(t *testing.T) {
	key, public := newKey(t, "example.com/log")
	other, _ := newKey(t, "example.com/log")
	ring, err := seal.NewKeyring(" " + key.Public() + "\n")
	if err != nil || ring.Origin() != "example.com/log" || ring.First() != key.Public() || ring.Current() != key.Public() {
		t.Fatalf("%+v, %v", ring, err)
	}
	signed, err := key.Sign(7, leaf(7))
	if err != nil {
		t.Fatal(err)
	}
	want, err := seal.OpenCheckpoint(signed, public)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := ring.Open(signed); err != nil || got != want {
		t.Fatalf("%+v, %v", got, err)
	}
	signed, _ = other.Sign(7, leaf(7))
	if _, err := ring.Open(signed); !errors.Is(err, seal.ErrUnknownKey) || !strings.Contains(err.Error(), "example.com/log") {
		t.Fatalf("by another key of the same name: %v", err)
	}
	if _, err := seal.NewKeyring("nonsense"); err == nil {
		t.Fatal("a ring of nonsense")
	}
}

// TestKeyringFollowsRotations opens a checkpoint of every size under every
// key, with each of the three keys as the one that is known.
func TestKeyringFollowsRotations(t *testing.T) {
	g, keys, chain := rotatedTwice(t)
	text, err := seal.FormatRotations(chain)
	if err != nil {
		t.Fatal(err)
	}
	if chain, err = seal.ParseRotations(text); err != nil || len(chain) != 2 {
		t.Fatalf("read back: %d, %v", len(chain), err)
	}
	for known := range keys {
		ring, err := seal.NewKeyring(keys[known].Public(), chain...)
		if err != nil {
			t.Fatalf("knowing key %d: %v", known, err)
		}
		if ring.First() != keys[0].Public() || ring.Current() != keys[2].Public() {
			t.Fatalf("from %s to %s", ring.First(), ring.Current())
		}
		spans := fmt.Sprint(ring.Spans())
		if want := fmt.Sprintf("[{%s 0 10} {%s 10 30} {%s 30 0}]", keys[0].Public(), keys[1].Public(), keys[2].Public()); spans != want {
			t.Fatalf("spans %s, want %s", spans, want)
		}
		for size := int64(1); size <= g.size; size++ {
			for i, key := range keys {
				right := i == 0 && size < 10 || i == 1 && size > 10 && size < 30 || i == 2 && size > 30
				c, err := ring.Open(g.sign(key, size))
				if (err == nil) != right || right && (c.Size != size || c.Root != g.root(size)) {
					t.Fatalf("size %d by key %d: %+v, %v", size, i, c, err)
				}
			}
		}
		for _, x := range chain {
			if _, err := ring.Open(x.Checkpoint); err != nil {
				t.Fatalf("the checkpoint of a rotation: %v", err)
			}
		}
	}
	ring, err := seal.NewKeyring(keys[0].Public(), chain...)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		signed []byte
		says   string
	}{
		"the old key afterwards":        {g.sign(keys[0], 11), "which was replaced at size 10"},
		"the new key before":            {g.sign(keys[1], 9), "which signs only from size 10 on"},
		"the new key alone where both":  {g.sign(keys[1], 10), "the signature by the key " + keys[0].Public() + " is missing"},
		"the old key alone where both":  {g.sign(keys[0], 10), "the signature by the key " + keys[1].Public() + " is missing"},
		"the third key before its time": {g.sign(keys[2], 20), "which signs only from size 30 on"},
	} {
		if _, err := ring.Open(c.signed); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
	}
	// Both sign only where the keys change.
	if signed, _ := keys[0].SignRotation(keys[1], 20, g.root(20)); signed != nil {
		if _, err := ring.Open(signed); err == nil {
			t.Error("both keys, in the middle of the second's time")
		}
	}
}

func TestKeyringRefusesBrokenChains(t *testing.T) {
	g, keys, chain := rotatedTwice(t)
	stranger, _ := newKey(t, "example.com/log")
	elsewhere, _ := newKey(t, "example.com/other")
	with := func(change func(x *seal.Rotation)) []seal.Rotation {
		x := chain[0]
		x.Record, x.Checkpoint, x.Proof = bytes.Clone(x.Record), bytes.Clone(x.Checkpoint), append([]seal.Hash(nil), x.Proof...)
		change(&x)
		return []seal.Rotation{x, chain[1]}
	}
	// forge is what somebody with the database, but without the old key, can
	// put in its place: their event in a tree of their own.
	forge := func(typ, source, writer, oldKey, newKey string, signers ...*seal.Key) []seal.Rotation {
		f := newGrowing(t, keys[0])
		f.growTo(9)
		record := said(t, 9, typ, source, writer, oldKey, newKey)
		f.add(record)
		signed := f.sign(signers[0], 10)
		if len(signers) > 1 {
			var err error
			if signed, err = signers[0].SignRotation(signers[1], 10, f.root(10)); err != nil {
				t.Fatal(err)
			}
		}
		return []seal.Rotation{{record, f.proof(9, 10), signed}}
	}
	first, second := keys[0].Public(), keys[1].Public()
	later := newGrowing(t, keys[0])
	later.growTo(9)
	record := said(t, 9, "key.rotated", "daybook:ledger", "ledger", first, second)
	later.add(record)
	later.growTo(12)
	laterSigned, _ := keys[0].SignRotation(keys[1], 12, later.root(12))
	back := newGrowing(t, keys[0])
	there := back.rotateTo(keys[1])
	again := back.rotateTo(keys[0])

	for name, c := range map[string]struct {
		known string
		chain []seal.Rotation
		says  string
	}{
		"a key that is none of them":     {stranger.Public(), chain, "not a key of this log"},
		"a byte of the event changed":    {first, with(func(x *seal.Rotation) { x.Record = bytes.Replace(x.Record, []byte("u-9"), []byte("u-8"), 1) }), "not under the checkpoint"},
		"a hash of the proof changed":    {first, with(func(x *seal.Rotation) { x.Proof[0][0] ^= 1 }), "not under the checkpoint"},
		"no proof":                       {first, with(func(x *seal.Rotation) { x.Proof = nil }), "not under the checkpoint"},
		"no checkpoint":                  {first, with(func(x *seal.Rotation) { x.Checkpoint = nil }), "checkpoint"},
		"no event":                       {first, with(func(x *seal.Rotation) { x.Record = nil }), "cannot be read"},
		"signed by the old key only":     {first, with(func(x *seal.Rotation) { x.Checkpoint = g.sign(keys[0], 10) }), "the signature by " + second + " is missing"},
		"signed by the new key only":     {first, with(func(x *seal.Rotation) { x.Checkpoint = g.sign(keys[1], 10) }), "the signature by " + first + " is missing"},
		"the first link is missing":      {first, chain[1:], "not a key of this log"},
		"the links swapped":              {first, []seal.Rotation{chain[1], chain[0]}, "it replaces"},
		"a link twice":                   {first, []seal.Rotation{chain[0], chain[0]}, "it replaces"},
		"forged without the old key":     {first, forge("key.rotated", "daybook:ledger", "ledger", first, stranger.Public(), stranger), "the signature by " + first + " is missing"},
		"written by a producer":          {first, forge("key.rotated", "/ci", "token/ci", first, second, keys[0], keys[1]), "is not the ledger's key.rotated"},
		"the ledger's source, not by it": {first, forge("key.rotated", "daybook:ledger", "token/ci", first, second, keys[0], keys[1]), "is not the ledger's key.rotated"},
		"another event":                  {first, forge("note.added", "daybook:ledger", "ledger", first, second, keys[0], keys[1]), "is not the ledger's key.rotated"},
		"to the key of another log":      {first, forge("key.rotated", "daybook:ledger", "ledger", first, elsewhere.Public(), keys[0], elsewhere), `the new one for "example.com/other"`},
		"to no key":                      {first, forge("key.rotated", "daybook:ledger", "ledger", first, "nonsense", keys[0], keys[1]), "is not a public key"},
		"to itself":                      {first, forge("key.rotated", "daybook:ledger", "ledger", first, first, keys[0]), "have the same hash"},
		"not the first that covers it":   {first, []seal.Rotation{{record, later.proof(9, 12), laterSigned}}, "must be the first that covers the event"},
		"back to an earlier key":         {first, []seal.Rotation{there, again}, "goes back"},
	} {
		if ring, err := seal.NewKeyring(c.known, c.chain...); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %+v, %v, want %q", name, ring, err, c.says)
		}
	}
}

// FuzzParseRotations reads chains from outside. Whatever is taken for a chain
// must be what the keys signed.
func FuzzParseRotations(f *testing.F) {
	g, keys, chain := rotatedTwice(f)
	text, err := seal.FormatRotations(chain)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte(`[]`))
	f.Add([]byte(`[{"record":"{}","proof":["AA=="],"checkpoint":""}]`))
	f.Add([]byte(`[{"record":"","proof":null,"checkpoint":"a\n1\n\n"}]`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, b []byte) {
		read, err := seal.ParseRotations(b)
		if err != nil {
			return
		}
		ring, err := seal.NewKeyring(keys[0].Public(), read...)
		if err != nil {
			return
		}
		if n := len(ring.Spans()); n > 3 || ring.First() != keys[0].Public() {
			t.Fatalf("a chain of %d keys that was never signed", n)
		}
		if _, err := ring.Open(g.sign(keys[2], 40)); (err == nil) != (ring.Current() == keys[2].Public()) {
			t.Fatalf("ring up to %s: %v", ring.Current(), err)
		}
	})
}

func BenchmarkKeyringOpen(b *testing.B) {
	g, keys, chain := rotatedTwice(b)
	ring, err := seal.NewKeyring(keys[0].Public(), chain...)
	if err != nil {
		b.Fatal(err)
	}
	signed := g.sign(keys[2], 40)
	for b.Loop() {
		if _, err := ring.Open(signed); err != nil {
			b.Fatal(err)
		}
	}
}
