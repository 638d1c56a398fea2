package story_test

import (
	"fmt"
	"testing"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/events/trail/trailtest"
	"github.com/daybookhq/daybook/projections/story"
)

// A story of 1,000 events among others.
func BenchmarkLoad(b *testing.B) {
	tr := trailtest.Open(b, trailtest.SQLite(b))
	for i := range 10 {
		trailtest.Append(b, tr, trailtest.Notes(b, fmt.Sprintf("INC-%d", i), 1000)...)
	}
	h, err := tr.Head(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		s, err := story.Load(b.Context(), tr, events.Key{Kind: events.KindIncident, Value: "INC-5"}, h.Size)
		if err != nil || len(s.Views) != 1000 {
			b.Fatal(len(s.Views), err)
		}
	}
}
