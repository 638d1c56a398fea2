package fold_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/daybookhq/daybook/projections/fold"
)

// A story of a thousand events, folded from the start in every way a postmortem
// needs.
func BenchmarkStoryOfAThousandEvents(b *testing.B) {
	var text strings.Builder
	text.WriteString("@ emergency=EM-1 incident=INC-1 change=CH-1\n")
	for i := 0; text.Len() < 200_000 && i < 100; i++ {
		day := fmt.Sprintf("2025-01-%02dT", 1+i%28)
		fmt.Fprintf(&text, "%s10:00Z signal.observed name=s%d verdict=red\n10:01 note.added | seen\n10:02 communication.sent audience=internal channel=chat\n", day, i)
		fmt.Fprintf(&text, "10:03 gate.run gate=g%d result=passed\n10:04 decision.recorded kind=hold actor=u\n10:05 canary.step_entered percent=10 watchers=[\"u\"]\n", i)
		fmt.Fprintf(&text, "10:06 action_item.created item=A%d text=t owner=u due=2025-02-01 addresses=cause\n10:07 flag.flipped flag=f environment=production from=on to=off actor=u\n", i)
		fmt.Fprintf(&text, "10:08 approval.granted approval=AP%d authority=senior_engineer actor=u\n10:09 impact.assessed scope=incident users=%d\n", i, i)
	}
	views := tell(b, text.String())
	for b.Loop() {
		n, e := incident(views, "incident/INC-1"), emergency(views, "EM-1")
		fold.All(fold.NewLatency(key("incident/INC-1")), views)
		fold.All(fold.NewSummary(key("incident/INC-1")), views)
		n.Phases()
		e.Duties(nil)
	}
	b.ReportMetric(float64(len(views)*4)*float64(b.N)/b.Elapsed().Seconds(), "events/s")
}
