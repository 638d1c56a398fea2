package handlers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/events/client"
	"github.com/daybookhq/daybook/events/trail"
	"github.com/daybookhq/daybook/events/witness"
	"github.com/daybookhq/daybook/handlers/access"
	"github.com/daybookhq/daybook/handlers/tokens"
	"github.com/daybookhq/daybook/projections"
	"github.com/daybookhq/daybook/reports"
)

// A fault is an error whose answer was decided where it was found.
type fault struct {
	status   int
	field    string
	detail   string
	position *int64
	summary  *client.Summary
	err      error // for the log
}

func (f *fault) Error() string {
	if f.err != nil {
		return f.detail + ": " + f.err.Error()
	}
	return f.detail
}
func (f *fault) Unwrap() error { return f.err }

func badParameter(name, format string, args ...any) error {
	return &fault{status: http.StatusBadRequest, field: name, detail: fmt.Sprintf(format, args...)}
}

// problemOf says how an error is answered. It is the only place that knows, and
// what it does not know is an internal error, of which the caller learns only
// the request id.
func problemOf(err error) client.Problem {
	var (
		gone    *erased
		f       *fault
		refusal *events.Refusal
		denied  *access.Denied
		invalid *tokens.Invalid
		large   *http.MaxBytesError
		stopped *projections.StoppedError
	)
	switch {
	case errors.As(err, &gone):
		return gone.problem()
	case errors.As(err, &f):
		return client.Problem{Status: f.status, Field: f.field, Detail: f.detail, Position: f.position, Summary: f.summary}
	case errors.As(err, &refusal):
		return client.Problem{Status: http.StatusUnprocessableEntity, Field: refusal.Field, Detail: refusal.Reason}
	case errors.As(err, &denied):
		return client.Problem{Status: http.StatusForbidden, Field: denied.Field, Detail: denied.Reason}
	case errors.As(err, &invalid):
		return client.Problem{Status: http.StatusBadRequest, Field: invalid.Field, Detail: invalid.Reason}
	case errors.As(err, &large):
		return client.Problem{Status: http.StatusRequestEntityTooLarge, Detail: fmt.Sprintf("the body is larger than %d bytes; send it in parts", large.Limit)}
	case errors.Is(err, tokens.ErrUnknown):
		return client.Problem{Status: http.StatusUnauthorized, Detail: "the token is not known, was revoked or has expired; ask an administrator for one"}
	case errors.Is(err, tokens.ErrNoToken):
		return client.Problem{Status: http.StatusNotFound, Detail: err.Error()}
	case errors.Is(err, tokens.ErrTaken):
		return client.Problem{Status: http.StatusConflict, Field: "name", Detail: err.Error()}
	case errors.Is(err, trail.ErrNotFound):
		return client.Problem{Status: http.StatusNotFound, Detail: err.Error()}
	case errors.Is(err, witness.ErrNotYet):
		return client.Problem{Status: http.StatusServiceUnavailable, Detail: witness.ErrNotYet.Error()}
	case errors.Is(err, trail.ErrAltered):
		return client.Problem{Status: http.StatusInternalServerError, Detail: err.Error()}
	case errors.Is(err, trail.ErrNoProof):
		return client.Problem{Status: http.StatusBadRequest, Detail: err.Error()}
	case errors.Is(err, projections.ErrNoStat):
		return client.Problem{Status: http.StatusNotFound, Field: "name", Detail: err.Error()}
	case errors.Is(err, projections.ErrZone):
		return client.Problem{Status: http.StatusBadRequest, Field: "zone", Detail: err.Error()}
	case errors.Is(err, reports.ErrNotFound):
		return client.Problem{Status: http.StatusNotFound, Detail: err.Error()}
	case errors.Is(err, reports.ErrRequest):
		return client.Problem{Status: http.StatusBadRequest, Detail: err.Error()}
	case errors.As(err, &stopped):
		return client.Problem{Status: http.StatusServiceUnavailable, Detail: "the projection " + stopped.Projection + " is stopped; see daybook projections list"}
	case errors.Is(err, trail.ErrFull):
		return client.Problem{Status: http.StatusInsufficientStorage, Detail: trail.ErrFull.Error()}
	case errors.Is(err, trail.ErrReadOnly):
		return client.Problem{Status: http.StatusServiceUnavailable, Detail: readOnly(err)}
	case errors.Is(err, trail.ErrUnavailable):
		return client.Problem{Status: http.StatusServiceUnavailable, Detail: trail.ErrUnavailable.Error()}
	case errors.Is(err, trail.ErrUnknown):
		return client.Problem{Status: http.StatusServiceUnavailable, Detail: trail.ErrUnknown.Error()}
	case errors.Is(err, trail.ErrStopped):
		return client.Problem{Status: http.StatusServiceUnavailable, Detail: trail.ErrStopped.Error()}
	case errors.Is(err, trail.ErrClosed), errors.Is(err, context.Canceled):
		return client.Problem{Status: http.StatusServiceUnavailable, Detail: "the server is stopping; try again"}
	case errors.Is(err, context.DeadlineExceeded):
		return client.Problem{Status: http.StatusGatewayTimeout, Detail: "it took too long; ask for less at once, or try again"}
	}
	return client.Problem{Status: http.StatusInternalServerError, Detail: "internal error; the server's log says more"}
}

