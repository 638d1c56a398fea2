package reports_test

import (
	"strings"
	"testing"
	"time"

	"github.com/daybookhq/daybook/reports"
)

// TestTimelineShowsWhatIsUnusual: late, corrected, retracted, inferred and
// latest-possible rows say so; the folds see the corrected view, the reader both.
func TestTimelineShowsWhatIsUnusual(t *testing.T) {
	const story = `@ incident=I actor=alice.smith@example.com
2026-03-14T09:00Z incident.started id=start
09:04 incident.detected id=detected role=on_call
09:12 rollback.decided id=decided rollback=R level=2 actor=on-call-1
09:13 incident.cause_identified id=cause precision=inferred
09:15 note.added id=wrong actor=bob | this was another incident
09:20 incident.mitigated id=over precision=at_most
`
	const corrections = `2026-03-14T10:00Z event.corrected incident=I actor=on-call-1 corrects={"source":"/test","id":"decided"} fields={"time":"2026-03-14T09:10:00Z","level":1} why="typed in haste"
10:01 event.retracted incident=I actor=bob retracts={"source":"/test","id":"wrong"} why="wrong incident"
`
	req := reports.Request{Kind: "postmortem", ID: "I", At: at("2026-03-14T09:30:00Z")}
	evs := typed(t, story)
	m := remember(t, at("2026-03-14T09:21:00Z"), evs...)
	m.append(t, at("2026-03-14T11:00:00Z"), typed(t, corrections)...)
	m.append(t, at("2026-03-14T15:00:00Z"), typed(t, "2026-03-14T09:25Z incident.resolved incident=I id=end actor=carol")...)
	md := string(render(t, m, req).Markdown)
	for _, want := range []string{
		"| 09:04 | +0:04 | **Detected** | on-call | [#1] |",
		"| 09:10 | +0:10 | **Decided: roll back**, level 1 _corrected [#6]: time was 2026-03-14 09:12, is 09:10; level was 2, is 1_ | on-call | [#2] |",
		"| ≈ 09:13 | +0:13 | **Cause known** _time inferred_ | on-call | [#3] |",
		"| 09:15 | +0:15 | this was another incident _retracted [#7] because: wrong incident_ | person 1 | [#4] |",
		"| ≤ 09:20 | +0:20 | **Impact mitigated** | on-call | [#5] |",
		"| 09:25 | +0:25 | **Impact ends** _recorded 5 h later_ | person 2 | [#8] |",
		"9 events, 1 recorded late, 2 with an approximate time, 1 corrected, 1 retracted",
	} {
		if !strings.Contains(md, want) {
			t.Errorf("missing: %s\n%s", want, md)
		}
	}
	for _, name := range []string{"alice", "bob", "carol", "example.com"} {
		if strings.Contains(md, name) {
			t.Errorf("a postmortem prints the name %q unasked", name)
		}
	}
	req.Names = true
	if md := string(render(t, m, req).Markdown); !strings.Contains(md, `alice.smith\@example.com`) || !strings.Contains(md, "carol") {
		t.Errorf("names were asked for:\n%s", md)
	}
}

// TestSameRequestSameBytes: a document is a function of its request and prefix,
// whatever was recorded since, and its ETag says when it is another.
func TestSameRequestSameBytes(t *testing.T) {
	m := remember(t, at("2026-03-14T12:00:00Z"), typed(t, someShipping)...)
	req := reports.Request{Kind: "followup", ID: "E", Size: 2, At: at("2026-03-14T12:00:10Z")}
	first := render(t, m, req)
	m.append(t, at("2026-03-14T13:00:00Z"), typed(t, "2026-03-14T11:00Z emergency.resolution_verified emergency=E harm_stopped=true")...)
	again := render(t, m, req)
	if string(first.Markdown) != string(again.Markdown) || first.ETag != again.ETag {
		t.Errorf("the same prefix gives another document\n%s\n%s", first.Markdown, again.Markdown)
	}
	req.At = req.At.Add(30 * time.Second) // still the same minute
	if same := render(t, m, req); same.ETag != first.ETag || string(same.Markdown) != string(first.Markdown) {
		t.Error("seconds change the document")
	}
	for name, change := range map[string]func(*reports.Request){
		"prefix": func(r *reports.Request) { r.Size = 3 }, "time": func(r *reports.Request) { r.At = r.At.Add(time.Minute) },
		"zone": func(r *reports.Request) { r.Zone = "Asia/Kolkata" }, "names": func(r *reports.Request) { r.Names = true },
	} {
		other := req
		change(&other)
		if render(t, m, other).ETag == first.ETag {
			t.Errorf("another %s has the same ETag", name)
		}
	}
}
