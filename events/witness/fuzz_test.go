package witness

import (
	"bytes"
	"crypto/rand"
	"strings"
	"testing"
	"time"

	fwitness "github.com/transparency-dev/formats/witness"
	"golang.org/x/mod/sumdb/note"

	"github.com/daybookhq/daybook/events/seal"
)

const fuzzedCheckpoint = "logs.example/one\n1\nF9ZizBEAixrN2qBRS7mStFfHcay4FCnVMniKdG/dqzE=\n\n— logs.example/one Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n"

// FuzzRequest: what is read is written again as it came, and whatever is sent
// gets an answer of the protocol.
func FuzzRequest(f *testing.F) {
	key, err := GenerateKey(rand.Reader, "witness.example/w1")
	if err != nil {
		f.Fatal(err)
	}
	state, err := OpenState(f.TempDir(), key)
	if err != nil {
		f.Fatal(err)
	}
	_, vkey, err := note.GenerateKey(rand.Reader, "logs.example/one")
	if err != nil {
		f.Fatal(err)
	}
	l, err := NewLog(vkey, "")
	if err != nil {
		f.Fatal(err)
	}
	s := NewServer(ServerOptions{Key: key, State: state, Logs: []Log{l}})
	hash := strings.Repeat("A", 43) + "=\n"
	for _, seed := range []string{
		"", "old 0\n\n", "old 0\n\n" + fuzzedCheckpoint, "old 1\n" + hash + "\n" + fuzzedCheckpoint, "old 00\n\nx", "old 9223372036854775807\n" + hash + hash + "\nlogs.example/one\n",
		"old 1\r\n\r\nx", "old 1\n" + strings.Repeat(hash, 64) + "\nx",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		r, err := ParseRequest(body)
		if err != nil {
			return
		}
		if len(r.Proof) > MaxProofHashes || r.Old < 0 || !bytes.Equal(r.Bytes(), body) {
			t.Fatalf("%q was read as %q", body, r.Bytes())
		}
		if a := s.decide(r); a.status != 404 && a.status != 400 && a.status != 403 {
			t.Fatalf("%q, which nobody signed, was answered %d", body, a.status)
		}
	})
}

// FuzzPolicy: a policy that is taken is one that formats would take too, and
// none is met by a checkpoint without co-signatures but that of no witness.
func FuzzPolicy(f *testing.F) {
	key, err := GenerateKey(rand.Reader, "witness.example/w1")
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{
		"quorum none\n", "witness a " + key.Public() + " https://a.example/\nquorum a\n", "witness a " + key.Public() + "\ngroup g any a\nquorum g\n",
		"# x\n\tgroup g 1 a\n", "log x\n", "witness none x\n", "quorum none\r\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := ParsePolicy(text)
		if err != nil {
			return
		}
		none := p.Satisfied([]byte(fuzzedCheckpoint))
		if says := bytes.Contains(text, []byte("none")); none && !says {
			t.Fatalf("met by nobody: %q", text)
		}
		for _, w := range p.Witnesses {
			if w.Verifier() == nil || w.URL != nil && w.URL.Host == "" {
				t.Fatalf("%+v in %q", w, text)
			}
		}
		// Where formats reads it at all, it reads the same.
		if theirs, err := fwitness.ParsePolicy(text); err == nil && theirs.Satisfied([]byte(fuzzedCheckpoint)) != none {
			t.Fatalf("formats says otherwise: %q", text)
		}
	})
}

func FuzzLogs(f *testing.F) {
	f.Add([]byte("logs/v0\nvkey logs.example/one+1f2e3d4c+AX\nqpd 1\ncontact x\n"))
	f.Add([]byte("logs/v0\n# nothing\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		logs, err := ParseLogs(text)
		if err != nil {
			return
		}
		seen := map[string]bool{}
		for _, l := range logs {
			if seen[l.Origin] || len(l.Keys) == 0 || l.verifiers == nil || l.PerDay < 0 {
				t.Fatalf("%+v in %q", l, text)
			}
			seen[l.Origin] = true
		}
	})
}

// FuzzAnswer: whatever a witness answers, what is kept of it is one line that
// verifies.
func FuzzAnswer(f *testing.F) {
	key, err := GenerateKey(rand.Reader, "witness.example/w1")
	if err != nil {
		f.Fatal(err)
	}
	text := seal.Checkpoint{Origin: "logs.example/one", Size: 1, Root: seal.LeafHash(nil)}.Text()
	_, line, err := key.cosign(&note.Note{Text: string(text)})
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{line, line + line, "— x AAAA\n" + line, "", "\n", "— \n", strings.TrimSuffix(line, "\n"), "12\n"} {
		f.Add([]byte(seed))
	}
	w := &Witness{Name: "w1", Key: key.Public(), verifier: key.Verifier()}
	f.Fuzz(func(t *testing.T, body []byte) {
		sig, err := w.read(body, string(text), time.Now())
		if err != nil {
			return
		}
		signed := string(text) + "\n" + lineOf(sig)
		if n, err := note.Open([]byte(signed), note.VerifierList(key.Verifier())); err != nil || len(n.Sigs) != 1 || !isLine(lineOf(sig)) {
			t.Fatalf("kept %q of %q: %v", lineOf(sig), body, err)
		}
	})
}

// FuzzStanding: a state file is taken only if this witness signed what is in it.
func FuzzStanding(f *testing.F) {
	key, err := GenerateKey(rand.Reader, "witness.example/w1")
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(`{"origin":"x","checkpoint":"x\n1\nAAAA\n\n— x AAAA\n"}`))
	f.Add([]byte(`{}`))
	f.Add([]byte(`[`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if st, err := readStanding(b, key); err == nil {
			t.Fatalf("%q was taken as %+v", b, st)
		}
	})
}
