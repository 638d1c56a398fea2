package reports_test

import (
	"encoding/json"
	"strings"
	"testing"

	jsonv2 "github.com/go-json-experiment/json"

	"github.com/daybookhq/daybook/events/histories"
	"github.com/daybookhq/daybook/reports"
)

// TestModelIsWhatTheContractSays: --json gives the model, metrics stand under
// their codes, unknown has a reason and no number.
func TestModelIsWhatTheContractSays(t *testing.T) {
	evs, err := histories.Events("jwt-publisher")
	if err != nil {
		t.Fatal(err)
	}
	m := remember(t, at("2024-05-15T12:00:00Z"), evs...)
	doc := render(t, m, reports.Request{Kind: "postmortem", ID: "INC-JWT-CLOCK"})
	b, err := json.Marshal(doc.Model)
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Template string `json:"template"`
		Size     int64  `json:"size"`
		Metrics  map[string]struct {
			Seconds *float64 `json:"seconds"`
			N       int      `json:"n"`
			Bound   string   `json:"bound"`
			Unknown string   `json:"unknown"`
			At      []int64  `json:"positions"`
		} `json:"metrics"`
		Questions []struct {
			Question string `json:"question"`
			Who      string `json:"who_could_say"`
		} `json:"open_questions"`
	}
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	if got.Template != "postmortem/1" || got.Size != int64(len(evs)) {
		t.Errorf("provenance: %+v", got)
	}
	if x := got.Metrics["M-20"]; x.Seconds == nil || *x.Seconds != 60 || x.N != 1 || x.Bound != "exact" || len(x.At) != 2 {
		t.Errorf("M-20: %+v", x)
	}
	if x := got.Metrics["M-22"]; x.Bound != "at_most" || x.Seconds == nil || *x.Seconds != 360 {
		t.Errorf("M-22: %+v", x)
	}
	if x := got.Metrics["M-26"]; x.Seconds != nil || x.Bound != "unknown" || x.Unknown == "" {
		t.Errorf("M-26: %+v", x)
	}
	if len(got.Questions) == 0 || strings.ContainsAny(got.Questions[0].Question, "\\*`") || got.Questions[0].Who == "" {
		t.Errorf("questions: %+v", got.Questions)
	}
	for _, req := range []reports.Request{{Kind: "postmortem", ID: "INC-JWT-CLOCK"}, {Kind: "emergencies", ID: "2024-05", At: at("2024-06-01T00:00:00Z")}} {
		model := render(t, m, req).Model
		v1, err := json.Marshal(model)
		if err != nil {
			t.Fatal(err)
		}
		if v2, err := jsonv2.Marshal(model, jsonv2.Deterministic(true)); err != nil || len(v2) == 0 || len(v1) == 0 {
			t.Errorf("%s with the other encoder: %v", req.Kind, err)
		}
	}
}
