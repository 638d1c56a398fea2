package story_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/events/trail"
	"github.com/daybookhq/daybook/events/trail/trailtest"
	"github.com/daybookhq/daybook/projections/fold"
	"github.com/daybookhq/daybook/projections/story"
)

// ev makes an event from words: "id type at=HH:MM kind=value … {data}".
func ev(t *testing.T, text string) events.Event {
	t.Helper()
	head, data, _ := strings.Cut(text, " {")
	words := strings.Fields(head)
	return trailtest.Event(t, words[0], words[1], func(e *events.Event) {
		for _, w := range words[2:] {
			name, value, _ := strings.Cut(w, "=")
			switch name {
			case "at":
				at, err := time.Parse("15:04", value)
				if err != nil {
					t.Fatal(err)
				}
				e.Time = time.Date(2026, 3, 14, at.Hour(), at.Minute(), 0, 0, time.UTC)
			case "actor":
				e.AuthID = value
			case "cause":
				e.CausationID = value
			default:
				e.Keys = append(e.Keys, events.Key{Kind: events.Kind(name), Value: value})
			}
		}
		if data != "" {
			e.Data = []byte("{" + data)
		}
	})
}

func corrected(id, target, fields string) string {
	return fmt.Sprintf(`%s event.corrected at=20:00 actor=u-9 {"corrects":{"source":"/test","id":%q},"fields":%s,"why":"typo"}`, id, target, fields)
}

func retracted(id, target string) string {
	return fmt.Sprintf(`%s event.retracted at=20:00 {"retracts":{"source":"/test","id":%q},"why":"wrong"}`, id, target)
}

// said is a story in one line per event.
func said(s []fold.View) []string {
	var out []string
	for _, v := range s {
		line := v.ID + " " + v.At.Format("15:04")
		if v.AuthID != "" {
			line += " by " + v.AuthID
		}
		if len(v.Data) > 0 && !strings.HasPrefix(v.Short(), "event.") {
			line += " " + string(v.Data)
		}
		if len(v.Corrections) > 0 {
			line += fmt.Sprintf(" corrected×%d", len(v.Corrections))
		}
		if v.Retracted != nil {
			line += " retracted"
		}
		out = append(out, line)
	}
	return out
}

