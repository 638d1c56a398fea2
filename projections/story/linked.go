package story

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"slices"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/projections/fold"
)

// linkFields are the fields of an event's data that name another record.
var linkFields = []string{"caused_by", "reverts", "supersedes", "satisfies"}

// Linked returns the events that are tied to a story by a causationid or a link
// in the data, in either direction for the former, and are not part of it. One
// step only, by (At, Position). They are for a timeline; no fold counts them.
func Linked(ctx context.Context, src Source, s fold.Story) ([]fold.View, error) {
	inside := make(map[int64]bool, len(s.Views))
	var (
		ids    []events.Identity
		causes []events.Key
	)
	for i := range s.Views {
		v := &s.Views[i]
		inside[v.Position] = true
		own := v.Identity()
		causes = append(causes, events.Key{Kind: events.KindCause, Value: hex.EncodeToString(own[:])})
		if v.CausationID != "" {
			ids = append(ids, events.IdentityOf(v.Source, v.CausationID))
		}
		ids = append(ids, links(v)...)
	}
	at, err := src.ByIdentity(ctx, ids)
	if err != nil {
		return nil, err
	}
	var positions []int64
	for _, p := range at {
		positions = append(positions, p)
	}
	for part := range slices.Chunk(causes, chunk) {
		effects, err := src.Positions(ctx, part, s.Size)
		if err != nil {
			return nil, err
		}
		positions = append(positions, effects...)
	}
	slices.Sort(positions)
	positions = slices.Compact(positions)
	positions = slices.DeleteFunc(positions, func(p int64) bool { return inside[p] || p >= s.Size })
	recs, err := fetch(ctx, src, positions)
	if err != nil {
		return nil, err
	}
	recs = slices.DeleteFunc(recs, func(r events.Recorded) bool { return r.Erased != nil })
	views, err := Views(ctx, src, recs, s.Size)
	fold.Sort(views)
	return views, err
}

// links are the identities that the data of v names: an object with source and
// id, or an id within the same source.
func links(v *fold.View) []events.Identity {
	var ids []events.Identity
	// Most data has none of them, and need not be opened to see that.
	if !slices.ContainsFunc(linkFields, func(name string) bool { return bytes.Contains(v.Data, []byte(name)) }) {
		return nil
	}
	fields, _ := members(v.Data)
	for _, f := range fields {
		if !slices.Contains(linkFields, f.name) {
			continue
		}
		var ref events.Ref
		var id string
		switch {
		case json.Unmarshal(f.value, &id) == nil && id != "":
			ids = append(ids, events.IdentityOf(v.Source, id))
		case json.Unmarshal(f.value, &ref) == nil && ref.ID != "":
			if ref.Source == "" {
				ref.Source = v.Source
			}
			ids = append(ids, ref.Identity())
		}
	}
	return ids
}
