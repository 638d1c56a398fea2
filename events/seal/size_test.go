package seal_test

import (
	"math"
	"testing"

	"github.com/daybookhq/daybook/events/seal"
)

// The arithmetic of proofs does not come to an end for sizes near the largest
// number. Anybody can write such a size into a file, and sign it with a key of
// their own.
func TestSizesBeyondAllTrees(t *testing.T) {
	key, public := newKey(t, "example.com/log")
	next, _ := newKey(t, "example.com/log")
	for _, size := range []int64{seal.MaxSize + 1, math.MaxInt64} {
		proof := make([]seal.Hash, 62)
		if err := seal.CheckInclusion(leaf(7), 7, size, leaf(1), proof); err == nil {
			t.Errorf("position 7 in a tree of %d passed", size)
		}
		if err := seal.CheckConsistencyProof(7, leaf(7), size, leaf(1), proof); err == nil {
			t.Errorf("7 to %d passed", size)
		}
		signed, err := key.Sign(size, leaf(1))
		if err != nil {
			t.Fatal(err)
		}
		if c, err := seal.OpenCheckpoint(signed, public); err == nil {
			t.Errorf("a checkpoint of %d leaves was opened: %+v", size, c)
		}
		// Nothing of it needs a key of the log that the reader means.
		x := seal.Rotation{Record: said(t, size-1, "key.rotated", "daybook:ledger", "ledger", key.Public(), next.Public()), Proof: proof}
		if x.Checkpoint, err = key.SignRotation(next, size, leaf(1)); err != nil {
			t.Fatal(err)
		}
		if _, err := seal.NewKeyring(key.Public(), x); err == nil {
			t.Errorf("a rotation at size %d passed", size)
		}
	}
}
