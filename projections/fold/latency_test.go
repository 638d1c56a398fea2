package fold_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/daybookhq/daybook/projections/fold"
)

func latency(views []fold.View, k string) fold.Latency {
	return *fold.All(fold.NewLatency(key(k)), views)
}

func summary(t *testing.T, text, at string) fold.LatencySummary {
	t.Helper()
	return fold.SummariseLatency([]fold.Latency{latency(tell(t, text), "rollout/RO-1")}, time.Time{}, time.Time{}, when(t, at))
}

// decided gives one stage per latency in minutes; a negative one stays open.
func decided(minutes ...int) string {
	var b strings.Builder
	for i, m := range minutes {
		fmt.Fprintf(&b, "2025-04-%02dT10:00Z signal.observed rollout=RO-1 stage=s%d name=errors verdict=red\n", i+1, i)
		if m >= 0 {
			fmt.Fprintf(&b, "2025-04-%02dT10:%02dZ decision.recorded rollout=RO-1 stage=s%d kind=rollback actor=u-1\n", i+1, m, i)
		}
	}
	return b.String()
}

func TestDecisionLatency(t *testing.T) {
	s := summary(t, decided(8, 2, 13, 5, 3), "2025-05-01T00:00:00Z")
	d := s.Human
	if d.N != 5 || fmt.Sprint(d.Seconds) != "[120 180 300 480 780]" {
		t.Errorf("%+v", d)
	}
	if d.P50.Seconds != 300 || d.P50.Bound != fold.Exact || d.Max.Seconds != 780 {
		t.Errorf("p50 %+v, max %+v", d.P50, d.Max)
	}
	if d.P90 != nil || d.P95 != nil || d.MedianLow != nil {
		t.Errorf("five values give %+v %+v %v", d.P90, d.P95, d.MedianLow)
	}
	m := s.Metrics["M-31"]
	wantSeconds(t, "median", m, 300, fold.Exact)
	if m.N != 5 || len(m.Positions) != 10 {
		t.Errorf("%+v", m)
	}
}

func TestOpenDecisionsAreNotLeftOut(t *testing.T) {
	// Four decided after 2, 3, 8 and 13 minutes, and one open for 5.
	text := decided(2, 3, 8, 13) + "2025-04-05T10:00Z signal.observed rollout=RO-1 stage=s9 name=errors verdict=ambiguous\n"
	s := summary(t, text, "2025-04-05T10:05:00Z")
	d := s.Human
	if d.N != 4 || fmt.Sprint(d.Open) != "[300]" {
		t.Errorf("%+v", d)
	}
	if d.P50.Seconds != 300 || d.P50.Bound != fold.AtLeast || d.Max.Bound != fold.AtLeast {
		t.Errorf("the median is %+v, the largest %+v", d.P50, d.Max)
	}
	wantSeconds(t, "median", s.Metrics["M-31"], 300, fold.AtLeast)
	// Once it has been open for longer than the median, it cannot move it.
	s = summary(t, text, "2025-04-05T10:30:00Z")
	if s.Human.P50.Seconds != 480 || s.Human.P50.Bound != fold.Exact || s.Human.Max.Seconds != 1800 || s.Human.Max.Bound != fold.AtLeast {
		t.Errorf("the median is %+v, the largest %+v", s.Human.P50, s.Human.Max)
	}
	wantUnknown(t, "none", summary(t, "", "2025-04-05T10:30:00Z").Metrics["M-31"], "no decision")
}

