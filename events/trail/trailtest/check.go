package trailtest

import (
	"strings"
	"testing"

	"github.com/daybookhq/daybook/events/trail"
)

// Check verifies all of a trail from its stored bytes and fails the test where
// anything does not fit.
func Check(tb testing.TB, tr *trail.Trail) trail.Report {
	tb.Helper()
	r, err := tr.Verify(tb.Context(), trail.VerifyOptions{})
	if err != nil {
		tb.Fatal(err)
	}
	if !r.OK() {
		var text strings.Builder
		r.WriteTo(&text)
		tb.Fatalf("the trail does not verify:\n%s", text.String())
	}
	return r
}
