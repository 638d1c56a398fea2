package fold_test

import "testing"

// Only what says that it is for the emergency approves it: the story of an
// emergency leads to approvals of other things, which must not cover for it.
func TestWhatAnApprovalIsOf(t *testing.T) {
	const story = "2025-03-14T09:00Z emergency.declared emergency=E change=C category=security\n09:01 approval.requested approval=A emergency=E\n"
	for name, c := range map[string]struct {
		approval string
		counts   bool
	}{
		"by key":                    {"emergency=E", true},
		"for the emergency":         {"for=emergency/E", true},
		"for its change":            {"for=change/C", true},
		"with its change":           {"change=C", true},
		"an answer to its request":  {"approval=A", true},
		"for a flag":                {"for=flag/waf", false},
		"for a flag, of a request":  {"approval=A for=flag/waf", false},
		"for another emergency":     {"for=emergency/F", false},
		"for another change":        {"for=change/D", false},
		"with another change":       {"change=D", false},
		"an answer to another":      {"approval=B", false},
		"for nothing in particular": {"channel=chat", false},
	} {
		t.Run(name, func(t *testing.T) {
			e := emergency(tell(t, story+"09:10 approval.granted actor=lead authority=security_lead "+c.approval+"\n10:00 change.shipped emergency=E change=C\n"), "E")
			if got := len(e.Granted()) == 1; got != c.counts {
				t.Errorf("counts: %v, want %v", got, c.counts)
			}
		})
	}
}
