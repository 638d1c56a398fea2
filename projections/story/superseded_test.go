package story

import (
	"testing"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/events/trail"
	"github.com/daybookhq/daybook/events/trail/trailtest"
)

// TestWhatAnAdministratorSetIsNotCorrected: a correction or retraction of a
// policy, finding or redaction changes nothing of how it is read.
func TestWhatAnAdministratorSetIsNotCorrected(t *testing.T) {
	trailtest.Each(t, func(t *testing.T, o trail.Options) {
		tr := trailtest.Open(t, o)
		data := func(s string) func(*events.Event) { return func(e *events.Event) { e.Data = []byte(s) } }
		for i, typ := range []string{"policy.set", "finding.acknowledged", "redaction.applied", "note.added"} {
			trailtest.Append(t, tr, trailtest.Event(t, typ, typ, data(`{"note":"as it was"}`)))
			trailtest.Append(t, tr,
				trailtest.Event(t, "c"+typ, "event.corrected", data(`{"corrects":{"source":"/test","id":"`+typ+`"},"fields":{"note":"changed"}}`)),
				trailtest.Event(t, "r"+typ, "event.retracted", data(`{"retracts":{"source":"/test","id":"`+typ+`"}}`)))
			rec, err := tr.Get(t.Context(), int64(1+3*i))
			if err != nil {
				t.Fatal(err)
			}
			views, err := Views(t.Context(), tr, []events.Recorded{rec}, int64(4+3*i))
			if err != nil || rec.ID != typ {
				t.Fatal(rec.ID, err)
			}
			changed := views[0].Retracted != nil || len(views[0].Corrections) > 0 || string(views[0].Data) != `{"note":"as it was"}`
			if changed != (typ == "note.added") {
				t.Errorf("%s: changed %v: %s", typ, changed, views[0].Data)
			}
		}
	})
}
