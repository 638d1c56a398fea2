package projections

import (
	"maps"
	"slices"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/projections/fold"
)

var incidentTables = []*table{
	{
		name: "incidents",
		doc:  "One row per value of the incident key. What is unknown is empty, never zero.",
		columns: []column{
			{"id", text, "the incident key"},
			{"title", text, ""},
			{"severity", text, "as given last"},
			{"detected_by", text, "alert, staff, customer, other"},
			{"impact_starts_us", moment, ""},
			{"detected_us", moment, ""},
			{"mitigated_us", moment, ""},
			{"resolved_us", moment, ""},
			{"total_seconds", real, "impact starts to the last milestone"},
			{"total_bound", text, "exact, at_most, at_least, unknown"},
			{"kill_switches", integer, "times a kill switch was engaged"},
		},
		key:     []string{"id"},
		indexes: [][]string{{"impact_starts_us"}},
	},
	{
		name: "incident_milestones",
		doc:  "The milestones that are known of an incident, and the record each was taken from.",
		columns: []column{
			{"incident", text, ""},
			{"milestone", text, "impact_starts, detected, cause_known, decided, acted, mitigated, resolved"},
			{"at_us", moment, ""},
			{"position", integer, "the record"},
			{"type", text, "its type"},
			{"precision", text, "exact where empty; else minute, approximate, inferred, at_most"},
		},
		key: []string{"incident", "milestone"},
	},
	{
		name: "incident_phases",
		doc:  "Where an incident's time went: M-20 detect, M-21 diagnose, M-22 decide, M-23 act, M-24 until mitigated, M-25 in no phase, M-26 until resolved.",
		columns: []column{
			{"incident", text, ""},
			{"code", text, "the metric"},
			{"seconds", real, "empty where unknown; negative where the records say so"},
			{"bound", text, "exact, at_most, at_least, unknown"},
			{"unknown", text, "why there is no number"},
		},
		key: []string{"incident", "code"},
	},
}

func newIncidents(cacheBytes int) *register {
	return newRegister(registerSpec{
		description: description{
			name: "incidents", fold: 2,
			doc:    "Incidents with their milestones and where their time went.",
			tables: incidentTables,
		},
		kind: events.KindIncident,
		make: newIncidentStory,
		rows: incidentRows,
	}, cacheBytes)
}

// An incidentStory is what is kept of one incident.
type incidentStory struct {
	Incident fold.Incident `json:"incident"`
	Latency  fold.Latency  `json:"latency"`
}

func newIncidentStory(id string) fold.Fold {
	root := events.Key{Kind: events.KindIncident, Value: id}
	return &incidentStory{*fold.NewIncident(root), *fold.NewLatency(root)}
}

// Apply takes the next event of the story.
func (s *incidentStory) Apply(v *fold.View) {
	s.Incident.Apply(v)
	s.Latency.Apply(v)
}

func incidentRows(id string, f fold.Fold, _ *fold.Policies) [][]row {
	n := &f.(*incidentStory).Incident
	p := n.Phases()
	at := func(name string) any {
		if m := p.Known(name); m != nil {
			return micros(m.At)
		}
		return nil
	}
	main := row{id, orNull(n.Title), orNull(n.Severity), orNull(n.DetectedBy),
		at(fold.ImpactStarts), at(fold.Detected), at(fold.Mitigated), at(fold.Resolved),
		number(p.Total.Seconds), orNull(string(p.Total.Bound)), int64(len(n.KillSwitches))}
	var milestones, phases []row
	for _, m := range p.Milestones {
		milestones = append(milestones, row{id, m.Name, micros(m.At), m.Position, orNull(m.Type), orNull(m.Precision)})
	}
	for _, code := range slices.Sorted(maps.Keys(p.Metrics)) {
		m := p.Metrics[code]
		phases = append(phases, row{id, code, number(m.Seconds), orNull(string(m.Bound)), orNull(m.Why)})
	}
	return [][]row{{main}, milestones, phases}
}
