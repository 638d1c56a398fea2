package ingest

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/nats-io/nats.go"

	"github.com/daybookhq/daybook/events/client"
)

// replyTo is the subject a receipt was asked for on, or "". Only inboxes are
// answered: a producer must not make the ledger publish anywhere else.
func (l *letter) replyTo() string {
	for name, values := range l.original.Headers() {
		if strings.EqualFold(name, replyHeader) && len(values) == 1 {
			s := values[0]
			if strings.HasPrefix(s, "_INBOX") && !strings.ContainsAny(s, " \t*>") && !strings.Contains(s, "..") && !strings.HasSuffix(s, ".") {
				return s
			}
		}
	}
	return ""
}

// reply tells the producer what became of its events, if it asked.
func (d *Door) reply(l *letter) {
	to := l.replyTo()
	if to == "" {
		return
	}
	body, err := json.Marshal(l.summary())
	if err == nil {
		err = d.js.Conn().PublishMsg(&nats.Msg{Subject: to, Data: body, Header: nats.Header{"Content-Type": {client.TypeJSON}}})
	}
	if err != nil {
		d.log.Warn("a receipt could not be sent; the events are settled all the same", "reply", to, "error", err)
	}
}

func (l *letter) summary() client.Summary {
	s := client.Summary{Results: make([]client.Result, len(l.items))}
	for i := range l.items {
		it, r := &l.items[i], &s.Results[i]
		*r = client.Result{Index: &i, Outcome: it.outcome}
		switch it.outcome {
		case client.Accepted:
			s.Accepted++
			r.Status = http.StatusCreated
		case client.Duplicate:
			s.Duplicates++
			r.Status = http.StatusOK
		case client.Conflict:
			s.Conflicts++
			r.Status = http.StatusConflict
		case client.Denied:
			s.Refused++
			r.Status = http.StatusForbidden
		default:
			s.Refused++
			r.Status = http.StatusUnprocessableEntity
		}
		if it.refusal != nil {
			_, r.Field, r.Detail = explain(it.refusal)
		} else {
			r.LeafHash = &it.leaf
			if s.Last == nil || it.position > *s.Last {
				s.Last = &it.position
			}
		}
		if it.refusal == nil || it.outcome == client.Conflict {
			r.Position = &it.position
		}
	}
	return s
}
