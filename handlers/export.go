package handlers

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/events/bundle"
	"github.com/daybookhq/daybook/events/client"
	"github.com/daybookhq/daybook/events/trail"
	"github.com/daybookhq/daybook/events/witness"
	"github.com/daybookhq/daybook/projections/fold"
	"github.com/daybookhq/daybook/projections/story"
)

// getExport streams a bundle: the events that a filter takes, or a story, with
// their proofs. That it did so is an event, with the digest of what was given
// out, which stands at the end of the bundle. Where the answer breaks off, the
// event says how far it came.
func (a *api) getExport(w http.ResponseWriter, r *http.Request) error {
	if r.Method == http.MethodHead {
		return &fault{status: http.StatusMethodNotAllowed, detail: "an export is written down, so it is made only for who takes it: use GET"}
	}
	p := parametersOf(r)
	rq := bundle.Request{Asked: bundle.Asked{Filter: filter(p)}}
	if rq.Asked.Filter.Newest {
		p.fail("order", "an export is in the order of the trail")
	}
	root := p.text("story")
	pre, err := a.prefix(r, p)
	if e := p.done(); e != nil {
		return e
	}
	if err != nil {
		return err
	}
	rq.Size = pre.size
	if root != "" {
		if err := a.storyAsked(r.Context(), root, &rq); err != nil {
			return err
		}
	}
	if _, err := rq.Asked.Text(); err != nil {
		return badParameter("", "%v", err)
	}
	if accepted(r, client.TypeBundle) == "" {
		return notAcceptable(client.TypeBundle)
	}
	// What cannot be written down is not given out.
	if err := a.Trail.Err(); err != nil {
		return err
	}
	if rq.Cosigned, err = a.Published(r.Context()); err != nil && !errors.Is(err, witness.ErrNotYet) {
		return err
	}
	rc := http.NewResponseController(w)
	rc.SetReadDeadline(time.Time{}) // it was for the request, which is read
	h := w.Header()
	h.Set("Content-Type", client.TypeBundle)
	h.Set("Content-Disposition", `attachment; filename="export.daybook"`)
	h.Set("Cache-Control", "no-store")
	by := principalOf(r).Name
	recorded := false
	rq.Record = func(ctx context.Context, made bundle.Made) (int64, error) {
		recorded = true
		return a.exported(ctx, by, made, "")
	}
	made, err := bundle.Export(r.Context(), &unhurried{w, rc}, a.Trail, rq)
	if err != nil && !recorded && made.Events > 0 {
		_, rerr := a.exported(r.Context(), by, made, "the answer broke off; this much had been made ready for it")
		err = errors.Join(err, rerr)
	}
	return err
}

// storyAsked sets what is asked for to the story of a root like incident/INC-7.
func (a *api) storyAsked(ctx context.Context, root string, rq *bundle.Request) error {
	kind, value, _ := strings.Cut(root, "/")
	key := events.Key{Kind: events.Kind(kind), Value: value}
	rq.Asked.Story = key
	switch text, err := (bundle.Asked{Filter: rq.Asked.Filter}).Text(); {
	case !key.Kind.IsCorrelation() || !key.Valid():
		return badParameter("story", "%q is not KIND/KEY, as in incident/INC-7", root)
	case err != nil:
		return badParameter("", "%v", err)
	case text != bundle.Everything:
		return badParameter("story", "a story comes whole; leave out %s", text)
	}
	s, err := story.Load(ctx, a.Trail, key, rq.Size)
	if err != nil {
		return err
	}
	if len(s.Views) == 0 {
		return &fault{status: http.StatusNotFound, detail: "nothing is recorded of " + key.String()}
	}
	for _, views := range [][]fold.View{s.Views, s.Linked} {
		for i := range views {
			rq.Positions = append(rq.Positions, views[i].Position)
		}
	}
	slices.Sort(rq.Positions)
	rq.Positions = slices.Compact(rq.Positions)
	return nil
}

// recordWithin is how long writing down an export may take when whoever asked
// for it has gone.
const recordWithin = time.Minute

// exported writes down what was given out, whether or not anyone still listens.
func (a *api) exported(ctx context.Context, by string, made bundle.Made, remark string) (int64, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordWithin)
	defer cancel()
	e, err := made.Event(by, remark)
	if err != nil {
		return 0, err
	}
	e.ID, e.Time = "export-"+uuid.NewString(), a.Clock().UTC().Truncate(time.Microsecond)
	if e, err = e.Checked(); err != nil {
		return 0, err
	}
	receipts, err := a.Trail.Append(ctx, trail.LedgerWriter, e)
	if err != nil {
		return 0, fmt.Errorf("writing down an export: %w", err)
	}
	return receipts[0].Position, nil
}

// unhurried gives every part of a long answer its own time to be taken.
type unhurried struct {
	http.ResponseWriter
	rc *http.ResponseController
}

func (u *unhurried) Write(b []byte) (int, error) {
	u.rc.SetWriteDeadline(time.Now().Add(writeTimeout))
	return u.ResponseWriter.Write(b)
}