// readOnly says why the trail takes no events, without what was being done.
func readOnly(err error) string {
	if behind, ok := errors.AsType[*trail.BehindError](err); ok {
		return behind.Error()
	}
	if succeeded, ok := errors.AsType[*trail.SucceededError](err); ok {
		return succeeded.Error()
	}
	if replaced, ok := errors.AsType[*trail.KeyReplacedError](err); ok {
		return replaced.Error()
	}
	if errors.Is(err, trail.ErrNotCompared) {
		return trail.ErrNotCompared.Error()
	}
	return trail.ErrReadOnly.Error()
}

// slugs name the problems that a client may want to tell apart by type.
var slugs = map[int]string{
	http.StatusConflict:            "conflict",
	http.StatusGone:                "erased",
	http.StatusUnprocessableEntity: "refused",
	http.StatusForbidden:           "denied",
	http.StatusUnauthorized:        "unauthenticated",
	http.StatusBadRequest:          "bad-request",
	http.StatusInsufficientStorage: "disk-full",
}

// fail answers with a problem.
func (a *api) fail(w http.ResponseWriter, r *http.Request, err error) {
	p := problemOf(err)
	if p.Status == http.StatusInternalServerError {
		// Whoever read the database themselves may not have said that it is away.
		p = problemOf(a.Trail.Classify(err))
	}
	p.Title = http.StatusText(p.Status)
	p.Type = "about:blank"
	if s := slugs[p.Status]; s != "" {
		p.Type = "urn:daybook:problem:" + s
	}
	p.RequestID = w.Header().Get("X-Request-Id")
	if p.Status >= 500 && r.Context().Err() == nil {
		level := slog.LevelError
		if errors.Is(err, trail.ErrReadOnly) {
			level = slog.LevelDebug // the trail has said so once, and clients go on trying
		}
		a.log.Log(r.Context(), level, "request failed", "method", r.Method, "path", r.URL.Path, "status", p.Status, "request", p.RequestID, "error", err)
	}
	h := w.Header()
	for _, name := range []string{"ETag", "Last-Modified", "Content-Disposition", "Content-Security-Policy"} {
		h.Del(name)
	}
	h.Set("Content-Type", client.TypeProblem)
	h.Set("Cache-Control", "no-store")
	switch p.Status {
	case http.StatusUnauthorized:
		h.Set("WWW-Authenticate", `Bearer realm="daybook"`)
	case http.StatusServiceUnavailable:
		h.Set("Retry-After", "1")
	}
	w.WriteHeader(p.Status)
	json.NewEncoder(w).Encode(p)
}
