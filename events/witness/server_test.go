package witness_test

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	fnote "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"

	"github.com/daybookhq/daybook/events/witness"
)

// verify opens a checkpoint with what a witness answered, by a verifier that is
// not ours.
func verify(t testing.TB, vkey string, checkpoint []byte, answer string) *note.Note {
	t.Helper()
	v, err := fnote.NewVerifierForCosignatureV1(vkey)
	if err != nil {
		t.Fatal(err)
	}
	n, err := note.Open(append(append([]byte{}, checkpoint...), answer...), note.VerifierList(v))
	if err != nil || len(n.Sigs) != 1 {
		t.Fatalf("the answer %q does not co-sign: %v", answer, err)
	}
	at, err := fnote.CoSigV1Timestamp(n.Sigs[0])
	if err != nil || at.Unix() <= 0 || at.After(time.Now().Add(time.Minute)) {
		t.Fatalf("co-signed at %v, %v", at, err)
	}
	return n
}

// TestAddCheckpoint goes through what the protocol says of each answer.
func TestAddCheckpoint(t *testing.T) {
	log := newForeignLog(t, "logs.example/one").grow(0, 300, "a")
	other := log.branch().grow(0, 300, "b")
	stranger := newForeignLog(t, "logs.example/two").grow(0, 5, "c")
	imposter := newForeignLog(t, "logs.example/one").grow(0, 300, "a")
	key := newWitnessKey(t, "witness.example/w1")
	dir := t.TempDir()
	w := start(t, dir, key, log.vkey)

	// A log that it has seen nothing of.
	w.get(log, http.StatusNotFound)
	for name, c := range map[string]struct {
		body   string
		status int
	}{
		"unknown log":                  {stranger.request(0, 5), 404},
		"another key of that name":     {imposter.request(0, 100), 403},
		"a bad signature of the key":   {"old 0\n\n" + strings.Replace(string(log.checkpoint(100)), "\n100\n", "\n101\n", 1), 403},
		"unsigned":                     {"old 0\n\n" + log.text(100) + "\n", 400},
		"no checkpoint":                {"old 0\n\n", 400},
		"no empty line":                {"old 0\n", 400},
		"empty":                        {"", 400},
		"old with a zero before":       {"old 00\n\n" + string(log.checkpoint(100)), 400},
		"old with a sign":              {"old +0\n\n" + string(log.checkpoint(100)), 400},
		"old beyond all sizes":         {"old 9223372036854775808\n\n" + string(log.checkpoint(100)), 400},
		"a size beyond all trees":      {"old 0\n\n" + string(log.sign("logs.example/one\n9223372036854775807\n"+strings.Repeat("A", 43)+"=\n")), 400},
		"old larger than size":         {"old 101\n\n" + string(log.checkpoint(100)), 400},
		"a short hash":                 {"old 0\nAAAA\n\n" + string(log.checkpoint(100)), 400},
		"a hash that is none":          {"old 0\n" + strings.Repeat("*", 44) + "\n\n" + string(log.checkpoint(100)), 400},
		"line ends of another kind":    {strings.ReplaceAll(log.request(0, 100), "\n", "\r\n"), 400},
		"too many hashes":              {"old 1\n" + strings.Repeat(strings.Repeat("A", 43)+"=\n", 64) + "\n" + string(log.checkpoint(100)), 400},
		"more than anybody needs":      {"old 0\n\n" + string(log.checkpoint(100)) + strings.Repeat("x", witness.MaxRequestBytes), 413},
		"old though it has seen none":  {log.request(50, 100), 409},
		"a proof from nothing":         {"old 0\n" + log.proof(50, 100) + "\n" + string(log.checkpoint(100)), 422},
		"an empty tree that is none":   {"old 0\n\n" + string(log.sign(strings.Replace(log.text(100), "\n100\n", "\n0\n", 1))), 422},
		"a size with a zero before":    {"old 0\n\n" + string(log.sign(strings.Replace(log.text(100), "\n100\n", "\n0100\n", 1))), 400},
		"a text that is no checkpoint": {"old 0\n\n" + string(log.sign("logs.example/one\nhello\n")), 400},
		"a root that is none":          {"old 0\n\n" + string(log.sign("logs.example/one\n3\nAAAA\n")), 400},
	} {
		status, _, answer := w.post(c.body)
		if status != c.status {
			t.Errorf("%s: %d %q, want %d", name, status, answer, c.status)
		}
	}
	w.get(log, http.StatusNotFound)
	if status, typ, body := w.post(log.request(7, 100)); status != 409 || typ != "text/x.tlog.size" || body != "0\n" {
		t.Errorf("a size that it does not hold: %d, %s, %q", status, typ, body)
	}

	// The first it sees, of an empty tree at that; then the same one again.
	for _, step := range []struct{ old, size int64 }{{0, 0}, {0, 100}, {100, 100}, {100, 101}, {101, 256}, {256, 257}, {257, 300}} {
		verify(t, key.Public(), log.checkpoint(step.size), w.add(log.request(step.old, step.size)))
		kept, err := witness.OpenState(dir, key) // as a restart right now would find it
		if err != nil {
			t.Fatal(err)
		}
		if st, held := kept.Get("logs.example/one"); !held || st.Size() != step.size {
			t.Fatalf("answered for %d, kept %d", step.size, st.Size())
		}
		shown := w.get(log, http.StatusOK)
		both := note.VerifierList(mustVerifier(t, log.vkey), key.Verifier())
		if n, err := note.Open(shown, both); err != nil || len(n.Sigs) != 2 || n.Text != log.text(step.size) {
			t.Fatalf("shown at %d: %v\n%s", step.size, err, shown)
		}
	}

	// Now it holds 300.
	extended := log.text(300) + "extension 1\nextension 2\n"
	n := verify(t, key.Public(), log.sign(extended), w.add("old 300\n\n"+string(log.sign(extended))))
	if n.Text != extended {
		t.Error("the extension lines are not under the co-signature")
	}
	for name, c := range map[string]struct {
		body   string
		status int
	}{
		"a smaller one":              {log.request(100, 200), 409},
		"the first again":            {log.request(0, 300), 409},
		"back to it":                 {"old 300\n\n" + string(log.checkpoint(200)), 400},
		"another root":               {"old 300\n\n" + string(other.checkpoint(300)), 422},
		"a proof for the same size":  {"old 300\n" + log.proof(100, 300) + "\n" + string(log.checkpoint(300)), 422},
		"an empty line in extension": {"old 300\n\n" + string(log.sign(log.text(300)+"\nx\n")), 400},
	} {
		status, _, answer := w.post(c.body)
		if status != c.status {
			t.Errorf("%s: %d %q, want %d", name, status, answer, c.status)
		}
	}
	longer := log.branch()
	longer.hashes = append(longer.hashes, log.hashes...)
	longer.grow(300, 10, "a")
	forked := other.grow(300, 10, "b")
	for name, body := range map[string]string{
		"another history":          forked.request(300, 310),
		"no proof":                 "old 300\n\n" + string(longer.checkpoint(310)),
		"a proof with a hash more": "old 300\n" + longer.proof(300, 310) + strings.Repeat("A", 43) + "=\n\n" + string(longer.checkpoint(310)),
	} {
		if status, _, answer := w.post(body); status != 422 {
			t.Errorf("%s: %d %q, want 422", name, status, answer)
		}
	}
	verify(t, key.Public(), longer.checkpoint(310), w.add(longer.request(300, 310)))

	if resp, err := http.Get(w.srv.URL + "/add-checkpoint"); err != nil || resp.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("GET: %v, %v", resp.StatusCode, err)
	}
	if resp, err := http.Get(w.srv.URL + "/" + strings.Repeat("0", 64) + "/checkpoint"); err != nil || resp.StatusCode != http.StatusNotFound {
		t.Errorf("a log it does not know: %v, %v", resp.StatusCode, err)
	}
}

