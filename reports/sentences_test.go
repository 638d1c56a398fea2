package reports_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/events/timeline"
	"github.com/daybookhq/daybook/reports"
	"github.com/daybookhq/daybook/reports/markdown"
)

// typed reads a timeline as a person types it.
func typed(t testing.TB, text string) []events.Event {
	t.Helper()
	var out []events.Event
	for e := range timeline.Parse(strings.NewReader(text), timeline.Options{Source: "/test"}) {
		if e.Err != nil {
			t.Fatalf("line %d: %v", e.Line, e.Err)
		}
		out = append(out, e.Event)
	}
	return out
}

// block renders a document from typed events, recorded at the time it is made
// for, and gives one generated block of it.
func block(t testing.TB, text string, req reports.Request, name string) string {
	t.Helper()
	doc := render(t, remember(t, req.At, typed(t, text)...), req)
	checkShape(t, doc)
	blocks := markdown.Blocks(doc.Markdown)
	i := slices.IndexFunc(blocks, func(b markdown.Block) bool { return b.Name == name })
	if i < 0 {
		return ""
	}
	return strings.TrimSpace(blocks[i].Body)
}

func TestPostmortemHeadline(t *testing.T) {
	for name, c := range map[string]struct{ story, want string }{
		"nothing but a note": {
			`2026-03-14T09:00Z note.added incident=I | something`,
			"When the impact started is not recorded. Nor is its end.",
		},
		"no end": {
			`2026-03-14T09:00Z incident.started incident=I`,
			"Impact since 2026-03-14 09:00 UTC, with no end on record: detection not recorded, cause not recorded.",
		},
		"only an end": {
			`2026-03-14T09:00Z incident.resolved incident=I`,
			"When the impact started is not recorded. It was over at 2026-03-14 09:00 UTC.",
		},
		"warned before": {
			"2026-03-14T08:55Z incident.detected incident=I\n09:00 incident.started incident=I\n09:10 incident.resolved incident=I",
			"10 min of impact: detected 5 min before it started, cause not recorded.",
		},
		"one minute, one user": {
			"2026-03-14T09:00Z incident.started incident=I\n09:00 incident.detected incident=I\n09:01 incident.resolved incident=I\n09:02 impact.assessed incident=I scope=incident users=1",
			"1 min of impact: detected at once, cause not recorded. 1 user was affected.",
		},
		"bounds": {
			"2026-03-14T09:00Z incident.started incident=I\n09:30 incident.detected incident=I precision=at_most\n~10:00 incident.mitigated incident=I\n10:02 impact.assessed incident=I scope=incident users=12400 bound=upper",
			"≈ 1 h of impact: detected after ≤ 30 min, cause not recorded, mitigated after ≈ 1 h. At most 12,400 users were affected.",
		},
		"counted from shipping": {
			"2026-03-14T09:00Z change.shipped incident=I change=C\n09:04 incident.detected incident=I caused_by=change/C\n09:17 rollback.recovered incident=I rollback=R",
			"17 min of impact, counted from shipping: detected after 4 min, cause not recorded, rolled back after 17 min.",
		},
		"kill switch still on": {
			"2026-03-14T09:00Z incident.started incident=I\n09:05 killswitch.engaged incident=I flag=f actor=on-call\n09:10 incident.resolved incident=I",
			"10 min of impact: detection not recorded, cause not recorded, kill switch engaged after 5 min. The kill switch `f` has been engaged since 2026-03-14 09:05 UTC, as far as is recorded.",
		},
		"seconds": {
			"2026-03-14T09:00:00Z incident.started incident=I\n09:00:11 incident.detected incident=I\n09:01:40 incident.resolved incident=I",
			"1 min 40 s of impact: detected after 11 s, cause not recorded.",
		},
	} {
		t.Run(name, func(t *testing.T) {
			header := block(t, c.story, reports.Request{Kind: "postmortem", ID: "I", At: at("2026-03-15T09:00:00Z")}, "header")
			got, _, _ := strings.Cut(header, "\n")
			if got != "**"+c.want+"**" {
				t.Errorf("\n got %s\nwant **%s**", got, c.want)
			}
		})
	}
}

