package events

import (
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
)

func TestDefaultPolicyReadsBack(t *testing.T) {
	got, problems := Policy{}.With(DefaultPolicy().Values())
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	if diff := cmp.Diff(DefaultPolicy(), got); diff != "" {
		t.Fatal(diff)
	}
}

func TestPolicyValuesAreExplained(t *testing.T) {
	for _, v := range PolicyValues() {
		if v.Meaning == "" || v.Source == "" || !v.Default.IsValid() {
			t.Errorf("%+v", v)
		}
	}
}

// What is given replaces what was there, part by part; what does not fit is
// named and changes nothing; and nothing is shared with the policy before.
func TestPolicyWith(t *testing.T) {
	base := DefaultPolicy()
	got, problems := base.With(map[string]jsontext.Value{
		"emergencies_per_month": jsontext.Value(`6`),
		"duties":                jsontext.Value(`{"gates":"2d"}`),
		"level_times":           jsontext.Value(`{"1":"30s"}`),
		"authorities":           jsontext.Value(`{"element":{"freeze":["executive"]}}`),
		"hatch_advance_limit":   jsontext.Value(`0.5`),
		"enabling_eyes":         jsontext.Value(`"many"`),
		"late_record":           jsontext.Value(`null`),
		"x":                     jsontext.Value(`1`),
	})
	want := DefaultPolicy()
	want.EmergenciesPerMonth = 6
	want.Duties.Gates = 2 * 86400
	want.LevelTimes = map[Level]Seconds{LevelFlag: 30}
	want.Authorities.Element = map[Element][]Authority{ElementFreeze: {AuthorityExecutive}}
	want.HatchAdvanceLimit = new(0.5)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(DefaultPolicy(), base); diff != "" {
		t.Error("the policy before was changed", diff)
	}
	var named []string
	for _, p := range problems {
		named = append(named, p.Field)
	}
	if diff := cmp.Diff([]string{"values.enabling_eyes", "values.late_record", "values.x"}, named); diff != "" {
		t.Error(diff)
	}
}
