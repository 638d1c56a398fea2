package witness_test

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/daybookhq/daybook/events/witness"
)

// A foreignLog is a log that has nothing to do with this program: its trees,
// proofs and signatures are those of golang.org/x/mod.
type foreignLog struct {
	t      testing.TB
	signer note.Signer
	vkey   string
	hashes []tlog.Hash
}

func newForeignLog(t testing.TB, origin string) *foreignLog {
	t.Helper()
	skey, vkey, err := note.GenerateKey(rand.Reader, origin)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(skey)
	if err != nil {
		t.Fatal(err)
	}
	return &foreignLog{t: t, signer: signer, vkey: vkey}
}

// branch is another history under the same key.
func (l *foreignLog) branch() *foreignLog {
	return &foreignLog{t: l.t, signer: l.signer, vkey: l.vkey}
}

func (l *foreignLog) read(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, x := range indexes {
		out[i] = l.hashes[x]
	}
	return out, nil
}

// grow adds n records that hold text, so that branches differ.
func (l *foreignLog) grow(from, n int64, text string) *foreignLog {
	l.t.Helper()
	for i := range n {
		h, err := tlog.StoredHashes(from+i, fmt.Appendf(nil, "%s %d", text, from+i), tlog.HashReaderFunc(l.read))
		if err != nil {
			l.t.Fatal(err)
		}
		l.hashes = append(l.hashes, h...)
	}
	return l
}

func (l *foreignLog) text(size int64) string {
	l.t.Helper()
	h, err := tlog.TreeHash(size, tlog.HashReaderFunc(l.read))
	if err != nil {
		l.t.Fatal(err)
	}
	if size == 0 {
		h = tlog.Hash(emptyRoot)
	}
	return fmt.Sprintf("%s\n%d\n%s\n", l.signer.Name(), size, base64.StdEncoding.EncodeToString(h[:]))
}

func (l *foreignLog) sign(text string) []byte {
	l.t.Helper()
	b, err := note.Sign(&note.Note{Text: text}, l.signer)
	if err != nil {
		l.t.Fatal(err)
	}
	return b
}

func (l *foreignLog) checkpoint(size int64) []byte { return l.sign(l.text(size)) }

// proof is that of size continuing old, as the lines of a request.
func (l *foreignLog) proof(old, size int64) string {
	l.t.Helper()
	if old == 0 || old == size {
		return ""
	}
	p, err := tlog.ProveTree(size, old, tlog.HashReaderFunc(l.read))
	if err != nil {
		l.t.Fatal(err)
	}
	var b strings.Builder
	for _, h := range p {
		fmt.Fprintln(&b, h)
	}
	return b.String()
}

// request is the body of a call, written by the protocol's text.
func (l *foreignLog) request(old, size int64) string {
	return fmt.Sprintf("old %d\n%s\n%s", old, l.proof(old, size), l.checkpoint(size))
}

var emptyRoot = [32]byte{0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24,
	0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55}

// A running is a witness that answers on a port.
type running struct {
	t   testing.TB
	key *witness.Key
	srv *httptest.Server
}

// start runs a witness over a directory; starting again in the same one is a
// restart.
func start(t testing.TB, dir string, key *witness.Key, vkeys ...string) *running {
	t.Helper()
	state, err := witness.OpenState(dir, key)
	if err != nil {
		t.Fatal(err)
	}
	var logs []witness.Log
	for _, k := range vkeys {
		l, err := witness.NewLog(k, "")
		if err != nil {
			t.Fatal(err)
		}
		logs = append(logs, l)
	}
	if logs, err = witness.MergeLogs(logs); err != nil {
		t.Fatal(err)
	}
	return startServer(t, witness.NewServer(witness.ServerOptions{Key: key, State: state, Logs: logs}), key)
}

func startServer(t testing.TB, h http.Handler, key *witness.Key) *running {
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return &running{t, key, srv}
}

func newWitnessKey(t testing.TB, name string) *witness.Key {
	t.Helper()
	k, err := witness.GenerateKey(rand.Reader, name)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// post makes an add-checkpoint call.
func (r *running) post(body string) (status int, typ, answer string) {
	r.t.Helper()
	resp, err := http.Post(r.srv.URL+"/add-checkpoint", "", strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return resp.StatusCode, resp.Header.Get("Content-Type"), string(b)
}

// add makes a call that must succeed.
func (r *running) add(body string) string {
	r.t.Helper()
	status, _, answer := r.post(body)
	if status != http.StatusOK {
		r.t.Fatalf("answered %d: %s", status, answer)
	}
	return answer
}
