package handlers

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/events/client"
	"github.com/daybookhq/daybook/events/trail"
	"github.com/daybookhq/daybook/handlers/access"
)

// maxRefusals is how many events of one request may be refused before the rest
// is no longer looked at: their reasons are kept until the answer is written.
const maxRefusals = 10_000

// maxListed is how many events of one request are listed one by one; it stands
// in the documentation of [client.Summary].
const maxListed = 50_000

// several gathers what became of the events of one request. An event that is
// listed takes about 80 bytes until the answer is written, one that is not in
// the trail its reason as well.
type several struct {
	unit    string // what Place counts: "line" or "index"
	minimal bool   // keep only what was neither accepted nor a duplicate
	sum     client.Summary
	last    int64
	kept    []placed
	reasons map[int]reason // why, by place
	denied  bool
}

type placed struct {
	place    int
	position int64
	hash     [32]byte
	outcome  string
	status   int
}

type reason struct{ field, detail string }

func newSeveral(r *http.Request, unit string) *several {
	return &several{unit: unit, minimal: prefersMinimal(r), last: -1, reasons: map[int]reason{}}
}

func prefersMinimal(r *http.Request) bool {
	for _, v := range r.Header.Values("Prefer") {
		for pref := range strings.SplitSeq(v, ",") {
			if strings.EqualFold(strings.TrimSpace(pref), "return=minimal") {
				return true
			}
		}
	}
	return false
}

// refuse notes an event that does not reach the trail. It reports whether the
// rest is still worth looking at.
func (s *several) refuse(place int, err error) bool {
	p := placed{place: place, position: -1, outcome: client.Refused, status: http.StatusUnprocessableEntity}
	var (
		refusal *events.Refusal
		denied  *access.Denied
		why     reason
	)
	switch {
	case errors.As(err, &refusal):
		why = reason{refusal.Field, refusal.Reason}
	case errors.As(err, &denied):
		why = reason{denied.Field, denied.Reason}
		p.outcome, p.status = client.Denied, http.StatusForbidden
		s.denied = true
	default:
		why.detail = err.Error()
	}
	s.sum.Refused++
	s.kept = append(s.kept, p)
	s.reasons[place] = why
	if s.sum.Refused >= maxRefusals {
		s.stop(place+1, "more than "+strconv.Itoa(maxRefusals)+" events were refused; see whether this is the right file")
		return false
	}
	return true
}

// stop notes that the work ended before place.
func (s *several) stop(place int, why string) {
	s.sum.Stopped, s.sum.StoppedAt = why, place
}

// broken notes that the trail failed with err after it had given receipts for
// the first of the events at places.
func (s *several) broken(places []int, receipts []trail.Receipt, err error) {
	place := places[min(len(receipts), len(places)-1)]
	if errors.Is(err, trail.ErrUnknown) {
		s.stop(place, fmt.Sprintf("whether anything from %s %d on was recorded is not known; to send it again is safe", s.unit, place))
		return
	}
	s.stop(place, fmt.Sprintf("nothing from %s %d on was recorded; to send all of it again is safe", s.unit, place))
}

// receive notes the receipts of events that were handed to the trail, of which
// there may be fewer than events.
func (s *several) receive(places []int, evs []events.Event, receipts []trail.Receipt) {
	if !s.minimal {
		s.kept = slices.Grow(s.kept, max(0, min(len(receipts), maxListed-len(s.kept))))
	}
	for i, rc := range receipts {
		outcome, status := outcomeOf(rc)
		switch {
		case rc.Conflict:
			s.sum.Conflicts++
		case rc.Duplicate:
			s.sum.Duplicates++
		default:
			s.sum.Accepted++
		}
		if !rc.Conflict {
			s.last = rc.Position
			if s.minimal {
				continue
			}
		}
		if len(s.kept) >= maxListed {
			s.sum.Unlisted++
			continue
		}
		if rc.Conflict {
			s.reasons[places[i]] = reason{"id", conflictDetail(&evs[i], rc.Position)}
		}
		s.kept = append(s.kept, placed{places[i], rc.Position, rc.LeafHash, outcome, status})
	}
}