func TestEmergencyPostmortemHeadline(t *testing.T) {
	const declared = "2026-03-14T09:00Z emergency.declared emergency=E category=security change=C\n"
	for name, c := range map[string]struct{ story, want string }{
		"only declared": {declared, "Emergency `E` (security) has not shipped, as far as is recorded."},
		"nobody declared": {
			"2026-03-14T09:00Z change.shipped emergency=E change=C",
			"Emergency `E` shipped, and no declaration is recorded: 0 approvals before shipping. 0 of 3 duties done. No bypass of a gate is declared.",
		},
		"declared after shipping": {
			"2026-03-14T08:00Z change.shipped emergency=E change=C\n" + declared,
			"Emergency `E` (security) was declared after it had shipped: 0 approvals before shipping. 0 of 3 duties done. No bypass of a gate is declared.",
		},
		"the page is timed after shipping": {
			"2026-03-14T07:50Z emergency.declared emergency=E category=security change=C paged_at=2026-03-14T08:10:00Z\n08:00 change.shipped emergency=E change=C",
			"Emergency `E` (security) shipped; its page is timed after the shipping: 0 approvals before shipping. 0 of 3 duties done. No bypass of a gate is declared.",
		},
		"both times are only the latest": {
			"2026-03-14T07:50Z emergency.declared emergency=E category=security change=C precision=at_most\n08:00 change.shipped emergency=E change=C precision=at_most",
			"Emergency `E` (security) shipped; how long that took is not known: 0 approvals before shipping. 0 of 3 duties done. No bypass of a gate is declared.",
		},
		"one of each": {
			declared + "09:05 bypass.declared emergency=E element=canary reason=r compensation=c\n09:10 approval.granted emergency=E authority=security_lead for=E actor=security-lead-1\n10:00 change.shipped emergency=E change=C",
			"Emergency `E` (security) shipped 1 h after it was declared: 1 element bypassed and 1 approval before shipping. 0 of 3 duties done. No bypass of a gate is declared.",
		},
	} {
		t.Run(name, func(t *testing.T) {
			header := block(t, c.story, reports.Request{Kind: "postmortem", ID: "emergency/E", At: at("2026-03-14T12:00:00Z")}, "header")
			got, _, _ := strings.Cut(header, "\n")
			if got != "**"+c.want+"**" {
				t.Errorf("\n got %s\nwant **%s**", got, c.want)
			}
		})
	}
}

const (
	someEmergency = "2026-03-14T09:00Z emergency.declared emergency=E category=security change=C service=s\n"
	someShipping  = someEmergency + "10:00 change.shipped emergency=E change=C\n"
)