func TestWhatAnswersASignal(t *testing.T) {
	const signal = "2025-04-01T10:00Z signal.observed id=sig rollout=RO-1 stage=s1 name=errors verdict=red\n"
	at := when(t, "2025-04-01T12:00:00Z")
	for name, c := range map[string]struct {
		text  string
		check func(fold.LatencySummary) bool
	}{
		"the earliest signal counts": {"10:03 signal.observed rollout=RO-1 stage=s1 name=latency verdict=red\n10:05 decision.recorded rollout=RO-1 stage=s1 kind=pause actor=u\n",
			func(s fold.LatencySummary) bool { return s.Human.N == 1 && s.Human.Seconds[0] == 300 }},
		"holding is an answer of another kind": {"10:05 decision.recorded rollout=RO-1 stage=s1 kind=hold actor=u\n",
			func(s fold.LatencySummary) bool { return s.Human.N == 0 && s.Otherwise == 1 }},
		"a rule decides": {"10:01 rollback.decided rollout=RO-1 rollback=RB level=1 decider=automation for=rollout/RO-1\n",
			func(s fold.LatencySummary) bool {
				return s.Human.N == 0 && s.Automated.N == 1 && s.Automated.Seconds[0] == 60
			}},
		"an action without a decision is a bound": {"10:04 rollback.started rollout=RO-1 rollback=RB level=1\n",
			func(s fold.LatencySummary) bool {
				return s.Human.N == 0 && s.Human.Inferred == 1 && len(s.Human.Open) == 0
			}},
		"an inferred time is marked and left out": {"10:04 decision.recorded rollout=RO-1 stage=s1 kind=rollback actor=u precision=inferred\n",
			func(s fold.LatencySummary) bool { return s.Human.N == 0 && s.Human.Inferred == 1 }},
		"green again": {"10:30 signal.observed rollout=RO-1 stage=s1 name=errors verdict=green\n",
			func(s fold.LatencySummary) bool { return s.Human.N == 0 && s.Undecided == 1 }},
		"green on another signal": {"10:30 signal.observed rollout=RO-1 stage=s1 name=latency verdict=green\n",
			func(s fold.LatencySummary) bool { return len(s.Human.Open) == 1 }},
		"a decision about another stage": {"10:05 decision.recorded rollout=RO-1 stage=s2 kind=rollback actor=u\n",
			func(s fold.LatencySummary) bool { return len(s.Human.Open) == 1 && s.NoSignal == 1 }},
		"a decision about another rollout": {"10:05 decision.recorded rollout=RO-2 stage=s1 kind=rollback actor=u\n",
			func(s fold.LatencySummary) bool { return len(s.Human.Open) == 1 && s.NoSignal == 0 }},
		"a drill": {"10:05 decision.recorded rollout=RO-1 stage=s1 kind=rollback actor=u drill=DR-1\n",
			func(s fold.LatencySummary) bool { return len(s.Human.Open) == 1 }},
		"a later step of the same decision": {"10:05 decision.recorded rollout=RO-1 stage=s1 kind=rollback actor=u\n10:06 rollback.decided rollout=RO-1 rollback=RB level=1 decider=u for=rollout/RO-1\n",
			func(s fold.LatencySummary) bool {
				return s.Human.N == 1 && s.Human.Seconds[0] == 300 && s.NoSignal == 0
			}},
	} {
		s := fold.SummariseLatency([]fold.Latency{latency(tell(t, signal+c.text), "rollout/RO-1")}, time.Time{}, time.Time{}, at)
		if !c.check(s) {
			t.Errorf("%s: %+v", name, s)
		}
	}
}

func TestADecisionTimedBeforeItsSignal(t *testing.T) {
	l := latency(tell(t, `
@ rollout=RO-1 stage=s1
2025-04-01T09:58Z decision.recorded kind=rollback actor=u signal=sig
10:00 signal.observed id=sig name=errors verdict=red
`), "rollout/RO-1")
	s := fold.SummariseLatency([]fold.Latency{l}, time.Time{}, time.Time{}, when(t, "2025-04-02T00:00:00Z"))
	if s.Human.Negative != 1 || s.Human.N != 0 || s.Human.P50 != nil {
		t.Errorf("%+v", s.Human)
	}
	if len(l.Problems) != 1 {
		t.Errorf("problems: %+v", l.Problems)
	}
}

