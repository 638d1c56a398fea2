package handlers

import (
	"net/http"
	"slices"
	"strings"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/events/client"
	"github.com/daybookhq/daybook/projections/fold"
	"github.com/daybookhq/daybook/projections/story"
)

// getStory answers with everything that belongs to one key, as it stands after
// corrections, beside what was recorded.
func (a *api) getStory(w http.ResponseWriter, r *http.Request) error {
	key := events.Key{Kind: events.Kind(r.PathValue("kind")), Value: r.PathValue("key")}
	if !key.Kind.IsCorrelation() {
		var kinds []string
		for _, k := range events.Kinds() {
			kinds = append(kinds, string(k))
		}
		return &fault{status: http.StatusNotFound, field: "kind", detail: "there are stories of these kinds: " + strings.Join(kinds, ", ")}
	}
	p := parametersOf(r)
	pre, err := a.prefix(r, p)
	if e := p.done(); e != nil {
		return e
	}
	if err != nil {
		return err
	}
	s, err := story.Load(r.Context(), a.Trail, key, pre.size)
	if err != nil {
		return err
	}
	if len(s.Views) == 0 {
		return &fault{status: http.StatusNotFound, detail: "nothing is recorded of " + key.String()}
	}
	out := client.Story{Root: s.Root.String(), Size: s.Size, Events: storyEvents(s.Views), Linked: storyEvents(s.Linked)}
	for _, k := range s.Keys {
		out.Keys = append(out.Keys, k.String())
	}
	return writeJSON(w, http.StatusOK, out)
}

func storyEvents(views []fold.View) []client.StoryEvent {
	out := make([]client.StoryEvent, len(views))
	for i := range views {
		v := &views[i]
		out[i] = client.StoryEvent{Position: v.Position, At: v.At, Event: v.Bytes}
		for _, c := range v.Corrections {
			out[i].Corrections = append(out[i].Corrections, correction(c))
		}
		if v.Retracted != nil {
			c := correction(*v.Retracted)
			out[i].Retracted = &c
		}
	}
	return slices.Clip(out)
}

func correction(c fold.Correction) client.Correction {
	out := client.Correction{Position: c.Position, At: c.At, Actor: c.Actor, Why: c.Why}
	for _, f := range c.Fields {
		out.Fields = append(out.Fields, client.FieldChange{Name: f.Name, From: f.From, To: f.To})
	}
	return out
}
