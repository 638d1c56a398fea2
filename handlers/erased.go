package handlers

import (
	"fmt"
	"net/http"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/events/client"
	"github.com/daybookhq/daybook/events/trail"
)

// erased is the answer to who asks for an event whose content is gone.
type erased struct{ event events.Recorded }

func (e *erased) Error() string {
	x := e.event.Erased
	return fmt.Sprintf("the content of #%d was erased on %s by #%d, basis: %s", e.event.Position, x.At.UTC().Format("2006-01-02"), x.By, x.Basis)
}

func (e *erased) Unwrap() error { return trail.ErrErased }

func (e *erased) problem() client.Problem {
	position := e.event.Position
	return client.Problem{Status: http.StatusGone, Detail: e.Error(), Position: &position, Erased: e.event.Served()}
}
