package reports

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/events/trail"
	"github.com/daybookhq/daybook/projections/fold"
	"github.com/daybookhq/daybook/projections/story"
	"github.com/daybookhq/daybook/reports/markdown"
)

// The kinds of document.
const (
	KindPostmortem  = "postmortem"
	KindFollowUp    = "followup"
	KindEmergencies = "emergencies"
)

// Kinds lists the documents that can be rendered.
func Kinds() []string { return []string{KindPostmortem, KindFollowUp, KindEmergencies} }

// A Trail is what documents are written from.
type Trail interface {
	story.Source
	Head(ctx context.Context) (trail.Head, error)
	HeadAt(ctx context.Context, size int64) (trail.Head, error)
}

// A Register answers what one story cannot: what the emergencies, changes,
// hatches and latencies of the whole trail are, in the prefix of size events.
type Register interface {
	Emergencies(ctx context.Context, size int64) ([]fold.Emergency, error)
	FrequencyInput(ctx context.Context, size int64) (fold.FrequencyInput, error)
	Hatches(ctx context.Context, size int64) ([]fold.Hatch, error)
	Incidents(ctx context.Context, size int64) ([]fold.Incident, error)
	Latencies(ctx context.Context, size int64) ([]fold.Latency, error)
	Policies(ctx context.Context, size int64) (*fold.Policies, error)
}

// Deps is what a [Renderer] needs.
type Deps struct {
	Trail    Trail
	Register Register
}

// A Renderer writes documents. It is safe for concurrent use.
type Renderer struct {
	trail    Trail
	register Register
	layouts  func() (map[string]*layout, error)
}

// New makes a renderer.
func New(d Deps) *Renderer {
	return &Renderer{trail: d.Trail, register: d.Register, layouts: sync.OnceValues(readLayouts)}
}

// A Request names a document.
type Request struct {
	Kind  string    // KindPostmortem, KindFollowUp or KindEmergencies
	ID    string    // "INC-7" or "incident/INC-7"; "EM-12"; "2026-03"
	Size  int64     // the prefix: events at positions below it; 0 is the head
	At    time.Time // what counts as now, cut to the minute; zero is when the prefix ended
	Zone  string    // an IANA name; empty is the report zone of the policy
	Names bool      // show the ids on record rather than roles
}

// A Document is a rendered request.
type Document struct {
	Markdown []byte
	Model    any    // *Postmortem, *FollowUp or *Emergencies
	Size     int64  // the prefix it was written from
	ETag     string // the same for the same request, prefix, policy, template and minute; with quotes
}

// ErrNotFound is wrapped by the error for a story that no event belongs to.
var ErrNotFound = errors.New("no such story")

// ErrRequest is wrapped by the error for a request that cannot be understood.
var ErrRequest = errors.New("not a request for a document")

// A Provenance says what a document was made from, so that anyone can make it
// again and check it.
type Provenance struct {
	Template string    `json:"template"` // kind and version, as in "followup/1"
	Origin   string    `json:"origin"`   // the trail's name
	Size     int64     `json:"size"`     // the first so many events
	Root     string    `json:"root"`     // their Merkle root, base64
	Policy   PolicyRef `json:"policy"`
	AsOf     time.Time `json:"as_of"` // what counted as now
	Zone     string    `json:"zone"`
	Names    bool      `json:"names,omitzero"`
	Erased   int64     `json:"erased,omitzero"` // events of that prefix whose content is erased
}

// A PolicyRef names the policy in force.
type PolicyRef struct {
	Name     string `json:"name"`
	Version  int    `json:"version"`
	Position int64  `json:"position"`
}

func policyRef(p fold.PolicyVersion) PolicyRef {
	return PolicyRef{Name: p.Name, Version: p.Version, Position: p.Position}
}

// text is "policy v3", with its name where it has another than the default.
func (p PolicyRef) text() markdown.Inline {
	version := markdown.F("policy v%s", max(p.Version, 1))
	switch p.Name {
	case "":
		return version
	case "default":
		return markdown.F("%s (defaults)", version)
	}
	return markdown.F("%s (%s)", version, p.Name)
}

