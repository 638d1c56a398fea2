package fold

import (
	"strings"
	"time"

	"github.com/daybookhq/daybook/events"
)

// BucketLength is short enough to cut months in any time zone.
const BucketLength = 15 * time.Minute

// A ChangeBucket counts changes in a quarter of an hour. A change counts once,
// when it first ships to production; rollbacks and drills do not count.
type ChangeBucket struct {
	Start  time.Time `json:"start"`  // UTC, a whole quarter of an hour
	System string    `json:"system"` // see SystemOf
	Count  int64     `json:"count"`
}

// BucketOf is the start of the bucket that a time falls in.
func BucketOf(t time.Time) time.Time { return t.UTC().Truncate(BucketLength) }

// CountsAsChange reports whether an event is a change that reaches production
// and that rates are divided by.
func CountsAsChange(v *View) bool {
	return v.Retracted == nil && v.Short() == "change.shipped" && production(v.Key(events.KindEnvironment)) &&
		v.Key(events.KindRollback) == "" && v.Key(events.KindDrill) == ""
}

// SystemOf is what a change counts for: its service, else the source that
// reports it.
func SystemOf(v *View) string {
	if s := v.Key(events.KindService); s != "" {
		return s
	}
	return v.Source
}

// DrillOf reads a drill.conducted.
func DrillOf(v *View) (Fact, bool) {
	if v.Retracted != nil || v.Short() != "drill.conducted" {
		return Fact{}, false
	}
	var problems []Problem
	_, f := read[events.DrillConducted](v, &problems)
	return f, true
}

// An Exposure is a reported count of changes (or devices, requests, tickets)
// over a period.
type Exposure struct {
	Fact
	Kind   string    `json:"kind"` // changes, deployments, devices, requests, tickets
	From   time.Time `json:"from"`
	To     time.Time `json:"to"`
	Count  float64   `json:"count"`
	System string    `json:"system"`         // what it covers; empty for the whole organisation
	Scope  string    `json:"scope,omitzero"` // as given
	Basis  string    `json:"source_of_count,omitzero"`
}

// ExposureOf reads an exposure.reported with a period and a count. Days are read
// as those of UTC, and the last one is included.
func ExposureOf(v *View) (Exposure, bool) {
	if v.Retracted != nil || v.Short() != "exposure.reported" || !production(v.Key(events.KindEnvironment)) {
		return Exposure{}, false
	}
	var problems []Problem
	d, f := read[events.ExposureReported](v, &problems)
	if d.Count == nil || *d.Count < 0 || d.Period == nil || d.Period.From == nil || d.Period.To == nil {
		return Exposure{}, false
	}
	e := Exposure{
		Fact: f, Kind: string(d.Kind), From: d.Period.From.Start(time.UTC).UTC(), To: d.Period.To.End(time.UTC).UTC(),
		Count: float64(*d.Count), Scope: d.Scope, Basis: d.SourceOfCount,
	}
	if !e.To.After(e.From) {
		return Exposure{}, false
	}
	e.System = systemOfScope(d.Scope)
	if s := v.Key(events.KindService); s != "" {
		e.System = s
	}
	return e, true
}

// systemOfScope reads a scope as in "service/web"; "all", "organisation" and an
// empty one mean everything.
func systemOfScope(scope string) string {
	switch strings.ToLower(strings.TrimSpace(scope)) {
	case "", "all", "*", "organisation", "organization", "everything":
		return ""
	}
	if name, ok := strings.CutPrefix(scope, "service/"); ok {
		return name
	}
	return scope
}
