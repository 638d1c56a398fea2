package events

import (
	"slices"
	"unicode/utf8"
)

// A Kind names a sort of correlation key. Each is a CloudEvents extension
// attribute, so that filters need not open an event's data.
type Kind string

// The correlation keys, in the order in which they are serialised.
const (
	KindRollout     Kind = "rollout"
	KindStage       Kind = "stage"
	KindCohort      Kind = "cohort"
	KindChange      Kind = "change"
	KindEmergency   Kind = "emergency"
	KindIncident    Kind = "incident"
	KindFlag        Kind = "flag"
	KindGate        Kind = "gate"
	KindEnvironment Kind = "environment"
	KindRegion      Kind = "region"
	KindService     Kind = "service"
	KindHatch       Kind = "hatch"
	KindRollback    Kind = "rollback"
	KindApproval    Kind = "approval"
	KindPostmortem  Kind = "postmortem"
	KindDrill       Kind = "drill"
)

// Kinds of index entry that are not correlation keys: they come from other
// attributes, so that the same index answers who, what, from where and about
// which other record.
const (
	KindActor  Kind = "actor"  // authid
	KindType   Kind = "type"   // the full type
	KindSource Kind = "source" // the source
	KindTarget Kind = "target" // the identity (see Identity) an event corrects or retracts
	KindCause  Kind = "cause"  // the identity its causationid names, within its own source
	KindMoved  Kind = "moved"  // "kind/value" of a key that this correction gives its target
)

var kinds = []Kind{
	KindRollout, KindStage, KindCohort, KindChange, KindEmergency, KindIncident, KindFlag, KindGate,
	KindEnvironment, KindRegion, KindService, KindHatch, KindRollback, KindApproval, KindPostmortem, KindDrill,
}

// Kinds lists the correlation keys in their fixed order.
func Kinds() []Kind { return slices.Clone(kinds) }

// IsCorrelation reports whether k is one of the correlation keys.
func (k Kind) IsCorrelation() bool { return kindIndex(string(k)) >= 0 }

// kindIndex is the place of a correlation key in the fixed order, or -1. A
// switch finds it several times faster than a walk along kinds does, and every
// attribute of every event is looked up.
func kindIndex(name string) int {
	switch name {
	case "rollout":
		return 0
	case "stage":
		return 1
	case "cohort":
		return 2
	case "change":
		return 3
	case "emergency":
		return 4
	case "incident":
		return 5
	case "flag":
		return 6
	case "gate":
		return 7
	case "environment":
		return 8
	case "region":
		return 9
	case "service":
		return 10
	case "hatch":
		return 11
	case "rollback":
		return 12
	case "approval":
		return 13
	case "postmortem":
		return 14
	case "drill":
		return 15
	}
	return -1
}

// A Key joins events: those with an equal key belong to one story. Nothing is
// ever joined because it happened at about the same time.
type Key struct {
	Kind  Kind
	Value string
}

// Valid reports whether an event may carry the key.
func (k Key) Valid() bool {
	return k.Value != "" && len(k.Value) <= MaxNameBytes && utf8.ValidString(k.Value) && checkText(string(k.Kind), k.Value) == nil
}

// String is "kind/value", the form documents and URLs use.
func (k Key) String() string { return string(k.Kind) + "/" + k.Value }
