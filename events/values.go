package events

import (
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Common holds the fields that every event may carry in its data.
type Common struct {
	Note       string     `json:"note,omitzero" doc:"free text: what a reader should know besides"`
	Evidence   []Evidence `json:"evidence,omitzero" doc:"where it can be seen: graphs, logs, chats, tickets, runs"`
	Precision  Precision  `json:"precision,omitzero" doc:"how exactly the time is known; exact when not given"`
	Role       Role       `json:"role,omitzero" doc:"the role in which the actor acted"`
	CausedBy   *Link      `json:"caused_by,omitzero" doc:"what brought it about"`
	Reverts    *Link      `json:"reverts,omitzero" doc:"what it undoes"`
	Supersedes *Link      `json:"supersedes,omitzero" doc:"what it replaces"`
}

// CommonOf returns the common fields of any type's data; every data struct
// has it by embedding [Common].
func (c *Common) CommonOf() *Common { return c }

// Precision says how exactly an event's time is known.
type Precision string

// How exactly a time is known. At most: it happened no later than the time
// given, so that an interval which ends there is an upper bound.
const (
	PrecisionExact       Precision = "exact"
	PrecisionMinute      Precision = "minute"
	PrecisionApproximate Precision = "approximate"
	PrecisionInferred    Precision = "inferred"
	PrecisionAtMost      Precision = "at_most"
)

func (Precision) enum() []string {
	return names(PrecisionExact, PrecisionMinute, PrecisionApproximate, PrecisionInferred, PrecisionAtMost)
}

// Role is the part somebody plays; documents print it instead of a name.
type Role string

// The roles.
const (
	RoleTechLead       Role = "tech_lead"
	RoleReleaseOwner   Role = "release_owner"
	RoleSRE            Role = "sre"
	RoleQA             Role = "qa"
	RoleProduct        Role = "product"
	RoleOnCall         Role = "on_call"
	RoleOnCallLead     Role = "on_call_lead"
	RoleSeniorEngineer Role = "senior_engineer"
	RolePlatformLead   Role = "platform_lead"
	RoleSecurityLead   Role = "security_lead"
	RoleExecutive      Role = "executive"
	RoleUser           Role = "user"
	RoleOther          Role = "other"
)

func (Role) enum() []string {
	return names(RoleTechLead, RoleReleaseOwner, RoleSRE, RoleQA, RoleProduct, RoleOnCall, RoleOnCallLead,
		RoleSeniorEngineer, RolePlatformLead, RoleSecurityLead, RoleExecutive, RoleUser, RoleOther)
}

// ActorKind tells people from machines.
type ActorKind string

// The kinds of actor.
const (
	ActorHuman      ActorKind = "human"
	ActorService    ActorKind = "service"
	ActorAutomation ActorKind = "automation"
	ActorUnknown    ActorKind = "unknown"
)

func (ActorKind) enum() []string {
	return names(ActorHuman, ActorService, ActorAutomation, ActorUnknown)
}

// An Actor is somebody named inside an event's data (who did it stands in the
// authid attribute). In JSON it is an object, or a string, which is the id;
// the string "automation" is of that kind.
type Actor struct {
	ID      string    `json:"id,omitzero" doc:"pseudonymous id; names live outside the trail"`
	Kind    ActorKind `json:"kind,omitzero" doc:"a person or a machine"`
	Role    Role      `json:"role,omitzero" doc:"the part they play"`
	OnCall  *bool     `json:"on_call,omitzero" doc:"whether they were on call then"`
	Display string    `json:"display,omitzero" doc:"how to show them; avoid names of people"`
}

// UnmarshalJSON accepts an object or a string.
func (a *Actor) UnmarshalJSON(b []byte) error { return json.Unmarshal(b, a) }

// UnmarshalJSONFrom accepts an object or a string.
func (a *Actor) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	*a = Actor{}
	if dec.PeekKind() == '"' {
		if err := json.UnmarshalDecode(dec, &a.ID); err != nil {
			return err
		}
		if a.ID == string(ActorAutomation) {
			a.Kind = ActorAutomation
		}
		return nil
	}
	type object Actor
	return json.UnmarshalDecode(dec, (*object)(a))
}

// names lists the values of an enumeration as text.
func names[T ~string](values ...T) []string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = string(v)
	}
	return out
}