func TestFollowUpStatus(t *testing.T) {
	gate := "09:05 bypass.declared id=b emergency=E element=eval_gate gate=g reason=r compensation=c\n"
	two := gate + "09:06 bypass.declared id=b2 emergency=E element=eval_gate gate=h reason=r compensation=c\n"
	ship := "10:00 change.shipped emergency=E change=C\n"
	done := "10:30 emergency.resolution_verified emergency=E harm_stopped=true fix_in_production=true metrics_confirm=true\n10:31 emergency.documented emergency=E what_happened=a bypassed=b why=c compensated=d outcome=e\n" +
		"10:32 postmortem.opened emergency=E postmortem=P owner=o\n10:33 action_item.created emergency=E postmortem=P item=1 text=t owner=o addresses=both\n"
	for name, c := range map[string]struct{ story, now, want string }{
		"not shipped":      {someEmergency, "2026-03-14T12:00:00Z", "Declared 2026-03-14 09:00 UTC [#0] and not shipped, as far as is recorded; nothing is due yet."},
		"no gate":          {someShipping, "2026-03-14T12:00:00Z", "Shipped 2026-03-14 10:00 UTC, 2 h ago [#1]. **0 of 3 duties done. No bypass of a gate is declared.**"},
		"one gate":         {someEmergency + gate + ship, "2026-03-14T12:00:00Z", "Shipped 2026-03-14 10:00 UTC, 2 h ago [#2]. **0 of 4 duties done. 1 gate still to run, due in 70 h.**"},
		"two gates":        {someEmergency + two + ship, "2026-03-14T12:00:00Z", "Shipped 2026-03-14 10:00 UTC, 2 h ago [#3]. **0 of 4 duties done. 2 gates still to run, the first due in 70 h.**"},
		"overdue":          {someEmergency + gate + ship, "2026-03-24T10:00:00Z", "Shipped 2026-03-14 10:00 UTC, 10 days ago [#2]. **0 of 4 duties done. 1 gate still to run, overdue by 7 days. 3 other duties are overdue.**"},
		"all done":         {someShipping + done, "2026-03-14T12:00:00Z", "Shipped 2026-03-14 10:00 UTC, 2 h ago [#1]. **All 3 duties done. No bypass of a gate is declared.**"},
		"seen, undeclared": {someShipping + "10:05 bypass.observed emergency=E change=C element=eval_gate declared=false\n", "2026-03-14T12:00:00Z", "Shipped 2026-03-14 10:00 UTC, 2 h ago [#1]. **0 of 3 duties done. No bypass of a gate is declared. 1 bypass was seen and not declared.**"},
		"no gate, overdue": {someShipping, "2026-03-24T10:00:00Z", "Shipped 2026-03-14 10:00 UTC, 10 days ago [#1]. **0 of 3 duties done. No bypass of a gate is declared. 3 duties are overdue.**"},
		"before it all":    {"2026-03-14T09:00Z note.added emergency=E | thinking", "2026-03-14T12:00:00Z", "1 record names E, and none declares or ships it; nothing is due yet."},
	} {
		t.Run(name, func(t *testing.T) {
			if got := block(t, c.story, reports.Request{Kind: "followup", ID: "E", At: at(c.now)}, "status"); got != c.want {
				t.Errorf("\n got %s\nwant %s", got, c.want)
			}
		})
	}
}

// TestGatesAreTickedByEvents: a run ticks the box, a regression opens one of its
// own, and only a judgement closes that.
func TestGatesAreTickedByEvents(t *testing.T) {
	story := someEmergency + "09:05 bypass.declared id=b emergency=E element=eval_gate gate=g reason=r compensation=c\n10:00 change.shipped emergency=E change=C\n"
	req := reports.Request{Kind: "followup", ID: "E", At: at("2026-03-14T20:00:00Z")}
	open := block(t, story, req, "gates")
	if !strings.HasPrefix(open, "- [ ] **g** ") || !strings.HasSuffix(open, "**not run**") {
		t.Errorf("before the run: %s", open)
	}
	story += "13:00 gate.run id=run emergency=E change=C gate=g result=regression satisfies=b\n"
	ran := block(t, story, req, "gates")
	if !strings.HasPrefix(ran, "- [x] **g** ") || !strings.Contains(ran, "run 2026-03-14 13:00 UTC: **regression** [#3]") || !strings.Contains(ran, "1 regression is not judged yet") {
		t.Errorf("after the run: %s", ran)
	}
	if got := block(t, story, req, "regressions"); !strings.HasPrefix(got, "- [ ] ") {
		t.Errorf("a regression nobody judged: %s", got)
	}
	story += "14:00 regression.dispositioned emergency=E change=C gate=g regression=run verdict=false next=update_eval rationale=\"the case is outdated\"\n"
	if got := block(t, story, req, "regressions"); !strings.HasPrefix(got, "- [x] ") || !strings.Contains(got, "judged false, next: update eval, because: the case is outdated [#4]") {
		t.Errorf("a judged regression: %s", got)
	}
}

