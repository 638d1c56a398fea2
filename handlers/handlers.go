// Package handlers is the HTTP API of a ledger: the way in for events and the
// way out for everything posted from them.
//
// It authenticates each request, asks package access what the caller may do,
// and hands the rest to the packages that hold it; it keeps no state of its own
// besides metrics. Bytes of a structured event go to events.Parse as they came;
// a binary CloudEvent is turned into the same JSON first. Every answer that is
// not what was asked for is an RFC 9457 problem, decided in one place.
//
// What POST /v1/events answers:
//
//	one event   201 recorded · 200 recorded before, with the same content ·
//	            409 its source and id belong to another content, which is kept ·
//	            422 it cannot be recorded as it is · 403 the caller may not write it
//	several     200 all are in the trail · 207 some are · 422, 409 or 403 none is;
//	            each has its own result, by index (batch) or line (one a line)
//	either      400 401 408 413 415 the request itself · 503 try again · 507 no room
//
// The log itself is at /checkpoint and /tile/…, by C2SP tlog-checkpoint and
// tlog-tiles, up to the published checkpoint and no further. Those two are open
// to everybody where Deps.PublicLog says so; then all that is recorded is.
//
// Nothing of a batch is recorded unless its JSON array is whole. Lines are
// recorded as they come; where the body ends early, the answer says from which
// line on nothing was recorded. Sending anything again is always safe.
package handlers

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/daybookhq/daybook/events/trail"
	"github.com/daybookhq/daybook/handlers/access"
	"github.com/daybookhq/daybook/handlers/tokens"
	"github.com/daybookhq/daybook/projections"
	"github.com/daybookhq/daybook/reports"
)

// Deps are what the API stands on. Trail, Tokens and Clock are required; without
// the others, their routes answer 503.
type Deps struct {
	Trail   *trail.Trail
	Tokens  *tokens.Store
	Runner  *projections.Runner
	Reports *reports.Renderer
	Clock   func() time.Time

	// Degraded names what does not work though the ledger takes and shows events
	// as ever, for the body of /readyz. Default: nothing.
	Degraded func(context.Context) map[string]string

	// Idle says that nobody runs the Runner in this process, so that who asks
	// where the projections stand has them post what is missing first.
	Idle bool

	// Published returns the signed checkpoint that outsiders are shown; the log is
	// served up to its size. Default: the newest one, with the log's own signature.
	Published func(context.Context) ([]byte, error)

	// PublicLog lets anybody fetch the checkpoint, the tiles and the entries.
	PublicLog bool

	Logger *slog.Logger // default: discards

	// Registry collects the metrics that /metrics shows; default: a new one.
	Registry *prometheus.Registry

	MaxEventBytes int64         // body of one event; default 256 KiB
	MaxBatchBytes int64         // body of a batch; default 8 MiB
	MaxLinesBytes int64         // body of newline-delimited events; default 64 MiB
	ReadTimeout   time.Duration // how long a body may make no progress; default 30 s
}

type api struct {
	Deps
	log     *slog.Logger
	metrics *metrics
	ids     *requestIDs

	publishedSize atomic.Int64  // the largest that was seen
	bundles       chan struct{} // holds as many as are being put together

	revoking sync.Mutex // one revocation at a time finds out whether it is the first
}

// A route is one row of the API: what is asked, what the caller needs to be
// allowed, and who answers.
type route struct {
	method, path string
	need         access.Need
	handle       func(*api, http.ResponseWriter, *http.Request) error
}

// routes is the whole API. Tests walk it, so a new route cannot be forgotten in
// the matrix of who may what.
func routes() []route {
	return []route{
		{"POST", "/v1/events", access.Record, (*api).postEvents},
		{"GET", "/v1/events", access.Read, (*api).listEvents},
		{"GET", "/v1/events/{position}", access.Read, (*api).getEvent},
		{"GET", "/v1/head", access.Read, (*api).getHead},
		{"GET", "/v1/stories/{kind}/{key...}", access.Read, (*api).getStory},
		{"GET", "/v1/export", access.Audit, (*api).getExport},
		{"GET", "/v1/stats", access.Read, (*api).listStats},
		{"GET", "/v1/stats/{name}", access.Read, (*api).getStat},
		{"GET", "/v1/reports/{kind}/{id...}", access.Read, (*api).getReport},
		{"GET", "/v1/proofs/inclusion", access.Read, (*api).getInclusion},
		{"GET", "/v1/proofs/consistency", access.Read, (*api).getConsistency},
		{"GET", "/v1/proofs/event/{position}", access.Read, (*api).getEventProof},
		{"GET", "/checkpoint", access.Follow, (*api).getCheckpoint},
		{"GET", "/rotations.json", access.Follow, (*api).getRotations},
		{"GET", "/tile/{path...}", access.Follow, (*api).getTile},
		{"GET", "/v1/projections", access.Audit, (*api).listProjections},
		{"POST", "/v1/projections/{name}/rebuild", access.Administer, (*api).rebuildProjection},
		{"GET", "/v1/keys", access.Read, (*api).showKeys},
		{"POST", "/v1/keys/rotate", access.Administer, (*api).rotateKey},
		{"GET", "/v1/tokens", access.Administer, (*api).listTokens},
		{"POST", "/v1/tokens", access.Administer, (*api).issueToken},
		{"DELETE", "/v1/tokens/{token}", access.Administer, (*api).revokeToken},
		{"GET", "/metrics", access.Audit, (*api).showMetrics},
		{"GET", "/healthz", access.Nothing, (*api).healthz},
		{"GET", "/readyz", access.Nothing, (*api).readyz},
	}
}

// New returns the API as one handler. The caller serves it with timeouts for
// headers and idle connections; see package cmd/daybook.
func New(d Deps) http.Handler {
	if d.Registry == nil {
		d.Registry = prometheus.NewRegistry()
	}
	if d.Logger == nil {
		d.Logger = slog.New(slog.DiscardHandler)
	}
	d.MaxEventBytes = cmp.Or(d.MaxEventBytes, 256<<10)
	d.MaxBatchBytes = cmp.Or(d.MaxBatchBytes, 8<<20)
	d.MaxLinesBytes = cmp.Or(d.MaxLinesBytes, 64<<20)
	d.ReadTimeout = cmp.Or(d.ReadTimeout, 30*time.Second)
	if d.Published == nil {
		d.Published = newest(d.Trail)
	}
	a := &api{Deps: d, log: d.Logger, ids: newRequestIDs(d.Clock()), bundles: make(chan struct{}, maxBundles)}
	a.metrics = newMetrics(d)

	mux := http.NewServeMux()
	for _, rt := range routes() {
		mux.Handle(rt.method+" "+rt.path, a.wrap(rt))
	}
	return a.outer(mux)
}
