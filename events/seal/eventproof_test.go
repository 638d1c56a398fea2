package seal_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/daybookhq/daybook/events/seal"
	"github.com/transparency-dev/formats/proof"
	"golang.org/x/mod/sumdb/note"
)

// provable is a log of recorded events, and the file that proves one of them.
func provable(t testing.TB, key *seal.Key, size, position int64) *seal.EventProof {
	g := newGrowing(t, key)
	for g.size < size {
		g.add(said(t, g.size, "note.added", "/test", "token/test", "a", "b"))
	}
	return &seal.EventProof{
		Position: position, Event: said(t, position, "note.added", "/test", "token/test", "a", "b"),
		Hashes: g.proof(position, size), Checkpoint: g.sign(key, size),
	}
}

func marshal(t testing.TB, p *seal.EventProof) []byte {
	t.Helper()
	b, err := p.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestEventProofIsATlogProof(t *testing.T) {
	key, public := newKey(t, "example.com/log")
	for _, size := range []int64{1, 2, 7, 300} {
		p := provable(t, key, size, size/2)
		file := marshal(t, p)
		got, err := seal.ParseEventProof(file)
		if err != nil {
			t.Fatal(err)
		}
		c, err := got.Check(key.Public())
		if err != nil || c.Size != size || got.Leaf != seal.LeafHash(p.Event) || !bytes.Equal(got.Event, p.Event) {
			t.Fatalf("size %d: %+v, %v", size, c, err)
		}
		// What others read in it.
		var theirs proof.TLogProof
		if err := theirs.Unmarshal(file); err != nil {
			t.Fatal(err)
		}
		n, err := note.Open(theirs.Checkpoint, note.VerifierList(public))
		if err != nil || theirs.Index != uint64(size/2) || !bytes.Equal(theirs.ExtraData, p.Event) || !strings.HasPrefix(n.Text, fmt.Sprintf("example.com/log\n%d\n", size)) {
			t.Fatalf("another implementation reads %+v, %v", theirs, err)
		}
	}
}

func TestEventProofOfTheErased(t *testing.T) {
	key, _ := newKey(t, "example.com/log")
	p := provable(t, key, 5, 3)
	p.Event, p.Leaf = nil, seal.LeafHash(p.Event)
	got, err := seal.ParseEventProof(marshal(t, p))
	if err != nil || got.Event != nil || got.Leaf != p.Leaf {
		t.Fatalf("%+v, %v", got, err)
	}
	if _, err := got.Check(key.Public()); err != nil {
		t.Fatal(err)
	}
	got.Leaf[0] ^= 1
	if _, err := got.Check(key.Public()); !errors.Is(err, seal.ErrProof) {
		t.Fatalf("another leaf: %v", err)
	}
}

// TestEventProofFollowsTheKey proves events under each of three keys to
// somebody who knows the first alone.
func TestEventProofFollowsTheKey(t *testing.T) {
	g, keys, chain := rotatedTwice(t)
	for i, size := range []int64{8, 20, 40} {
		p := seal.EventProof{Position: 9, Event: chain[0].Record, Hashes: nil, Rotations: chain, Checkpoint: g.sign(keys[i], size)}
		if size <= 9 {
			continue
		}
		p.Hashes = g.proof(9, size)
		got, err := seal.ParseEventProof(marshal(t, &p))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := got.Check(keys[0].Public()); err != nil {
			t.Errorf("under key %d: %v", i+1, err)
		}
		got.Rotations = nil
		if _, err := got.Check(keys[0].Public()); !errors.Is(err, seal.ErrUnknownKey) {
			t.Errorf("under key %d, which nothing leads to: %v", i+1, err)
		}
	}
}

// TestEventProofRefused gives each thing that may be wrong its own message.
func TestEventProofRefused(t *testing.T) {
	key, _ := newKey(t, "example.com/log")
	impostor, _ := newKey(t, "example.com/log")
	other, _ := newKey(t, "example.com/other")
	for name, c := range map[string]struct {
		public string
		change func(*seal.EventProof)
		want   string
	}{
		"another log":        {other.Public(), func(*seal.EventProof) {}, `it is a proof of the log "example.com/log", the public key is that of "example.com/other"`},
		"wrong key":          {impostor.Public(), func(*seal.EventProof) {}, "another key than the one given signed it"},
		"changed event":      {key.Public(), func(p *seal.EventProof) { p.Leaf[3] ^= 1 }, "the event, its position or a hash of the proof was changed"},
		"changed hash":       {key.Public(), func(p *seal.EventProof) { p.Hashes[1][3] ^= 1 }, "the event, its position or a hash of the proof was changed"},
		"another position":   {key.Public(), func(p *seal.EventProof) { p.Position++ }, "the event, its position or a hash of the proof was changed"},
		"beyond":             {key.Public(), func(p *seal.EventProof) { p.Position = 300 }, "position 300 is beyond the size: a tree of 300 leaves ends at position 299"},
		"changed root":       {key.Public(), func(p *seal.EventProof) { p.Checkpoint[25] ^= 1 }, "its checkpoint or the signature under it was changed"},
		"changed size":       {key.Public(), func(p *seal.EventProof) { p.Checkpoint[17] ^= 1 }, "its checkpoint or the signature under it was changed"},
		"rotations of other": {key.Public(), func(p *seal.EventProof) { _, _, p.Rotations = rotatedTwice(t) }, "not a key of this log"},
	} {
		p := provable(t, key, 300, 40)
		p.Leaf = seal.LeafHash(p.Event)
		c.change(p)
		if _, err := p.Check(c.public); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Sealed, but not what it says it is.
	g := newGrowing(t, key)
	g.add([]byte("{}"))
	g.add(said(t, 7, "note.added", "/test", "token/test", "a", "b"))
	for i, want := range []string{"no recorded event", "says it is #7"} {
		p := &seal.EventProof{Position: int64(i), Event: []byte("{}"), Hashes: g.proof(int64(i), 2), Checkpoint: g.sign(key, 2)}
		if i == 1 {
			p.Event = said(t, 7, "note.added", "/test", "token/test", "a", "b")
		}
		p.Leaf = seal.LeafHash(p.Event)
		if _, err := p.Check(key.Public()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%d: %v", i, err)
		}
	}
}

// TestEventProofMalformed names the line at fault.
func TestEventProofMalformed(t *testing.T) {
	key, _ := newKey(t, "example.com/log")
	good := strings.SplitAfter(string(marshal(t, provable(t, key, 4, 1))), "\n")
	// 1 header, 2 extra, 3 index, 4 and 5 hashes, 6 empty, 7 origin, 8 size, 9 root, 10 empty, 11 signature
	for name, c := range map[string]struct {
		line   int
		change func(l []string) []string
	}{
		"empty":            {1, func([]string) []string { return nil }},
		"another header":   {1, func(l []string) []string { l[0] = "c2sp.org/tlog-proof@v2\n"; return l }},
		"no extra":         {2, func(l []string) []string { return slices.Delete(l, 1, 2) }},
		"extra of nothing": {2, func(l []string) []string { l[1] = "extra \n"; return l }},
		"no base64":        {2, func(l []string) []string { l[1] = "extra !\n"; return l }},
		"lax base64":       {2, func(l []string) []string { l[1] = "extra QR==\n"; return l }},
		"bad rotations": {2, func(l []string) []string {
			l[1] = "extra " + base64.StdEncoding.EncodeToString([]byte("{}\n{}")) + "\n"
			return l
		}},
		"empty rotations": {2, func(l []string) []string {
			l[1] = "extra " + base64.StdEncoding.EncodeToString([]byte("{}\n[]")) + "\n"
			return l
		}},
		"bad erased": {2, func(l []string) []string {
			l[1] = "extra " + base64.StdEncoding.EncodeToString([]byte("erased x")) + "\n"
			return l
		}},
		"no index":         {3, func(l []string) []string { return slices.Delete(l, 2, 3) }},
		"negative":         {3, func(l []string) []string { l[2] = "index -1\n"; return l }},
		"leading zero":     {3, func(l []string) []string { l[2] = "index 01\n"; return l }},
		"CR LF":            {3, func(l []string) []string { l[2] = "index 1\r\n"; return l }},
		"short hash":       {4, func(l []string) []string { l[3] = "AAAA\n"; return l }},
		"too many hashes":  {68, func(l []string) []string { return slices.Insert(l, 3, slices.Repeat(l[3:4], 65)...) }},
		"no empty line":    {6, func(l []string) []string { return slices.Delete(l, 5, 6) }},
		"cut off":          {6, func(l []string) []string { return l[:5] }},
		"no checkpoint":    {7, func(l []string) []string { return l[:6] }},
		"no origin":        {7, func(l []string) []string { l[6] = "\n"; return l }},
		"no size":          {8, func(l []string) []string { l[7] = "four\n"; return l }},
		"no root":          {9, func(l []string) []string { l[8] = "AAAA\n"; return l }},
		"extension line":   {10, func(l []string) []string { return slices.Insert(l, 9, "more\n") }},
		"no signature":     {11, func(l []string) []string { return l[:10] }},
		"no end of line":   {11, func(l []string) []string { l[10] = strings.TrimSuffix(l[10], "\n"); return l }},
		"something after":  {12, func(l []string) []string { return append(l, "more\n") }},
		"more than a file": {1, func(l []string) []string { return append(l, strings.Repeat("a", seal.MaxEventProofBytes)) }},
	} {
		file := strings.Join(c.change(slices.DeleteFunc(slices.Clone(good), func(s string) bool { return s == "" })), "")
		p, err := seal.ParseEventProof([]byte(file))
		var at *seal.LineError
		if !errors.As(err, &at) || at.Line != c.line {
			t.Errorf("%s: %+v, %v; line %d is at fault", name, p, err, c.line)
		}
	}
}

// FuzzParseEventProof reads what comes from outside. Nothing that its key did
// not sign may hold.
func FuzzParseEventProof(f *testing.F) {
	key, err := seal.ParseKey("PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz")
	if err != nil {
		f.Fatal(err)
	}
	good := provable(f, key, 5, 2)
	f.Add(marshal(f, good))
	f.Add(marshal(f, &seal.EventProof{Position: 2, Leaf: seal.LeafHash(good.Event), Hashes: good.Hashes, Checkpoint: good.Checkpoint}))
	_, _, chain := rotatedTwice(f)
	f.Add(marshal(f, &seal.EventProof{Position: 2, Event: good.Event, Rotations: chain, Checkpoint: good.Checkpoint}))
	f.Add([]byte(seal.EventProofBegins))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := seal.ParseEventProof(b)
		if err != nil {
			var at *seal.LineError
			if !errors.As(err, &at) || at.Line < 1 || at.Line > 1+bytes.Count(b, []byte("\n")) {
				t.Fatalf("no line of the file: %v", err)
			}
			return
		}
		if again := marshal(t, p); !bytes.Equal(again, b) {
			t.Fatalf("%q is read as what is written %q", b, again)
		}
		if c, err := p.Check(key.Public()); err == nil && (c.Size != 5 || p.Event != nil && p.Position == 2 && !bytes.Equal(p.Event, good.Event)) {
			t.Fatalf("%q holds", b)
		}
	})
}