func TestMonthHeadline(t *testing.T) {
	exposure := func(n string) string {
		return "2026-03-31T23:00Z exposure.reported kind=changes scope=all period={\"from\":\"2026-03-01\",\"to\":\"2026-03-31\"} count=" + n + "\n"
	}
	const later = "2026-03-20T09:00Z emergency.declared emergency=E2 category=incident change=C2 service=t\n"
	for name, c := range map[string]struct{ story, now, want string }{
		"nothing at all":      {"2026-03-01T00:00Z note.added incident=I | x", "2026-04-01T00:00:00Z", "**No emergencies; how many changes shipped is not known, so there is no rate.** Policy asks for fewer than 2 a month: kept. It is not compared with the months before: 0 earlier months with a known number of changes; a comparison needs 8."},
		"zero in forty":       {exposure("40"), "2026-04-01T00:00:00Z", "**No emergencies in 40 changes (0.00 per 100; 95 % interval 0.00 to 9.22).** Policy asks for fewer than 2 a month: kept. It is not compared with the months before: 0 earlier months with a known number of changes; a comparison needs 8."},
		"no changes reported": {exposure("0"), "2026-04-01T00:00:00Z", "**No emergencies; no changes were reported, so there is no rate.** Policy asks for fewer than 2 a month: kept. It is not compared with the months before: 0 earlier months with a known number of changes; a comparison needs 8."},
		"one":                 {someShipping + exposure("1"), "2026-04-01T00:00:00Z", "**1 emergency in 1 change (100.00 per 100; 95 % interval 2.53 to 557.16).** Policy asks for fewer than 2 a month: kept. It is not compared with the months before: 0 earlier months with a known number of changes; a comparison needs 8. 3 duties are open."},
		"none shipped":        {someEmergency + exposure("1"), "2026-04-01T00:00:00Z", "**1 emergency in 1 change (100.00 per 100; 95 % interval 2.53 to 557.16).** Policy asks for fewer than 2 a month: kept. It is not compared with the months before: 0 earlier months with a known number of changes; a comparison needs 8."},
		"a part of it":        {someShipping + strings.Replace(exposure("9"), "-03-31\"}", "-03-07\"}", 1), "2026-04-01T00:00:00Z", "**1 emergency; changes known for 7 of 31 days only, so there is no rate.** Policy asks for fewer than 2 a month: kept. It is not compared with the months before: 0 earlier months with a known number of changes; a comparison needs 8. 3 duties are open."},
		"deployments":         {strings.Replace(exposure("40"), "kind=changes", "kind=deployments", 1), "2026-04-01T00:00:00Z", "**No emergencies in 40 deployments (0.00 per 100; 95 % interval 0.00 to 9.22).** Policy asks for fewer than 2 a month: kept. It is not compared with the months before: 0 earlier months with a known number of changes; a comparison needs 8."},
		"owed by others":      {strings.ReplaceAll(someShipping, "03-14", "02-14") + exposure("40"), "2026-04-01T00:00:00Z", "**No emergencies in 40 changes (0.00 per 100; 95 % interval 0.00 to 9.22).** Policy asks for fewer than 2 a month: kept. It is not compared with the months before: 1 earlier month with a known number of changes; a comparison needs 8. Of emergencies of other months, 3 duties are open, 3 overdue."},
		"two, to date":        {someShipping + later + exposure("50"), "2026-03-21T00:00:00Z", "**2 emergencies so far, until 2026-03-21 00:00 UTC in 50 changes (4.00 per 100; 95 % interval 0.48 to 14.45).** Policy asks for fewer than 2 a month: exceeded. It is not compared with the months before: 0 earlier months with a known number of changes; a comparison needs 8. 3 duties are open."},
	} {
		t.Run(name, func(t *testing.T) {
			if got := block(t, c.story, reports.Request{Kind: "emergencies", ID: "2026-03", At: at(c.now)}, "headline"); got != c.want {
				t.Errorf("\n got %s\nwant %s", got, c.want)
			}
		})
	}
}

