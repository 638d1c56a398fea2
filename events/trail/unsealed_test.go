package trail_test

import (
	"testing"

	"github.com/daybookhq/daybook/events/trail"
	"github.com/daybookhq/daybook/events/trail/trailtest"
)

// TestUnsealedIsTakenForNoTrail: what OpenUnsealed leaves behind cannot be
// mistaken for a trail, nor one be gone on with unsealed.
func TestUnsealedIsTakenForNoTrail(t *testing.T) {
	trailtest.Each(t, func(t *testing.T, o trail.Options) {
		tr, err := trail.OpenUnsealed(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		trailtest.Append(t, tr, trailtest.Notes(t, "n", 300)...)
		sayTheSame(t, "unsealed", tr)
		if r, err := tr.Verify(t.Context(), trail.VerifyOptions{}); err == nil && r.OK() {
			t.Error("it verifies")
		}
		if err := tr.Close(); err != nil {
			t.Fatal(err)
		}
		for _, open := range []func() (*trail.Trail, error){
			func() (*trail.Trail, error) { return trail.Open(t.Context(), o) },
			func() (*trail.Trail, error) { return trail.OpenUnsealed(t.Context(), o) },
		} {
			if tr, err := open(); err == nil {
				tr.Close()
				t.Error("it is opened again")
			}
		}
	})
}