func TestASignalSeenFromTwoStoriesCountsOnce(t *testing.T) {
	views := tell(t, `
@ rollout=RO-1 stage=s1 incident=INC-1
2025-04-01T10:00Z signal.observed name=errors verdict=red
10:05 incident.detected
10:09 decision.recorded kind=rollback actor=u rollout= stage=
`)
	rollout := latency(only(views, "rollout/RO-1"), "rollout/RO-1")
	inc := latency(only(views, "incident/INC-1"), "incident/INC-1")
	for _, list := range [][]fold.Latency{{rollout, inc}, {inc, rollout}} {
		s := fold.SummariseLatency(list, time.Time{}, time.Time{}, when(t, "2025-04-02T00:00:00Z"))
		if s.Human.N != 1 || s.Human.Seconds[0] != 540 || len(s.Human.Open) != 0 {
			t.Errorf("%+v", s.Human)
		}
	}
}

// An action without a signal is no decision; a decision without one is counted
// as such.
func TestDecisionsWithoutASignal(t *testing.T) {
	const action = "2025-04-01T10:04Z rollback.started rollout=RO-1 rollback=RB level=1\n"
	if s := summary(t, action, "2025-04-02T00:00:00Z"); s.NoSignal != 0 {
		t.Errorf("%+v", s)
	}
	s := summary(t, "2025-04-01T10:03Z decision.recorded rollout=RO-1 kind=abort actor=u\n"+action, "2025-04-02T00:00:00Z")
	if s.NoSignal != 1 || s.Human.N != 0 {
		t.Errorf("%+v", s)
	}
}

func TestTheRealRevertsAreNoProduction(t *testing.T) {
	l := latency(history(t, "reverts"), "rollout/none")
	s := fold.SummariseLatency([]fold.Latency{l}, time.Time{}, time.Time{}, when(t, "2026-11-20T00:00:00Z"))
	if s.Human.N != 0 || s.NoSignal != 0 {
		t.Errorf("%+v", s)
	}
}

func TestStages(t *testing.T) {
	text := `
@ rollout=RO-1
2025-04-01T10:00Z stage.entered stage=s1 exposure=1
10:30 signal.observed stage=s1 name=errors verdict=green
11:00 stage.completed stage=s1
11:00 stage.entered stage=s2 exposure=10
11:07 signal.observed stage=s2 name=errors verdict=ambiguous
11:09 signal.observed stage=s2 name=errors verdict=red
11:20 escalation.raised stage=s2 to=lead planned=false
11:30 decision.recorded stage=s2 kind=hold actor=u
12:00 stage.completed stage=s2
12:00 stage.entered stage=s3 exposure=50
12:03 incident.detected stage=s3 incident=INC-1
12:10 escalation.raised stage=s3 to=on-call planned=true
12:30 stage.completed stage=s3
`
	s := summary(t, text, "2025-04-02T00:00:00Z")
	if fmt.Sprint(s.Detect.Seconds) != "[180 420]" {
		t.Errorf("bad effects seen after %v", s.Detect.Seconds)
	}
	m := s.Metrics["M-33"]
	wantValue(t, "calm stages", m.Value, 2, 0)
	wantValue(t, "of", m.Of, 3, 0)
	wantUnknown(t, "no stages", summary(t, "", "2025-04-02T00:00:00Z").Metrics["M-33"], "no completed stage")
	wantUnknown(t, "nothing bad seen", summary(t, "", "2025-04-02T00:00:00Z").Metrics["M-30"], "no bad effect")
}

func TestTwentyDecisionsBearAP95(t *testing.T) {
	var minutes []int
	for i := range 20 {
		minutes = append(minutes, i+1)
	}
	d := summary(t, decided(minutes...), "2025-06-01T00:00:00Z").Human
	if d.P90 == nil || d.P90.Seconds != 18*60 || d.P95 == nil || d.P95.Seconds != 19*60 || *d.MedianLow != 6*60 || *d.MedianHigh != 15*60 {
		t.Errorf("%+v", d)
	}
}