// A postmortem says of an emergency's gates what its follow-up says, although a
// run may carry the change only, which the incident's story does not reach.
func TestPostmortemAndFollowUpAgree(t *testing.T) {
	const night = "2026-03-14T08:00Z incident.started incident=I\n09:00 emergency.declared emergency=E incident=I category=security\n" +
		"09:05 bypass.declared emergency=E element=eval_gate gate=g reason=r compensation=c change=C\n10:00 change.shipped emergency=E change=C\n13:00 gate.run change=C gate=g result=passed\n"
	now := at("2026-03-14T20:00:00Z")
	if got := block(t, night, reports.Request{Kind: "followup", ID: "E", At: now}, "gates"); !strings.HasPrefix(got, "- [x] **g**") {
		t.Fatalf("the follow-up says %s", got)
	}
	doc := render(t, remember(t, now, typed(t, night)...), reports.Request{Kind: "postmortem", ID: "incident/I", At: now})
	e := doc.Model.(*reports.Postmortem).Emergencies
	if len(e) != 1 || len(e[0].Gates) != 1 || e[0].Gates[0].Outstanding {
		t.Errorf("the postmortem says of the emergency: %+v", e)
	}
	if got := string(doc.Markdown); strings.Contains(got, "still to run") {
		t.Errorf("the postmortem says that a gate is still to run:\n%s", got)
	}
}

// The time of a page does not tell when an emergency was declared.
func TestListTellsPageFromDeclaration(t *testing.T) {
	for paged, want := range map[string]string{"": "declared 10 min after shipping", " paged_at=2026-03-14T08:05:00Z": "declared 10 min after shipping"} {
		story := "2026-03-14T08:00Z change.shipped emergency=E change=C\n08:10 emergency.declared emergency=E category=security change=C" + paged
		if got := block(t, story, reports.Request{Kind: "emergencies", ID: "2026-03", At: at("2026-04-01T00:00:00Z")}, "list"); !strings.Contains(got, want) {
			t.Errorf("%q: %s", paged, got)
		}
	}
	story := "2026-03-14T07:50Z emergency.declared emergency=E category=security change=C paged_at=2026-03-14T08:10:00Z\n08:00 change.shipped emergency=E change=C"
	if got := block(t, story, reports.Request{Kind: "emergencies", ID: "2026-03", At: at("2026-04-01T00:00:00Z")}, "list"); !strings.Contains(got, "the page is timed 10 min after shipping") || strings.Contains(got, "declared") {
		t.Errorf("declared before shipping: %s", got)
	}
}

