package main

import (
	"crypto/rand"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/daybookhq/daybook/events/seal"
	"github.com/daybookhq/daybook/events/sink"
	"github.com/daybookhq/daybook/events/witness"
)

// aWitness makes the signing key of a trail, a witness for it, and the settings
// for servers to be witnessed, and to send to one file.
func aWitness(t *testing.T, keyFile string) elsewhere {
	t.Helper()
	key, err := seal.GenerateKey(rand.Reader, "logs.example/two")
	if err == nil {
		err = key.Save(keyFile)
	}
	if err != nil {
		t.Fatal(err)
	}
	own, err := witness.GenerateKey(rand.Reader, "witness.example/w1")
	if err != nil {
		t.Fatal(err)
	}
	state, err := witness.OpenState(t.TempDir(), own)
	if err != nil {
		t.Fatal(err)
	}
	log, err := witness.NewLog(key.Public(), "")
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewServer(witness.NewServer(witness.ServerOptions{Key: own, State: state, Logs: []witness.Log{log}}))
	t.Cleanup(w.Close)
	dir := t.TempDir()
	policy := filepath.Join(dir, "policy.txt")
	text := fmt.Sprintf("log %s\nwitness w1 %s %s\nquorum w1\n", key.Public(), own.Public(), w.URL)
	if err := os.WriteFile(policy, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return elsewhere{Policy: policy, Round: 10 * time.Millisecond, Every: 10 * time.Millisecond, Sinks: []string{filepath.Join(dir, "held")}}
}

// checkWitnessed waits until every server shows a checkpoint over the whole
// trail that the policy is satisfied by, and the sink holds it.
func checkWitnessed(t *testing.T, servers ...*Server) {
	t.Helper()
	for i, s := range servers {
		policy, err := s.settings.Elsewhere.policy(s.trail)
		if err != nil {
			t.Fatal(err)
		}
		held, err := sink.Open(s.settings.Elsewhere.Sinks[0], sink.Options{})
		if err != nil {
			t.Fatal(err)
		}
		head, err := s.trail.Head(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		eventually(t, fmt.Sprintf("server %d shows and sends a witnessed checkpoint of %d", i, head.Size), func() bool {
			signed, err := s.publish.rounds.Published(t.Context())
			if err != nil || !policy.Satisfied(signed) {
				return false
			}
			note, size, err := held.Latest(t.Context(), s.trail.Origin())
			return err == nil && size == head.Size && policy.Satisfied(note)
		})
		if d := s.publish.degraded(t.Context()); len(d) != 0 {
			t.Errorf("server %d: %v", i, d)
		}
	}
}
