package events

import (
	"encoding/json"
)

// Targets are the identities of other records that this event corrects or
// retracts, so that the index leads from a record to what was said of it
// later, also when the correction came first.
func (e *Event) Targets() []Identity {
	var name string
	switch e.Type {
	case Prefix + "event.corrected.v1":
		name = "corrects"
	case Prefix + "event.retracted.v1":
		name = "retracts"
	default:
		return nil
	}
	var data map[string]json.RawMessage
	if json.Unmarshal(e.Data, &data) != nil {
		return nil
	}
	var ref Ref
	if json.Unmarshal(data[name], &ref) != nil || ref.Source == "" || ref.ID == "" {
		return nil
	}
	return []Identity{IdentityOf(ref.Source, ref.ID)}
}

// Moved are the correlation keys (and the actor) that a correction gives its
// target, also through a correction of a correction. They are indexed under
// [KindMoved], since the target's own bytes stay indexed under what they say.
func (e *Event) Moved() []Key {
	if e.Type != Prefix+"event.corrected.v1" {
		return nil
	}
	var data struct {
		Fields json.RawMessage `json:"fields"`
	}
	if json.Unmarshal(e.Data, &data) != nil {
		return nil
	}
	return moved(nil, data.Fields, 0)
}

func moved(dst []Key, raw json.RawMessage, depth int) []Key {
	var fields map[string]json.RawMessage
	if depth > 8 || json.Unmarshal(raw, &fields) != nil {
		return dst
	}
	for _, k := range append(Kinds(), KindActor) {
		var v string
		if json.Unmarshal(fields[string(k)], &v) == nil && (Key{k, v}).Valid() {
			dst = append(dst, Key{k, v})
		}
	}
	if f, ok := fields["fields"]; ok {
		dst = moved(dst, f, depth+1)
	}
	return dst
}

// A Ref names another event by what makes it unique.
type Ref struct {
	Source string `json:"source"`
	ID     string `json:"id"`
}

// Identity is the idempotency key of the event that r names.
func (r Ref) Identity() Identity { return IdentityOf(r.Source, r.ID) }
