package handlers

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/daybookhq/daybook/handlers/access"
)

// levelAccess is the level at which each request is logged.
const levelAccess = slog.LevelDebug

type principalKey struct{}

// WithPrincipal says who makes the requests of a connection, where the
// transport itself has settled it: the local socket, or a command's own
// process. It must never be set from anything a caller sends.
func WithPrincipal(ctx context.Context, p access.Principal) context.Context {
	return context.WithValue(ctx, principalKey{}, p)
}

func principalOf(r *http.Request) access.Principal {
	p, _ := r.Context().Value(principalKey{}).(access.Principal)
	return p
}

// requestIDs gives each request a name for the log and the answer, unique among
// processes for all practical purposes.
type requestIDs struct {
	prefix string
	next   atomic.Uint64
}

func newRequestIDs(start time.Time) *requestIDs {
	return &requestIDs{prefix: strconv.FormatInt(start.UnixNano(), 36) + "-"}
}

func (r *requestIDs) new() string {
	b := make([]byte, 0, 32)
	return string(strconv.AppendUint(append(b, r.prefix...), r.next.Add(1), 36))
}

// answer remembers what was answered.
type answer struct {
	http.ResponseWriter
	status int
}

func (a *answer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
	a.ResponseWriter.WriteHeader(status)
}

func (a *answer) Write(b []byte) (int, error) {
	if a.status == 0 {
		a.status = http.StatusOK
	}
	return a.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach the connection.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// outer is around everything, unknown paths included.
func (a *api) outer(mux *http.ServeMux) http.Handler {
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { a.unrouted(w, r, mux) })
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h["X-Request-Id"] = []string{a.ids.new()}
		h["X-Content-Type-Options"] = nosniff
		mux.ServeHTTP(w, r)
	})
}

var nosniff = []string{"nosniff"}

// unrouted answers what no route takes, as a problem like all others.
func (a *api) unrouted(w http.ResponseWriter, r *http.Request, mux *http.ServeMux) {
	var allowed []string
	for _, m := range []string{"GET", "POST", "DELETE"} {
		probe := *r
		probe.Method = m
		if _, pattern := mux.Handler(&probe); pattern != "/" {
			allowed = append(allowed, m)
		}
	}
	if len(allowed) > 0 {
		w.Header().Set("Allow", strings.Join(allowed, ", "))
		a.fail(w, r, &fault{status: http.StatusMethodNotAllowed, detail: "this address takes " + strings.Join(allowed, " and ")})
		return
	}
	a.fail(w, r, &fault{status: http.StatusNotFound, detail: "there is nothing at this address; events are at /v1/events"})
}

// wrap authenticates and authorises a request, and measures and logs it.
func (a *api) wrap(rt route) http.Handler {
	measure := a.metrics.route(rt)
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		start := time.Now()
		w := &answer{ResponseWriter: rw}
		defer func() { measure(w.status, time.Since(start)) }()
		defer func() {
			if v := recover(); v != nil {
				if v == http.ErrAbortHandler {
					panic(v)
				}
				err := fmt.Errorf("panic: %v\n%s", v, debug.Stack())
				if w.status == 0 {
					a.fail(w, r, err)
				} else {
					a.log.Error("request failed after its answer began", "path", r.URL.Path, "error", err)
					panic(http.ErrAbortHandler) // so that the caller sees a broken answer, not a short one
				}
			}
		}()
		err := a.admit(&r, rt.need)
		if err == nil {
			err = rt.handle(a, w, r)
		}
		switch {
		case err == nil:
		case w.status == 0:
			a.fail(w, r, err)
		default:
			if r.Context().Err() == nil {
				a.log.Error("request failed after its answer began", "path", r.URL.Path, "error", err)
			}
			panic(http.ErrAbortHandler)
		}
		if a.log.Enabled(r.Context(), levelAccess) {
			a.log.Log(r.Context(), levelAccess, "request", "method", r.Method, "path", r.URL.Path, "status", w.status,
				"by", principalOf(r).Name, "took", time.Since(start), "request", w.Header().Get("X-Request-Id"))
		}
	})
}

// admit finds out who calls and whether they may do what the route does.
func (a *api) admit(r **http.Request, need access.Need) error {
	if need == access.Nothing || need == access.Follow && a.PublicLog {
		return nil
	}
	p := principalOf(*r)
	if p.Name == "" {
		secret, err := bearer(*r)
		if err != nil {
			return err
		}
		t, err := a.Tokens.Authenticate((*r).Context(), secret)
		if err != nil {
			return err
		}
		p = t.Principal()
		*r = (*r).WithContext(WithPrincipal((*r).Context(), p))
	}
	if !p.Role.May(need) {
		return &access.Denied{Reason: fmt.Sprintf("%s has the role %s, which may not %s here", p.Name, p.Role, need)}
	}
	return nil
}

func bearer(r *http.Request) (string, error) {
	header := r.Header["Authorization"]
	if len(header) == 0 {
		return "", &fault{status: http.StatusUnauthorized, detail: "a token is needed, as in the header Authorization: Bearer daybook_…"}
	}
	scheme, secret, ok := strings.Cut(header[0], " ")
	if len(header) > 1 || !ok || !strings.EqualFold(scheme, "Bearer") {
		return "", &fault{status: http.StatusUnauthorized, detail: "one Authorization header is expected, of the form Bearer daybook_…"}
	}
	return strings.TrimSpace(secret), nil
}

// unavailable is what routes answer whose part of the ledger is not there.
func unavailable(what string) error {
	return &fault{status: http.StatusServiceUnavailable, detail: what + " is not available on this server"}
}