func mustVerifier(t testing.TB, vkey string) note.Verifier {
	t.Helper()
	v, err := note.NewVerifier(vkey)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// get asks for the checkpoint that the witness shows of a log.
func (r *running) get(l *foreignLog, want int) []byte {
	r.t.Helper()
	resp, err := http.Get(r.srv.URL + "/" + witness.OriginHash(l.signer.Name()) + "/checkpoint")
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != want {
		r.t.Fatalf("GET checkpoint: %d, want %d, %v", resp.StatusCode, want, err)
	}
	return b
}

// TestForksAreRemembered shows a witness two histories, restarts it, and looks
// whether it still holds the first and has the evidence.
func TestForksAreRemembered(t *testing.T) {
	log := newForeignLog(t, "logs.example/one").grow(0, 40, "a")
	other := log.branch().grow(0, 60, "b")
	key := newWitnessKey(t, "witness.example/w1")
	dir := t.TempDir()
	w := start(t, dir, key, log.vkey)
	w.add(log.request(0, 40))
	for range 3 { // once is enough to remember
		if status, _, _ := w.post("old 40\n\n" + string(other.checkpoint(40))); status != 422 {
			t.Fatalf("a fork was answered %d", status)
		}
	}
	w = start(t, dir, key, log.vkey)
	if status, _, _ := w.post(other.request(40, 60)); status != 422 {
		t.Errorf("what follows the fork was answered %d", status)
	}
	state, err := witness.OpenState(dir, key)
	if err != nil {
		t.Fatal(err)
	}
	st, held := state.Get("logs.example/one")
	if !held || st.Size() != 40 || len(st.Forks) != 1 || st.Forks[0].Size != 40 {
		t.Fatalf("held %v, %+v", held, st)
	}
	// Both of the pair are signed by the log, for whoever wants to see.
	for _, signed := range []string{st.Forks[0].Held, st.Forks[0].Other} {
		if _, err := note.Open([]byte(signed), note.VerifierList(mustVerifier(t, log.vkey))); err != nil {
			t.Errorf("evidence: %v\n%s", err, signed)
		}
	}
	if st.Forks[0].Other[:strings.Index(st.Forks[0].Other, "\n\n")+1] != other.text(40) {
		t.Errorf("kept\n%s", st.Forks[0].Other)
	}
	w.add(log.request(40, 40)) // the history that it knows goes on
}

// TestStateIsNotForgotten damages the state in every way a disk or an operator
// could, and expects a witness that does not start.
func TestStateIsNotForgotten(t *testing.T) {
	log := newForeignLog(t, "logs.example/one").grow(0, 40, "a")
	second := newForeignLog(t, "logs.example/two").grow(0, 10, "a")
	key := newWitnessKey(t, "witness.example/w1")
	dir := t.TempDir()
	w := start(t, dir, key, log.vkey, second.vkey)
	w.add(log.request(0, 40))
	w.add(second.request(0, 10))
	path := filepath.Join(dir, witness.OriginHash("logs.example/one")+".json")
	otherPath := filepath.Join(dir, witness.OriginHash("logs.example/two")+".json")
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("state file: %v, %v", info.Mode(), err)
	}
	others, err := os.ReadFile(otherPath)
	if err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string]string{
		"empty":        "",
		"cut off":      string(good[:len(good)/2]),
		"another size": strings.Replace(string(good), `\n40\n`, `\n39\n`, 1),
		"no object":    "[]",
		"an empty one": "{}",
		"another's":    string(others),
		"another name": strings.Replace(string(good), `"logs.example/one"`, `"logs.example/two"`, 1),
	} {
		if err := os.WriteFile(path, []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := witness.OpenState(dir, key); err == nil || !strings.Contains(err.Error(), "must not forget") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := os.WriteFile(path, good, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := witness.OpenState(dir, newWitnessKey(t, "witness.example/w1")); err == nil {
		t.Error("the state of another key was taken")
	}
	if err := os.WriteFile(filepath.Join(dir, ".new-1234"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := witness.OpenState(dir, key); err != nil {
		t.Errorf("a file that was never finished: %v", err)
	}
}

// TestRequestsRace sends what continues the held tree, in two histories and
// many sizes at once; whatever is co-signed must be one history.
func TestRequestsRace(t *testing.T) {
	t.Parallel()
	log := newForeignLog(t, "logs.example/one").grow(0, 64, "a")
	other := log.branch().grow(0, 64, "b")
	w := start(t, t.TempDir(), newWitnessKey(t, "witness.example/w1"), log.vkey)
	var mu sync.Mutex
	roots := map[string]string{} // size by branch
	var work sync.WaitGroup
	for i := range 8 {
		work.Go(func() {
			l, name := log, "a"
			if i%2 == 1 {
				l, name = other, "b"
			}
			old := int64(0)
			for size := int64(1 + i); size <= 64; size++ {
				status, _, answer := w.post(l.request(old, size))
				switch status {
				case http.StatusOK:
					mu.Lock()
					roots[fmt.Sprint(size)] += name
					mu.Unlock()
					old = size
				case http.StatusConflict:
					fmt.Sscan(answer, &old)
					size = max(size, old)
				}
			}
		})
	}
	work.Wait()
	all := ""
	for _, names := range roots {
		all += names
	}
	if all == "" || strings.Contains(all, "a") && strings.Contains(all, "b") {
		t.Fatalf("co-signed %v", roots)
	}
}

// TestAllowance holds a log to the number of requests that its entry allows.
func TestAllowance(t *testing.T) {
	log := newForeignLog(t, "logs.example/one").grow(0, 5, "a")
	logs, err := witness.ParseLogs([]byte("logs/v0\nvkey " + log.vkey + "\nqpd 24\ncontact ops team\n"))
	if err != nil {
		t.Fatal(err)
	}
	key := newWitnessKey(t, "witness.example/w1")
	state, err := witness.OpenState(t.TempDir(), key)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	w := startServer(t, witness.NewServer(witness.ServerOptions{Key: key, State: state, Logs: logs, Clock: func() time.Time { return now }}), key)
	for i, want := range []int{200, 429, 429} {
		if status, _, _ := w.post(log.request(0, 5)); status != want {
			t.Fatalf("request %d: %d, want %d", i, status, want)
		}
	}
	now = now.Add(time.Hour)
	if status, _, _ := w.post(log.request(5, 5)); status != 200 {
		t.Errorf("an hour later: %d", status)
	}
}
