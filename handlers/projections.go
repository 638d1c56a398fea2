package handlers

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"

	"github.com/daybookhq/daybook/events/client"
	"github.com/daybookhq/daybook/projections"
)

func wireProjection(s projections.Status) client.Projection {
	p := client.Projection{
		Name: s.Name, Version: fmt.Sprintf("%d.%d", s.Version, s.Build), Checkpoint: max(0, s.Position), Behind: s.Lag,
		State: "running", Error: s.Stopped,
	}
	switch {
	case s.Stopped != "":
		p.State = "stopped"
	case s.Building:
		p.State = "rebuilding"
	}
	return p
}

// listProjections shows where each read model stands.
func (a *api) listProjections(w http.ResponseWriter, r *http.Request) error {
	if a.Runner == nil {
		return unavailable("the state of the projections")
	}
	if a.Idle {
		head, err := a.Trail.Head(r.Context())
		if err != nil {
			return err
		}
		var stopped *projections.StoppedError // which the list then shows
		if err := a.Runner.CatchUp(r.Context(), head.Size); err != nil && !errors.As(err, &stopped) {
			return err
		}
	}
	out := []client.Projection{}
	for _, s := range a.Runner.Status() {
		out = append(out, wireProjection(s))
	}
	return writeJSON(w, http.StatusOK, out)
}

// rebuildProjection builds a read model anew beside the one in use, and answers
// when the new one has taken over.
func (a *api) rebuildProjection(w http.ResponseWriter, r *http.Request) error {
	if a.Runner == nil {
		return unavailable("rebuilding")
	}
	name := r.PathValue("name")
	known := false
	for _, s := range a.Runner.Status() {
		known = known || s.Name == name
	}
	if !known {
		return &fault{status: http.StatusNotFound, field: "name", detail: "there is no projection of that name; see daybook projections list"}
	}
	longer(w)
	if err := a.Runner.Rebuild(r.Context(), name, nil); err != nil {
		return err
	}
	var latest projections.Status
	for _, s := range a.Runner.Status() {
		if s.Name == name && !s.Building {
			latest = s
		}
	}
	latest.Name = cmp.Or(latest.Name, name)
	return writeJSON(w, http.StatusOK, wireProjection(latest))
}