// Render writes a document.
func (r *Renderer) Render(ctx context.Context, req Request) (Document, error) {
	known, err := r.layouts()
	if err != nil {
		return Document{}, err
	}
	l := known[req.Kind]
	if l == nil {
		return Document{}, fmt.Errorf("%w: there is no document %q; there are postmortem, followup and emergencies", ErrRequest, req.Kind)
	}
	p, policies, err := r.provenance(ctx, req, l.version)
	if err != nil {
		return Document{}, err
	}
	doc := Document{Size: p.Size}
	var block func(string) string
	switch req.Kind {
	case KindPostmortem:
		m, err := r.postmortem(ctx, req, p, policies)
		if err != nil {
			return Document{}, err
		}
		doc.Model, block = m, m.block
	case KindFollowUp:
		m, err := r.followUp(ctx, req, p, policies)
		if err != nil {
			return Document{}, err
		}
		doc.Model, block = m, m.block
	case KindEmergencies:
		m, err := r.emergencies(ctx, req, p, policies)
		if err != nil {
			return Document{}, err
		}
		doc.Model, block = m, m.block
	}
	doc.Markdown, err = l.render(doc.Model, block)
	if err != nil {
		return Document{}, err
	}
	doc.ETag = etag(req, p)
	return doc, nil
}

// provenance fixes everything that a document is a function of.
func (r *Renderer) provenance(ctx context.Context, req Request, version string) (Provenance, *fold.Policies, error) {
	var head trail.Head
	var err error
	if req.Size > 0 {
		head, err = r.trail.HeadAt(ctx, req.Size)
	} else {
		head, err = r.trail.Head(ctx)
	}
	if err != nil {
		return Provenance{}, nil, fmt.Errorf("finding the prefix to write from: %w", err)
	}
	policies, err := story.Policies(ctx, r.trail, head.Size)
	if err != nil {
		return Provenance{}, nil, fmt.Errorf("reading the policies: %w", err)
	}
	at := req.At
	if at.IsZero() {
		at = head.LedgerTime
	}
	at = at.UTC().Truncate(time.Minute)
	inForce := policies.InForce(at, head.Size)
	z, err := zoneOf(cmp.Or(req.Zone, inForce.Values.ReportZone))
	if err != nil && req.Zone == "" { // a policy may name a zone that does not exist
		z, err = zoneOf("UTC")
	}
	if err != nil {
		return Provenance{}, nil, fmt.Errorf("%w: %w", ErrRequest, err)
	}
	return Provenance{
		Template: version, Origin: head.Origin, Size: head.Size, Root: base64.StdEncoding.EncodeToString(head.Root[:]),
		Policy: policyRef(inForce), AsOf: at, Zone: z.name, Names: req.Names, Erased: head.Erased,
	}, policies, nil
}

// zone is the zone the document was made for, which Render has checked.
func (p Provenance) zone() zone {
	z, _ := zoneOf(p.Zone)
	return z
}

func etag(req Request, p Provenance) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%s\x00%s\x00%d\x00%s\x00%d\x00%s\x00%s\x00%t\x00%d",
		p.Template, req.ID, p.Origin, p.Size, p.Root, p.Policy.Position, p.AsOf.Format(time.RFC3339), p.Zone, p.Names, p.Erased))
	return `"` + hex.EncodeToString(sum[:12]) + `"`
}

// footer lets a stranger check the document.
func (p Provenance) footer() string {
	var w markdown.Writer
	size := markdown.F("first %s", plural(int(p.Size), "entry", "entries"))
	if p.Erased > 0 {
		size = markdown.F("%s (the content of %s erased)", size, plural(int(p.Erased), "entry is", "entries is"))
	}
	w.Para(markdown.Join(" · ",
		markdown.F("Trail %s", markdown.Code(p.Origin)),
		size,
		markdown.F("root %s", markdown.Code(p.Root)),
		p.Policy.text(),
		markdown.F("template %s", p.Template),
		markdown.F("as of %s", p.zone().in(p.AsOf)),
		lit("check the trail with `daybook verify`, an entry with `daybook trail show`"),
	))
	return w.String()
}

// rootKey finds the story that an id names: of the kind it is written with, or
// of the first of the kinds given that any event carries.
func (r *Renderer) rootKey(ctx context.Context, id string, size int64, kinds ...events.Kind) (events.Key, error) {
	if l := (events.Link{ID: id}); id != "" {
		if key, ok := l.Key(); ok {
			kinds, id = []events.Kind{key.Kind}, key.Value
		}
	}
	for _, kind := range kinds {
		key := events.Key{Kind: kind, Value: id}
		at, err := r.trail.Positions(ctx, []events.Key{key}, size)
		if err != nil {
			return events.Key{}, fmt.Errorf("looking for %s: %w", key, err)
		}
		if len(at) > 0 {
			return key, nil
		}
	}
	return events.Key{}, fmt.Errorf("%w: nothing in the first %d entries belongs to %q as %s", ErrNotFound, size, id, kindList(kinds))
}

func kindList(kinds []events.Kind) string {
	s := ""
	for i, k := range kinds {
		switch {
		case i == 0:
		case i == len(kinds)-1:
			s += " or "
		default:
			s += ", "
		}
		s += string(k)
	}
	return s
}
