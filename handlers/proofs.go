package handlers

import (
	"bytes"
	"fmt"
	"net/http"
	"strconv"

	"github.com/transparency-dev/formats/log"

	"github.com/daybookhq/daybook/events/client"
	"github.com/daybookhq/daybook/events/seal"
	"github.com/daybookhq/daybook/events/trail"
)

// getInclusion proves that an event is among the first size of the trail.
func (a *api) getInclusion(w http.ResponseWriter, r *http.Request) error {
	p := parametersOf(r)
	position, size := p.size("position"), p.size("size")
	if position == notGiven {
		p.fail("position", "is needed: which event is to be proved, as in ?position=42")
	}
	if err := p.done(); err != nil {
		return err
	}
	signed, c, err := a.published(r.Context())
	if err != nil {
		return err
	}
	if size == notGiven {
		size = int64(c.Size)
	}
	in, err := a.Trail.ProveInclusion(r.Context(), position, size)
	if err != nil {
		return err
	}
	if signed, err = a.checkpointAt(r, size, in.Root, signed, c); err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, client.Inclusion{
		Position: in.Position, Size: in.Size, LeafHash: client.Hash(in.Leaf), Root: client.Hash(in.Root),
		Hashes: hashes(in.Hashes), Checkpoint: string(signed),
	})
}

// getConsistency proves that the first from events of the trail are the first
// from of its first to.
func (a *api) getConsistency(w http.ResponseWriter, r *http.Request) error {
	p := parametersOf(r)
	from, to := p.size("from"), p.size("to")
	if from == notGiven {
		p.fail("from", "is needed: the smaller of the two sizes, as in ?from=1000")
	}
	if err := p.done(); err != nil {
		return err
	}
	signed, c, err := a.published(r.Context())
	if err != nil {
		return err
	}
	if to == notGiven {
		to = int64(c.Size)
	}
	con, err := a.Trail.ProveConsistency(r.Context(), from, to)
	if err != nil {
		return err
	}
	old, err := a.checkpointAt(r, from, con.FromRoot, signed, c)
	if err != nil {
		return err
	}
	if signed, err = a.checkpointAt(r, to, con.ToRoot, signed, c); err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, client.Consistency{
		From: con.From, To: con.To, FromRoot: client.Hash(con.FromRoot), ToRoot: client.Hash(con.ToRoot),
		Hashes: hashes(con.Hashes), FromCheckpoint: string(old), ToCheckpoint: string(signed),
	})
}

// checkpointAt returns the checkpoint of a size, with its co-signatures where
// it is the published one, or nil if there is none. Its root must be that of
// the tiles.
func (a *api) checkpointAt(r *http.Request, size int64, root seal.Hash, published []byte, c log.Checkpoint) ([]byte, error) {
	signed := published
	if int64(c.Size) != size {
		var err error
		if signed, err = a.Trail.KeptCheckpoint(r.Context(), size); signed == nil || err != nil {
			return nil, err
		}
		if _, err := c.Unmarshal(signed); err != nil {
			return nil, fmt.Errorf("read the checkpoint at %d: %w", size, err)
		}
	}
	if !bytes.Equal(c.Hash, root[:]) {
		return nil, fmt.Errorf("%w: the tiles do not fit the checkpoint at %d", trail.ErrAltered, size)
	}
	return signed, nil
}

// getEventProof serves all that proves one event, as a file.
func (a *api) getEventProof(w http.ResponseWriter, r *http.Request) error {
	position, err := strconv.ParseInt(r.PathValue("position"), 10, 64)
	if err != nil || position < 0 {
		return badParameter("position", "%q is not a position; positions are 0, 1, 2 …", r.PathValue("position"))
	}
	if err := parametersOf(r).done(); err != nil {
		return err
	}
	signed, c, err := a.published(r.Context())
	if err != nil {
		return err
	}
	if position >= int64(c.Size) {
		head, err := a.Trail.Head(r.Context())
		if err == nil && position < head.Size {
			err = &fault{status: http.StatusServiceUnavailable, detail: fmt.Sprintf("#%d is recorded, but the checkpoint that is published is of %d events; the next one waits for its co-signatures", position, c.Size)}
		}
		if err != nil {
			return err
		}
	}
	p, err := a.Trail.ProveEvent(r.Context(), position, signed)
	if err != nil {
		return err
	}
	b, err := p.Marshal()
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Content-Disposition", fmt.Sprintf(`attachment; filename="event-%d.tlog-proof"`, position))
	h.Set("Cache-Control", "private, no-cache")
	_, err = w.Write(b)
	return err
}

const notGiven = -1

// size returns a number of events or a position, or notGiven.
func (p *parameters) size(name string) int64 { return p.number(name, notGiven, 1<<62) }

func hashes(hs []seal.Hash) []client.Hash {
	out := make([]client.Hash, len(hs))
	for i, h := range hs {
		out[i] = client.Hash(h)
	}
	return out
}
