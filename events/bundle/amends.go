package bundle

import (
	"encoding/hex"
	"slices"

	"github.com/go-json-experiment/json"

	"github.com/daybookhq/daybook/events"
)

// Types of events that a bundle shows beside others.
const (
	typeGap      = events.Prefix + "source.gap_observed.v1"
	typeRedacted = events.Prefix + "redaction.applied.v1"
)

// missing reports whether an event says that something is not there which a
// reader of the events in the tally may look for.
func missing(r *events.Recorded, t *tally) bool {
	if isRedaction(r) {
		return true
	}
	var data struct {
		Source string `json:"source"`
	}
	return r.Type == typeGap && json.Unmarshal(r.Data, &data) == nil && t.knows(data.Source)
}

// amended finds what corrects or retracts the events, and what corrects or
// retracts that, by the position of the event.
func (x *exporter) amended(evs []events.Recorded) (map[int64][]int64, error) {
	first := make([]events.Identity, 0, len(evs))
	for i := range evs {
		if evs[i].Erased == nil {
			first = append(first, evs[i].Identity())
		}
	}
	found, err := x.targeting(first)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	all := map[int64][]int64{}
	for i := range evs {
		if evs[i].Erased != nil {
			continue
		}
		begin := found[evs[i].Identity()]
		if len(begin) == 0 {
			continue
		}
		if all[evs[i].Position], err = x.closure(evs[i].Position, begin); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// An amendment is an event that amends others, short of its content.
type amendment struct {
	position int64
	identity events.Identity
}

// targeting finds the corrections and retractions of records, ascending.
func (x *exporter) targeting(of []events.Identity) (map[events.Identity][]amendment, error) {
	found := map[events.Identity][]amendment{}
	for part := range slices.Chunk(of, batch) {
		keys := make([]events.Key, len(part))
		for i, id := range part {
			keys[i] = events.Key{Kind: events.KindTarget, Value: hex.EncodeToString(id[:])}
		}
		positions, err := x.trail.Positions(x.ctx, keys, x.head.Size)
		if err != nil {
			return nil, err
		}
		err = x.at(positions, func(evs []events.Recorded) error {
			for i := range evs {
				for _, target := range evs[i].Targets() { // none, of an erased one
					if slices.Contains(part, target) {
						found[target] = append(found[target], amendment{evs[i].Position, evs[i].Identity()})
					}
				}
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return found, nil
}

// closure follows amendments to what amends them, and returns the positions of
// all, ascending, but for the event's own.
func (x *exporter) closure(event int64, next []amendment) ([]int64, error) {
	known := map[int64]bool{event: true}
	var all []int64
	for len(next) > 0 {
		var ids []events.Identity
		for _, a := range next {
			if known[a.position] {
				continue
			}
			if len(all) == maxAmendments {
				x.tally.c.Cut++
				slices.Sort(all)
				return all, nil
			}
			known[a.position] = true
			all = append(all, a.position)
			ids = append(ids, a.identity)
		}
		found, err := x.targeting(ids)
		if err != nil {
			return nil, err
		}
		next = next[:0:0]
		for _, id := range ids {
			next = append(next, found[id]...)
		}
	}
	slices.Sort(all)
	return all, nil
}

// amendments writes the events at those positions.
func (x *exporter) amendments(positions []int64) error {
	return x.at(positions, func(evs []events.Recorded) error {
		for i := range evs {
			x.tally.c.Amendments++
			if err := x.proved(kwAmends, &evs[i]); err != nil {
				return err
			}
		}
		return nil
	})
}
