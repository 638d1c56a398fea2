package handlers

import (
	"net/http"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/handlers/cloudevent"
)

// postBatch records the events of a CloudEvents batch, a JSON array. The array
// must be whole; an element that cannot be recorded does not keep the others out.
func (a *api) postBatch(w http.ResponseWriter, r *http.Request) error {
	buf, err := a.whole(w, r, a.MaxBatchBytes)
	if err != nil {
		return err
	}
	defer giveBack(buf)
	var (
		p      = principalOf(r)
		out    = newSeveral(r, "index")
		evs    []events.Event
		places []int
	)
	i := -1
	for raw, err := range cloudevent.Batch(buf.Bytes()) {
		if err != nil {
			return err
		}
		i++
		e, err := events.Parse(raw)
		if err == nil {
			err = p.MayRecord(&e)
		}
		if err == nil {
			evs, places = append(evs, e), append(places, i)
		} else {
			a.metrics.refused.Inc()
			if !out.refuse(i, err) {
				break
			}
		}
	}
	var failure error
	if len(evs) > 0 {
		receipts, err := a.Trail.Append(r.Context(), p.Name, evs...)
		if err != nil {
			out.broken(places, receipts, err)
			failure = err
		}
		for _, rc := range receipts {
			a.metrics.count(rc)
		}
		out.receive(places, evs, receipts)
	}
	return out.answer(w, failure)
}
