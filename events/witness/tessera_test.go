package witness_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"testing"
	"time"

	"github.com/transparency-dev/tessera"
	"github.com/transparency-dev/tessera/storage/posix"
	"golang.org/x/mod/sumdb/note"

	"github.com/daybookhq/daybook/events/witness"
)

// TestTesseraIsWitnessed has Tessera, a log that is not ours, publish nothing
// but what two of our witnesses co-signed; its client sends the proofs.
func TestTesseraIsWitnessed(t *testing.T) {
	t.Parallel()
	skey, vkey, err := note.GenerateKey(rand.Reader, "logs.example/tessera")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(skey)
	if err != nil {
		t.Fatal(err)
	}
	policy, known := "", []note.Verifier{mustVerifier(t, vkey)}
	var dirs []string
	var keys []*witness.Key
	for i := range 2 {
		dirs, keys = append(dirs, t.TempDir()), append(keys, newWitnessKey(t, fmt.Sprintf("witness.example/%d", i)))
		w := start(t, dirs[i], keys[i], vkey)
		policy += fmt.Sprintf("witness w%d %s %s\n", i, keys[i].Public(), w.srv.URL)
		known = append(known, keys[i].Verifier())
	}
	group, err := tessera.NewWitnessGroupFromPolicy([]byte(policy + "group both all w0 w1\nquorum both\n"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	driver, err := posix.New(ctx, posix.Config{Path: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	appender, shutdown, reader, err := tessera.NewAppender(ctx, driver, tessera.NewAppendOptions().
		WithCheckpointSigner(signer).
		WithCheckpointInterval(100*time.Millisecond).
		WithBatching(64, 10*time.Millisecond).
		WithWitnesses(group, &tessera.WitnessOptions{Timeout: 30 * time.Second}))
	if err != nil {
		t.Fatal(err)
	}
	published := tessera.NewPublicationAwaiter(ctx, reader.ReadCheckpoint, 10*time.Millisecond)
	for round := range 3 {
		var last tessera.IndexFuture
		for i := range 100 {
			last = appender.Add(ctx, tessera.NewEntry(fmt.Append(nil, round, " ", i)))
		}
		index, checkpoint, err := published.Await(ctx, last)
		if err != nil {
			t.Fatal(err)
		}
		n, err := note.Open(checkpoint, note.VerifierList(known...))
		if err != nil || len(n.Sigs) != 3 {
			t.Fatalf("entry %d: %v\n%s", index.Index, err, checkpoint)
		}
	}
	if err := shutdown(ctx); err != nil {
		t.Fatal(err)
	}
	for i, dir := range dirs {
		state, err := witness.OpenState(dir, keys[i])
		if err != nil {
			t.Fatal(err)
		}
		if st, _ := state.Get("logs.example/tessera"); st.Size() != 300 || len(st.Forks) != 0 {
			t.Errorf("witness %d holds %d, forks %v", i, st.Size(), st.Forks)
		}
	}
}