func TestStories(t *testing.T) {
	const target = `a rollback.decided at=09:12 actor=u-1 incident=INC-1 {"level":2,"signal":"s"}`
	cases := map[string]struct {
		events []string
		root   string
		want   []string
	}{
		"a time, an actor, a field and a new field": {
			[]string{target, corrected("c", "a", `{"time":"2026-03-14T09:10:00Z","actor":"u-2","level":3,"alternatives":["x"]}`)},
			"incident/INC-1", []string{`a 09:10 by u-2 {"level":3,"signal":"s","alternatives":["x"]} corrected×1`},
		},
		"null takes away": {
			[]string{target, corrected("c", "a", `{"signal":null,"actor":null}`)},
			"incident/INC-1", []string{`a 09:12 {"level":2} corrected×1`},
		},
		"the latest correction of a field wins, others stay": {
			[]string{target, corrected("c", "a", `{"level":3,"signal":"t"}`), corrected("d", "a", `{"level":4}`)},
			"incident/INC-1", []string{`a 09:12 by u-1 {"level":4,"signal":"t"} corrected×2`},
		},
		"a correction of a correction": {
			[]string{target, corrected("c", "a", `{"level":3}`), corrected("d", "c", `{"fields":{"level":1}}`)},
			"incident/INC-1", []string{`a 09:12 by u-1 {"level":1,"signal":"s"} corrected×1`},
		},
		"a correction that came first": {
			[]string{corrected("c", "a", `{"level":3}`), target},
			"incident/INC-1", []string{`a 09:12 by u-1 {"level":3,"signal":"s"} corrected×1`},
		},
		"a correction taken back": {
			[]string{target, corrected("c", "a", `{"level":3}`), retracted("r", "c")},
			"incident/INC-1", []string{`a 09:12 by u-1 {"level":2,"signal":"s"}`},
		},
		"a record taken back": {
			[]string{target, retracted("r", "a")},
			"incident/INC-1", []string{`a 09:12 by u-1 {"level":2,"signal":"s"} retracted`},
		},
		"a retraction taken back": {
			[]string{target, retracted("r", "a"), retracted("q", "r")},
			"incident/INC-1", []string{`a 09:12 by u-1 {"level":2,"signal":"s"}`},
		},
		"two that take each other back": {
			[]string{target, retracted("r", "q"), retracted("q", "r"), corrected("c", "c", `{"fields":{"level":9}}`)},
			"incident/INC-1", []string{`a 09:12 by u-1 {"level":2,"signal":"s"}`},
		},
		"values that do not fit change nothing": {
			[]string{target, corrected("c", "a", `{"time":"yesterday","incident":7,"actor":["x"]}`), corrected("d", "a", `[]`)},
			"incident/INC-1", []string{`a 09:12 by u-1 {"level":2,"signal":"s"}`},
		},
		"moved to another story": {
			[]string{target, corrected("c", "a", `{"incident":"INC-2"}`)},
			"incident/INC-2", []string{`a 09:12 by u-1 {"level":2,"signal":"s"} corrected×1`},
		},
		"moved away": {
			[]string{target, `b incident.resolved at=10:00 incident=INC-1`, corrected("c", "a", `{"incident":"INC-2"}`)},
			"incident/INC-1", []string{`b 10:00`},
		},
		"moved by a correction of a correction": {
			[]string{target, corrected("c", "a", `{"incident":"INC-2"}`), corrected("d", "c", `{"fields":{"incident":"INC-3"}}`)},
			"incident/INC-3", []string{`a 09:12 by u-1 {"level":2,"signal":"s"} corrected×1`},
		},
		"a target cannot be changed": {
			[]string{target, `b rollback.decided at=10:00 incident=INC-1`, corrected("c", "b", `{"note":"x"}`), corrected("d", "c", `{"corrects":{"source":"/test","id":"a"}}`)},
			"incident/INC-1", []string{`a 09:12 by u-1 {"level":2,"signal":"s"}`, `b 10:00 {"note":"x"} corrected×1`},
		},
		"in the order they happened": {
			[]string{`late incident.resolved at=11:00 incident=INC-1`, `early incident.started at=09:00 incident=INC-1`, `also incident.detected at=11:00 incident=INC-1`},
			"incident/INC-1", []string{`early 09:00`, `late 11:00`, `also 11:00`},
		},
		"one hop over a change, a second over its approval": {
			[]string{
				`e emergency.declared at=09:00 emergency=EM-1 change=C-1 service=web`,
				`p approval.requested at=09:01 change=C-1 approval=AP-1`,
				`g approval.granted at=09:02 approval=AP-1 postmortem=PM-1`,
				`s change.shipped at=09:03 change=C-1 environment=production`,
				`x change.shipped at=09:04 change=C-2 service=web environment=production`, // shares only what many share
				`y postmortem.opened at=09:05 postmortem=PM-1`,                            // three hops away
			},
			"emergency/EM-1", []string{`e 09:00`, `p 09:01`, `g 09:02`, `s 09:03`},
		},
		"a service leads no further": {
			[]string{`e emergency.declared at=09:00 emergency=EM-1 service=web`, `f emergency.closed at=10:00 emergency=EM-1`},
			"service/web", []string{`e 09:00`},
		},
		"nothing is followed from what was taken back": {
			[]string{`e emergency.declared at=09:00 emergency=EM-1 change=C-1`, `s change.shipped at=10:00 change=C-1`, retracted("r", "e")},
			"emergency/EM-1", []string{`e 09:00 retracted`},
		},
	}
	trailtest.Each(t, func(t *testing.T, o trail.Options) {
		tr := trailtest.Open(t, o)
		n := 0
		for name, c := range cases {
			t.Run(name, func(t *testing.T) {
				// One trail for all: ids and keys are made each case's own.
				n++
				own := strings.NewReplacer(`"id":"`, fmt.Sprintf(`"id":"%d.`, n), "INC-", fmt.Sprintf("INC-%d.", n), "EM-", fmt.Sprintf("EM-%d.", n),
					"C-", fmt.Sprintf("C-%d.", n), "AP-", fmt.Sprintf("AP-%d.", n), "PM-", fmt.Sprintf("PM-%d.", n), "web", fmt.Sprintf("web%d", n))
				for _, text := range c.events {
					trailtest.Append(t, tr, ev(t, fmt.Sprintf("%d.", n)+own.Replace(text)))
				}
				kind, value, _ := strings.Cut(own.Replace(c.root), "/")
				h, err := tr.Head(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				s, err := story.Load(t.Context(), tr, events.Key{Kind: events.Kind(kind), Value: value}, h.Size)
				if err != nil {
					t.Fatal(err)
				}
				var want []string
				for _, w := range c.want {
					want = append(want, fmt.Sprintf("%d.", n)+w)
				}
				if diff := cmp.Diff(want, said(s.Views)); diff != "" {
					t.Fatalf("(-want +got)\n%s", diff)
				}
			})
		}
	})
}

func TestBothValuesStayKnownAndThePrefixDecides(t *testing.T) {
	tr := trailtest.Open(t, trailtest.SQLite(t))
	trailtest.Append(t, tr, ev(t, `a rollback.decided at=09:12 incident=INC-1 {"level":2}`))
	trailtest.Append(t, tr, ev(t, corrected("c", "a", `{"time":"2026-03-14T09:10:00+01:00","level":3}`)))
	root := events.Key{Kind: events.KindIncident, Value: "INC-1"}
	s, err := story.Load(t.Context(), tr, root, 3)
	if err != nil {
		t.Fatal(err)
	}
	v := s.Views[0]
	if v.Original == nil || v.Original.Time.Hour() != 9 || v.TimeText() != "2026-03-14T09:10:00+01:00" || v.At.Hour() != 8 {
		t.Fatalf("view %+v", v)
	}
	c := v.Corrections[0]
	if c.Position != 2 || c.Actor != "u-9" || c.Why != "typo" || len(c.Fields) != 2 || string(c.Fields[1].From) != "2" || string(c.Fields[1].To) != "3" {
		t.Fatalf("correction %+v", c)
	}
	if s, err = story.Load(t.Context(), tr, root, 2); err != nil || s.Views[0].Original != nil || !slices.Equal(said(s.Views), []string{`a 09:12 {"level":2}`}) {
		t.Fatalf("before the correction: %v, %v", said(s.Views), err)
	}
}

func TestLinked(t *testing.T) {
	tr := trailtest.Open(t, trailtest.SQLite(t))
	for _, text := range []string{
		`cause signal.observed at=08:00 service=web`,
		`start incident.started at=09:00 incident=INC-1 cause=cause`,
		`effect flag.flipped at=10:00 flag=waf cause=start`,
		`old change.shipped at=07:00 change=C-1`,
		`found incident.cause_identified at=09:30 incident=INC-1 {"caused_by":"old"}`,
		`other flag.flipped at=10:00 flag=waf`,
	} {
		trailtest.Append(t, tr, ev(t, text))
	}
	s, err := story.Load(t.Context(), tr, events.Key{Kind: events.KindIncident, Value: "INC-1"}, 7)
	if err != nil {
		t.Fatal(err)
	}
	if got := said(s.Views); !slices.Equal(got, []string{"start 09:00", `found 09:30 {"caused_by":"old"}`}) {
		t.Fatalf("story %q", got)
	}
	if got := said(s.Linked); !slices.Equal(got, []string{"old 07:00", "cause 08:00", "effect 10:00"}) {
		t.Fatalf("linked %q", got)
	}
}