func TestRequestsThatMakeNoSense(t *testing.T) {
	m := remember(t, time.Now(), typed(t, someShipping)...)
	r := reports.New(reports.Deps{Trail: m, Register: folded{m}})
	for name, req := range map[string]reports.Request{
		"a kind there is not":  {Kind: "horoscope", ID: "E"},
		"a month there is not": {Kind: "emergencies", ID: "2026-13"},
		"a month to come":      {Kind: "emergencies", ID: "2026-04", At: at("2026-03-31T00:00:00Z")},
		"a zone there is not":  {Kind: "followup", ID: "E", Zone: "Mars/Olympus"},
		"the wrong kind of id": {Kind: "followup", ID: "change/C"},
	} {
		if _, err := r.Render(t.Context(), req); !isRequest(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := r.Render(t.Context(), reports.Request{Kind: "postmortem", ID: "nobody"}); !isNotFound(err) {
		t.Errorf("a story there is not: %v", err)
	}
}

// An incident that goes on stands among the open ones of the month.
func TestMonthCountsOngoingIncidents(t *testing.T) {
	const story = "2026-03-14T08:00Z incident.started incident=I\n08:10 incident.detected incident=I\n"
	got := block(t, story, reports.Request{Kind: "emergencies", ID: "2026-03", At: at("2026-03-14T10:00:00Z")}, "latency")
	if !strings.Contains(got, "Impact starts to mitigated | 0 | 1, each ≥ 2 h") {
		t.Errorf("the month says\n%s", got)
	}
}

// A plan made after the change was in production was not named beforehand,
// whether or not the shipping is known to be the cause.
func TestPlansMadeAfterShipping(t *testing.T) {
	req := reports.Request{Kind: "postmortem", ID: "incident/I", At: at("2026-03-15T09:00:00Z")}
	const start = "2026-03-14T08:00Z incident.started incident=I\n"
	const plan = "09:10 rollback.planned incident=I change=C level=2\n"
	for ship, want := range map[string]string{
		"09:00 change.shipped incident=I change=C environment=production\n":                                                               "Named after shipping:",
		"09:00 change.shipped incident=I change=C environment=staging\n10:00 change.shipped incident=I change=C environment=production\n": "Named beforehand:",
		"10:00 change.shipped incident=I change=C environment=production\n":                                                               "Named beforehand:",
	} {
		if got := block(t, start+ship+plan, req, "rollback"); !strings.Contains(got, want) {
			t.Errorf("%s: %s, want %q", ship, got, want)
		}
	}
}

// Action items for a discipline gap are asked for after emergencies only.
func TestItemsAreAskedForAfterEmergencies(t *testing.T) {
	const plain = "2026-03-14T08:00Z incident.started incident=I\n"
	const item = "10:00 action_item.created incident=I item=1 text=t owner=o addresses=cause\n"
	for name, c := range map[string]struct {
		story string
		asks  bool
	}{
		"none":                     {plain, false},
		"one":                      {plain + item, false},
		"none, after an emergency": {plain + "09:00 emergency.declared incident=I emergency=E\n", true},
		"one, after an emergency":  {plain + "09:00 emergency.declared incident=I emergency=E\n" + item, true},
	} {
		got := block(t, c.story, reports.Request{Kind: "postmortem", ID: "incident/I", At: at("2026-03-15T09:00:00Z")}, "actions")
		if strings.Contains(got, "Policy asks") != c.asks {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// Who approved, and when that was entered, is told as it is recorded.
func TestApprovalsAreToldAsRecorded(t *testing.T) {
	req := reports.Request{Kind: "followup", ID: "E", At: at("2026-03-15T09:00:00Z")}
	approved := func(s string) string {
		return someEmergency + "09:10 approval.granted emergency=E authority=security_lead" + s + "\n10:00 change.shipped emergency=E change=C\n"
	}
	if got := block(t, approved(""), req, "approvals"); strings.Contains(got, "Nobody approved") || !strings.Contains(got, "Who approved is not recorded for 1 approval.") {
		t.Errorf("approver unknown: %s", got)
	}
	if got := block(t, approved(" actor=lead"), req, "approvals"); !strings.Contains(got, "Nobody approved their own request.") {
		t.Errorf("approver known: %s", got)
	}
}

// Reclassified emergencies are not looked at for their reasons, and of three of
// one service the distance is that of the month's from the one before it.
func TestQuestionsOfAMonth(t *testing.T) {
	req := reports.Request{Kind: "emergencies", ID: "2026-03", At: at("2026-04-01T00:00:00Z")}
	if got := block(t, someEmergency+"11:00 emergency.reclassified emergency=E to=routine\n", req, "questions"); strings.Contains(got, "Each gives") {
		t.Errorf("all reclassified: %s", got)
	}
	const three = "2026-01-01T09:00Z emergency.declared emergency=A service=s\n2026-01-03T09:00Z emergency.declared emergency=B service=s\n2026-03-14T09:00Z emergency.declared emergency=C service=s\n"
	if got := block(t, three, req, "questions"); !strings.Contains(got, "A, B and C concern the same service, `s`, C 70 days after the one before") {
		t.Errorf("three of one service: %s", got)
	}
}

// An approval that was entered after the shipping, with a time before it, is
// told as that wherever it appears: not as given, and not as missing.
func TestApprovalsEnteredAfterwards(t *testing.T) {
	m := remember(t, at("2026-03-14T10:00:00Z"), typed(t, someShipping)...)
	m.append(t, at("2026-03-14T11:00:00Z"), typed(t, "2026-03-14T09:30Z approval.granted emergency=E authority=security_lead actor=lead\n")...)
	now := at("2026-03-14T12:00:00Z")
	for kind, want := range map[string]string{
		"followup/E":             "(entered only after shipping, with a time before it [#2])",
		"postmortem/emergency/E": "0 approvals before shipping and 1 entered only afterwards",
		"emergencies/2026-03":    "1 entered only afterwards",
	} {
		k, id, _ := strings.Cut(kind, "/")
		if got := string(render(t, m, reports.Request{Kind: k, ID: id, At: now}).Markdown); !strings.Contains(got, want) || strings.Contains(got, "(given") {
			t.Errorf("%s does not say %q:\n%s", kind, want, got)
		}
	}
}