// answer writes the summary: 200 when everything is in the trail, 207 when some
// of it is, a problem when nothing is. failure is what ended the work early.
func (s *several) answer(w http.ResponseWriter, failure error) error {
	slices.SortStableFunc(s.kept, func(a, b placed) int { return cmp.Compare(a.place, b.place) })
	stored := s.sum.Accepted + s.sum.Duplicates
	lost := s.sum.Conflicts + s.sum.Refused
	if failure == nil && (stored > 0 || lost == 0) {
		status := http.StatusOK
		if lost > 0 || s.sum.Stopped != "" {
			status = http.StatusMultiStatus
		}
		w.Header()["Content-Type"] = jsonType
		w.WriteHeader(status)
		buf := buffers.Get().(*bytes.Buffer)
		defer giveBack(buf)
		buf.Reset()
		buf.Grow(256 + 160*len(s.kept))
		_, err := w.Write(append(s.append(buf.AvailableBuffer()), '\n'))
		return err
	}
	var sum client.Summary
	if err := json.Unmarshal(s.append(nil), &sum); err != nil {
		return err
	}
	if failure != nil {
		p := problemOf(failure)
		if sum.Stopped != "" {
			p.Detail = cause(failure, p.Detail) + "; " + sum.Stopped
		}
		return &fault{status: p.Status, field: p.Field, detail: p.Detail, summary: &sum, err: failure}
	}
	status, detail := http.StatusUnprocessableEntity, "none of the events could be recorded"
	switch {
	case s.denied:
		status = http.StatusForbidden
	case s.sum.Refused == 0:
		status = http.StatusConflict
	}
	for i := range sum.Results {
		if d := sum.Results[i].Detail; d != "" {
			detail += "; the first: " + s.unit + " " + strconv.Itoa(s.kept[i].place) + ": " + d
			break
		}
	}
	return &fault{status: status, detail: detail, summary: &sum}
}

// cause is why the trail failed, without what its error says of the one call
// that failed: others of the same request may have gone well.
func cause(err error, otherwise string) string {
	switch {
	case errors.Is(err, trail.ErrFull):
		return "no room left on the database's disk; free some space"
	case errors.Is(err, trail.ErrUnavailable):
		return "the trail's database is unavailable"
	case errors.Is(err, trail.ErrUnknown):
		return "the database went away during the commit"
	}
	return otherwise
}

// append writes the JSON of a client.Summary; a test holds the two together.
func (s *several) append(b []byte) []byte {
	n := func(name string, v int) {
		b = append(b, name...)
		b = strconv.AppendInt(b, int64(v), 10)
	}
	n(`{"accepted":`, s.sum.Accepted)
	n(`,"duplicates":`, s.sum.Duplicates)
	n(`,"conflicts":`, s.sum.Conflicts)
	n(`,"refused":`, s.sum.Refused)
	if s.last >= 0 {
		n(`,"last":`, int(s.last))
	}
	if s.sum.Stopped != "" {
		n(`,"stopped_at":`, s.sum.StoppedAt)
		b = appendString(append(b, `,"stopped":`...), s.sum.Stopped)
	}
	if s.sum.Unlisted > 0 {
		n(`,"unlisted":`, s.sum.Unlisted)
	}
	b = append(b, `,"results":[`...)
	for i := range s.kept {
		p := &s.kept[i]
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, '{', '"')
		b = append(b, s.unit...)
		n(`":`, p.place)
		b = append(b, `,"outcome":"`...)
		b = append(b, p.outcome...)
		n(`","status":`, p.status)
		if p.position >= 0 {
			n(`,"position":`, int(p.position))
		}
		if p.status < 300 {
			b = append(b, `,"leaf_hash":"`...)
			b = appendHash(b, p.hash)
			b = append(b, '"')
		} else {
			why := s.reasons[p.place]
			if why.field != "" {
				b = appendString(append(b, `,"field":`...), why.field)
			}
			b = appendString(append(b, `,"detail":`...), why.detail)
		}
		b = append(b, '}')
	}
	return append(b, "]}"...)
}

func appendString(b []byte, s string) []byte {
	q, _ := json.Marshal(s)
	return append(b, q...)
}
