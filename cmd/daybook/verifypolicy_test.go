package main

import (
	"bytes"
	"crypto/rand"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/events/seal"
	"github.com/daybookhq/daybook/events/witness"
)

// Whoever gives a witness policy wants it heeded, whatever kind of file it is
// about, and is not told of witnesses where it asks for none.
func TestVerifyHeedsTheWitnessPolicy(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, b []byte) string {
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, b, 0o644); err != nil {
			t.Fatal(err)
		}
		return name
	}
	key, err := seal.GenerateKey(rand.Reader, "logs.example/payments")
	if err != nil {
		t.Fatal(err)
	}
	w, err := witness.GenerateKey(rand.Reader, "witness.example/w1")
	if err != nil {
		t.Fatal(err)
	}
	one := write("one", []byte("witness w1 "+w.Public()+"\nquorum w1\n"))
	none := write("none", []byte("quorum none\n"))

	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	e, err := events.Event{ID: "n-1", Source: "ci", Type: events.FullType("note.added"), Time: at,
		DataContentType: "application/json", Data: []byte(`{"text":"hello"}`)}.Checked()
	if err != nil {
		t.Fatal(err)
	}
	p := seal.EventProof{Event: e.Record(nil, 0, at, "ci", [16]byte{1})}
	p.Leaf = seal.LeafHash(p.Event)
	if p.Checkpoint, err = key.Sign(1, p.Leaf); err != nil {
		t.Fatal(err)
	}
	proof, err := p.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	p.Event = nil
	emptied, err := p.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, file, policy string
		code               int
		says, saysNot      string
	}{
		{"a checkpoint that nobody co-signed", write("checkpoint", p.Checkpoint), one, exitNo, "has not the co-signatures that the witness policy asks for", "It holds"},
		{"a checkpoint, where none is asked for", write("checkpoint", p.Checkpoint), none, exitDone, "It holds", "witnesses"},
		{"a proof that nobody co-signed", write("proof", proof), one, exitNo, "has not the co-signatures that the witness policy asks for", "It holds"},
		{"a proof, where none is asked for", write("proof", proof), none, exitDone, "the witness policy asks for no co-signature", "enough witnesses"},
		{"a proof whose content was taken out", write("emptied", emptied), none, exitDone, "that its content was erased: so says the file", "byte for byte"},
	} {
		var out, errs bytes.Buffer
		code := execute(t.Context(), []string{"verify", c.file, "--public-key", key.Public(), "--witness-policy", c.policy}, nil, &out, &errs)
		if code != c.code || !strings.Contains(out.String(), c.says) || strings.Contains(out.String(), c.saysNot) {
			t.Errorf("%s: exit %d, %s\n%s", c.name, code, errs.String(), out.String())
		}
	}
}
