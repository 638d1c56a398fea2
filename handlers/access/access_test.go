package access

import (
	"strings"
	"testing"
	"time"

	"github.com/daybookhq/daybook/events"
)

func event(t *testing.T, typ, source, data string) *events.Event {
	t.Helper()
	e, err := events.Event{ID: "1", Source: source, Type: typ, Time: time.Unix(1e9, 0), Data: []byte(data)}.Checked()
	if err != nil {
		t.Fatal(err)
	}
	return &e
}

func TestMayRecord(t *testing.T) {
	ci := Principal{Name: "token/ci", Role: Recorder, Sources: []string{"/ci/*"}}
	flags := Principal{Name: "token/flags", Role: Recorder, Sources: []string{"*"}, Types: []string{"flag.*", "com.example.*"}}
	any := Principal{Name: "token/any", Role: Recorder, Sources: []string{"*"}}
	admin := Principal{Name: "local/ada", Role: Admin}
	for name, c := range map[string]struct {
		who                Principal
		typ, source, data  string
		refusedFor, saying string
	}{
		"own source":                     {ci, "change.shipped", "/ci/main", "{}", "", ""},
		"other source":                   {ci, "change.shipped", "/cd/main", "{}", "source", "its sources are /ci/*"},
		"any source, fitting type":       {flags, "flag.flipped", "/x", "{}", "", ""},
		"full name of a type":            {flags, "com.example.thing", "/x", "{}", "", ""},
		"other type":                     {flags, "change.shipped", "/x", "{}", "type", "its types are"},
		"policy":                         {ci, "policy.set", "/ci/main", "{}", "type", "admin"},
		"policy of no version":           {ci, events.Prefix + "policy.set", "/ci/main", "{}", "type", "admin"},
		"policy of a later version":      {ci, events.Prefix + "policy.set.v9", "/ci/main", "{}", "type", "admin"},
		"finding":                        {ci, "finding.acknowledged", "/ci/main", "{}", "type", "admin"},
		"redaction":                      {admin, "redaction.applied", "/ci/main", "{}", "type", "ledger itself"},
		"policy by an admin":             {admin, "policy.set", "/x", "{}", "", ""},
		"the ledger's, by an admin":      {admin, "token.issued", "/x", "{}", "type", "ledger itself"},
		"conflict by a recorder":         {ci, "conflict.observed", "/ci/x", "{}", "type", "ledger itself"},
		"the ledger's source":            {admin, "note.added", LedgerSource, "{}", "source", "ledger's own"},
		"under the ledger's source":      {admin, "note.added", LedgerSource + "/x", "{}", "source", "ledger's own"},
		"correction of an own event":     {ci, "event.corrected", "/ci/x", `{"corrects":{"source":"/ci/y","id":"1"}}`, "", ""},
		"correction of another's":        {ci, "event.corrected", "/ci/x", `{"corrects":{"source":"/cd/y","id":"1"}}`, "data", "/cd/y"},
		"correction in other case":       {ci, "event.corrected", "/ci/x", `{"corrects":{"Source":"/cd/y","id":"1"}}`, "data", "/cd/y"},
		"correction naming both":         {ci, "event.corrected", "/ci/x", `{"corrects":{"source":"/ci/y","id":"1"},"retracts":{"source":"/cd/y","id":"1"}}`, "data", "/cd/y"},
		"retraction of another's":        {ci, "event.retracted", "/ci/x", `{"retracts":{"source":"/cd/y","id":"1"}}`, "data", "/cd/y"},
		"retraction of another's, admin": {admin, "event.retracted", "/x", `{"retracts":{"source":"/cd/y","id":"1"}}`, "", ""},
		"correction of nothing":          {ci, "event.corrected", "/ci/x", `{"corrects":7}`, "", ""},
		"correction of the ledger's own": {any, "event.corrected", "/x", `{"corrects":{"source":"daybook:ledger","id":"policy/default"}}`, "data", "ledger itself"},
		"retraction of the ledger's own": {any, "event.retracted", "/x", `{"retracts":{"source":"daybook:ledger","id":"policy/default"}}`, "data", "ledger itself"},
		"retraction under the ledger's":  {any, "event.retracted", "/x", `{"retracts":{"source":"daybook:ledger/x","id":"1"}}`, "data", "ledger itself"},
		"ledger's own, by an admin":      {admin, "event.retracted", "/x", `{"retracts":{"source":"daybook:ledger","id":"1"}}`, "", ""},
		"reader":                         {Principal{Role: Reader}, "note.added", "/x", "{}", "", "cannot write"},
		"auditor":                        {Principal{Role: Auditor}, "note.added", "/x", "{}", "", "cannot write"},
		"nobody":                         {Principal{}, "note.added", "/x", "{}", "", "cannot write"},
		"recorder without sources":       {Principal{Role: Recorder}, "note.added", "/x", "{}", "source", "none"},
	} {
		t.Run(name, func(t *testing.T) {
			typ := c.typ
			if !strings.HasPrefix(typ, "com.") {
				typ = events.FullType(typ)
			}
			err := c.who.MayRecord(event(t, typ, c.source, c.data))
			if c.saying == "" {
				if err != nil {
					t.Fatalf("denied: %v", err)
				}
				return
			}
			d, ok := err.(*Denied)
			if !ok || d.Field != c.refusedFor || !strings.Contains(d.Reason, c.saying) {
				t.Fatalf("got %#v, want field %q and %q", err, c.refusedFor, c.saying)
			}
		})
	}
	if err := ci.MayRecord(event(t, "policy.set", "/ci/x", "{}")); err == nil {
		t.Fatal("a type that reads as policy.set was let in")
	}
}

func TestRoles(t *testing.T) {
	want := map[Role]string{
		Recorder: "record",
		Reader:   "read",
		Auditor:  "read audit",
		Admin:    "record read audit administer",
		"":       "",
		"root":   "",
	}
	for role, can := range want {
		var got []string
		for _, n := range []Need{Record, Read, Audit, Administer} {
			if role.May(n) {
				got = append(got, n.String())
			}
		}
		if strings.Join(got, " ") != can {
			t.Errorf("%q may %v, want %s", role, got, can)
		}
		if !role.May(Nothing) {
			t.Errorf("%q may not even do nothing", role)
		}
	}
}

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		glob, s string
		want    bool
	}{
		{"*", "", true}, {"*", "a/b", true}, {"a", "a", true}, {"a", "ab", false}, {"", "", true}, {"", "a", false},
		{"/ci/*", "/ci/", true}, {"/ci/*", "/ci/a/b", true}, {"/ci/*", "/ci", false}, {"*.shipped", "change.shipped", true},
		{"a*b*c", "a-b-c", true}, {"a*b*c", "a-c-b", false}, {"a*a", "a", false}, {"ab*ba", "aba", false}, {"**", "x", true},
		{"a*bc*bc", "abcbc", true}, {"a*bc*bc", "abc", false},
	} {
		if got := Match(c.glob, c.s); got != c.want {
			t.Errorf("Match(%q, %q) = %v", c.glob, c.s, got)
		}
	}
}
