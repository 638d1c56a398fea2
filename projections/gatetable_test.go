package projections

import (
	"bytes"
	"strings"
	"testing"

	"github.com/daybookhq/daybook/projections/fold"
)

// A bypass that was seen and not declared is no reason to say that there was none.
func TestGatesTableNamesTheUndeclared(t *testing.T) {
	var out bytes.Buffer
	s := Stat{Name: "gates", Metrics: fold.Metrics{"bypasses_undeclared": {N: 2}}}
	if err := s.Table(&out); err != nil {
		t.Fatal(err)
	}
	got := out.String()
	if !strings.Contains(got, "No bypass of a gate is declared.") || !strings.Contains(got, "not declared: 2.") {
		t.Errorf("the table says\n%s", got)
	}
}

// What is approximate is printed so, whatever else is known of it.
func TestApproximateTimesSaySo(t *testing.T) {
	for want, m := range map[string]fold.Metric{
		"about 5 min":   {Seconds: new(300.0), Bound: fold.Exact, Approximate: true},
		"≥ about 5 min": {Seconds: new(300.0), Bound: fold.AtLeast, Approximate: true},
		"5 min":         {Seconds: new(300.0), Bound: fold.Exact},
	} {
		if got := metricText(m); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
