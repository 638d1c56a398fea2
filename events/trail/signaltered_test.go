package trail_test

import (
	"strings"
	"testing"

	"github.com/daybookhq/daybook/events/seal"
	"github.com/daybookhq/daybook/events/trail"
	"github.com/daybookhq/daybook/events/trail/trailtest"
)

// Someone with the database alone cannot sign. A server that took an altered
// trail for its own would do it for them, with its next checkpoint.
func TestServerDoesNotSignAnAlteredTrail(t *testing.T) {
	trailtest.Each(t, func(t *testing.T, o trail.Options) {
		tr := trailtest.Open(t, o)
		trailtest.Append(t, tr, trailtest.Notes(t, "n", 10)...)
		if err := tr.Close(); err != nil {
			t.Fatal(err)
		}
		a := intrude(t, o)
		a.do(`UPDATE events SET body = replace(body, 'note 3 of', 'Note 3 of') WHERE position = 4`)
		var bodies []string
		if err := a.Select(&bodies, `SELECT body FROM events ORDER BY position`); err != nil {
			t.Fatal(err)
		}
		var leaves []seal.Hash
		for _, b := range bodies {
			leaves = append(leaves, seal.LeafHash([]byte(b)))
		}
		tree := seal.NewTree()
		a.do(`UPDATE tiles SET hashes = ? WHERE level = 0`, tree.Append(leaves)[0].Hashes)
		root := tree.Root()
		a.do(`UPDATE head SET root = ?`, root[:])
		refused := func(says string) {
			t.Helper()
			tr, err := trail.Open(t.Context(), o)
			if err == nil {
				tr.Close()
			}
			if err == nil || !strings.Contains(err.Error(), says) {
				t.Fatalf("opened for appending: %v, want an error with %q", err, says)
			}
		}
		refused("the checkpoint that was signed says")
		a.do(`UPDATE checkpoints SET note = replace(note, ?, ?) WHERE size = 11`, "\n11\n", "\n011\n")
		refused("cannot be relied on")
		a.do(`DELETE FROM checkpoints WHERE size = 11`)
		refused("cannot be relied on")
	})
}
