package trail_test

import (
	"math"
	"strings"
	"testing"

	"github.com/daybookhq/daybook/events/trail"
	"github.com/daybookhq/daybook/events/trail/trailtest"
)

// A head row that says more than there is costs whoever alters it one number. It
// must not cost whoever verifies a walk through all that it says.
func TestVerifyEndsWhereNothingIs(t *testing.T) {
	o := trailtest.SQLite(t)
	tr := trailtest.Open(t, o)
	trailtest.Append(t, tr, trailtest.Notes(t, "n", 10)...)
	signed, err := tr.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := tr.Close(); err != nil {
		t.Fatal(err)
	}
	a := intrude(t, o)
	for _, size := range []int64{1 << 40, math.MaxInt64} {
		a.do(`UPDATE head SET size = ?`, size)
		for _, from := range []int64{0, 5} {
			r, err := trail.Verify(t.Context(), o, trail.VerifyOptions{From: from, Elsewhere: elsewhere([][]byte{signed.Checkpoint})})
			if err != nil || r.OK() || r.FirstBad() != 11 {
				t.Fatalf("size %d, from %d: %+v, %v", size, from, r, err)
			}
			var text strings.Builder
			r.WriteTo(&text)
			if !strings.Contains(text.String(), "the events from here on are missing") {
				t.Fatalf("size %d, from %d:\n%s", size, from, text.String())
			}
		}
	}
}
