package bundle

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/go-json-experiment/json"
	"golang.org/x/mod/sumdb/note"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/events/seal"
	"github.com/daybookhq/daybook/events/trail"
)

// A Request says what is to be exported.
type Request struct {
	Asked Asked
	Size  int64 // the prefix of the trail to look at, as a number of events; not 0

	// Positions are those of a story, ascending. They are looked at only if
	// Asked is one.
	Positions []int64

	// Cosigned is the newest checkpoint that carries signatures of others, if
	// there is one. It may be of any size.
	Cosigned []byte

	// Record writes the export.created that says what was given out, and
	// returns its position. It is called once, when everything else is written.
	Record func(context.Context, Made) (position int64, err error)
}

// Made says what an export gave out.
type Made struct {
	Asked  string // the text of what was asked for
	Size   int64  // the prefix
	Events int64
	Digest string // SHA-256 of everything up to the receipt, as in sha256:9f86…
}

// Event is the export.created of it, short of its id and time. The remark, if
// any, is free text.
func (m Made) Event(actor, remark string) (events.Event, error) {
	count, size := events.Count(m.Events), events.Count(m.Size)
	data := events.ExportCreated{QueryStep: events.QueryStep{Query: m.Asked, ResultCount: &count, Digest: m.Digest}, Size: &size}
	data.Note = remark
	e, err := events.Of(data)
	e.Source, e.AuthID = trail.LedgerSource, actor
	return e, err
}

// batch is how many events are looked at together, and page how many are read
// at once.
const (
	batch = 128
	page  = 4 * batch
)

// cachedTiles is how many tiles are kept for proofs. A walk along the trail
// needs a few of each level.
const cachedTiles = 256

type exporter struct {
	ctx   context.Context
	trail *trail.Trail
	rq    Request
	out   *lines
	tiles seal.TileReader
	cache *seal.TileCache
	head  trail.Head
	tally *tally
	made  Made
}

// Export writes a bundle. Where it fails, what it returns besides the error
// says what had been written by then, and Record has not been called, or its
// event is in the trail and the receipt could not be written.
func Export(ctx context.Context, w io.Writer, tr *trail.Trail, rq Request) (Made, error) {
	x := &exporter{
		ctx: ctx, trail: tr, rq: rq, out: newLines(w), tiles: tr.Tiles(ctx), cache: seal.NewTileCache(cachedTiles),
	}
	x.made.Size = rq.Size
	err := x.body()
	if err == nil {
		err = x.out.flush()
	}
	x.made.Digest = "sha256:" + hex.EncodeToString(x.out.sum.Sum(nil))
	if x.tally != nil {
		x.made.Events = x.tally.c.Events
	}
	if err != nil {
		return x.made, fmt.Errorf("exporting the first %d events: %w", rq.Size, err)
	}
	if err := x.receipt(); err != nil {
		return x.made, fmt.Errorf("writing the receipt of the export: %w", err)
	}
	return x.made, nil
}

// body writes everything up to the receipt.
func (x *exporter) body() (err error) {
	if x.made.Asked, err = x.rq.Asked.Text(); err != nil {
		return err
	}
	if x.head, err = x.trail.HeadAt(x.ctx, x.rq.Size); err != nil {
		return err
	}
	if len(x.head.Checkpoint) == 0 {
		return fmt.Errorf("%w: no checkpoint was signed of just the first %d events, and the key that could sign one has been replaced; ask as of a time, or of all that there is", trail.ErrNoProof, x.rq.Size)
	}
	x.tally = newTally(x.head.Size, encode(x.head.Root))
	x.out.write([]byte(preamble))
	ring, err := x.keys()
	if err != nil {
		return err
	}
	x.out.line(kwAsked, []byte(x.made.Asked))
	x.out.note(kwCheckpoint, x.head.Checkpoint)
	if err := x.cosigned(ring); err != nil {
		return err
	}
	if err := x.each(x.events); err != nil {
		return err
	}
	if err := x.gaps(); err != nil {
		return err
	}
	for _, s := range x.tally.list() {
		if err := x.json(kwSource, s); err != nil {
			return err
		}
	}
	return x.json(kwCoverage, x.tally.coverage())
}

func (x *exporter) json(keyword string, v any) error {
	b, err := json.Marshal(v)
	if err == nil {
		x.out.line(keyword, b)
	}
	return err
}

// keys writes the log's first key and the rotations that the checkpoint is
// under, and returns the ring that they make.
func (x *exporter) keys() (*seal.Keyring, error) {
	all, err := x.trail.Keyring(x.ctx, "")
	if err != nil {
		return nil, err
	}
	x.out.line(kwKey, []byte(all.First()))
	chain, err := x.rotations(0, x.head.Size)
	if err != nil {
		return nil, err
	}
	return seal.NewKeyring(all.First(), chain...)
}

// rotations writes those whose events are at positions from (included) to
// (excluded), and returns them.
func (x *exporter) rotations(from, to int64) ([]seal.Rotation, error) {
	chain, err := x.trail.Rotations(x.ctx)
	if err != nil {
		return nil, err
	}
	var some []seal.Rotation
	for _, r := range chain {
		e, err := events.ParseRecorded(r.Record)
		if err != nil {
			return nil, err
		}
		if e.Position < from || e.Position >= to {
			continue
		}
		if err := x.json(kwRotation, r); err != nil {
			return nil, err
		}
		some = append(some, r)
	}
	return some, nil
}

// cosigned writes the checkpoint that others signed, and what ties it to the
// one of the prefix. One that only a later key explains is left out.
func (x *exporter) cosigned(ring *seal.Keyring) error {
	if len(x.rq.Cosigned) == 0 {
		return nil
	}
	c, err := ring.Open(x.rq.Cosigned)
	if errors.Is(err, seal.ErrUnknownKey) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("the checkpoint that others signed: %w", err)
	}
	others, err := cosigners(x.rq.Cosigned, ring)
	if err != nil || len(others) == 0 {
		return err
	}
	proof, err := x.cache.ProveConsistency(min(c.Size, x.head.Size), max(c.Size, x.head.Size), x.tiles)
	if err != nil {
		return err
	}
	x.out.note(kwCosigned, x.rq.Cosigned)
	x.out.consistency(proof)
	return nil
}

// cosigners names who besides the log is said to have signed a checkpoint.
func cosigners(signed []byte, ring *seal.Keyring) (names []string, err error) {
	n, err := note.Open(signed, note.VerifierList(ring.Verifiers()...))
	if err != nil {
		return nil, err
	}
	for _, s := range n.UnverifiedSigs {
		names = append(names, s.Name)
	}
	return names, nil
}

// each calls f with everything that was asked for, in order, a part at a time.
func (x *exporter) each(f func([]events.Recorded) error) error {
	if x.rq.Asked.Story != (events.Key{}) {
		return x.at(x.rq.Positions, f)
	}
	filter := x.rq.Asked.Filter
	filter.Before, filter.Newest = x.head.Size, false
	return x.query(filter, f)
}

// query walks through all that a filter takes.
func (x *exporter) query(filter trail.Filter, f func([]events.Recorded) error) error {
	for c := (trail.Cursor{Limit: page}); ; {
		found, err := x.trail.Query(x.ctx, filter, c)
		if err != nil {
			return err
		}
		for part := range slices.Chunk(found.Events, batch) {
			if err := f(part); err != nil {
				return err
			}
		}
		if !found.More {
			return nil
		}
		c = found.Next
	}
}

func (x *exporter) at(positions []int64, f func([]events.Recorded) error) error {
	for part := range slices.Chunk(positions, batch) {
		evs, err := x.trail.ByPositions(x.ctx, part)
		if err != nil {
			return err
		}
		if err := f(evs); err != nil {
			return err
		}
	}
	return nil
}

// events writes some events, each with what amends it.
func (x *exporter) events(evs []events.Recorded) error {
	if x.out.err != nil {
		return x.out.err // nobody is there any more
	}
	amended, err := x.amended(evs)
	if err != nil {
		return err
	}
	for i := range evs {
		r := &evs[i]
		if r.Erased != nil {
			err = x.erased(r)
		} else {
			x.tally.event(r)
			if err = x.proved(kwEvent, r); err == nil {
				err = x.amendments(amended[r.Position])
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// erased writes the place of an event whose content is gone, and the event that
// says so, where it is in the prefix.
func (x *exporter) erased(r *events.Recorded) error {
	x.tally.erased(r.Position)
	leaf := seal.Hash(r.Erased.Leaf)
	proof, err := x.prove(leaf, r.Position, x.head.Size, x.head.Root)
	if err != nil {
		return err
	}
	x.out.record(kwErased, r.Position, []byte(encode(leaf)))
	x.out.inclusion(proof)
	if r.Erased.By >= x.head.Size {
		return nil
	}
	return x.amendments([]int64{r.Erased.By})
}

// proved writes an event and its proof.
func (x *exporter) proved(keyword string, r *events.Recorded) error {
	proof, err := x.prove(seal.LeafHash(r.Bytes), r.Position, x.head.Size, x.head.Root)
	if err != nil {
		return err
	}
	x.out.record(keyword, r.Position, r.Bytes)
	x.out.inclusion(proof)
	return nil
}

// prove makes a proof, and makes sure of it: what the tiles were altered to
// must not be given out as if it were the log.
func (x *exporter) prove(leaf seal.Hash, position, size int64, root seal.Hash) ([]seal.Hash, error) {
	proof, err := x.cache.ProveInclusion(position, size, x.tiles)
	if err != nil {
		return nil, err
	}
	if err := seal.CheckInclusion(leaf, position, size, root, proof); err != nil {
		return nil, fmt.Errorf("%w: the event at #%d: %w", trail.ErrAltered, position, err)
	}
	return proof, nil
}

// gaps writes what the trail knows to be missing: gaps in the sources that were
// exported, and every erasure, since nobody can tell any more whether what was
// erased would have been asked for.
func (x *exporter) gaps() error {
	return x.query(trail.Filter{Types: []string{typeGap, typeRedacted}, Before: x.head.Size}, func(evs []events.Recorded) error {
		for i := range evs {
			if !missing(&evs[i], x.tally) {
				continue
			}
			x.tally.c.Gaps++
			if err := x.proved(kwGap, &evs[i]); err != nil {
				return err
			}
		}
		return x.out.err
	})
}

// receipt has the export recorded and writes the event that says so, under a
// checkpoint that covers it.
func (x *exporter) receipt() error {
	position, err := x.rq.Record(x.ctx, x.made)
	if err != nil {
		return err
	}
	// That of the head was signed when it was committed; the one that ends with
	// the receipt may never have been, and its key be replaced since.
	head, err := x.trail.Head(x.ctx)
	if err == nil && head.Checkpoint == nil {
		err = fmt.Errorf("%w: the head has no checkpoint", trail.ErrAltered)
	}
	if err != nil {
		return err
	}
	r, err := x.trail.Get(x.ctx, position)
	if err != nil {
		return err
	}
	proof, err := x.prove(seal.LeafHash(r.Bytes), position, head.Size, head.Root)
	if err != nil {
		return err
	}
	grown, err := x.cache.ProveConsistency(x.head.Size, head.Size, x.tiles)
	if err != nil {
		return err
	}
	x.out.record(kwReceipt, position, r.Bytes)
	x.out.inclusion(proof)
	if _, err := x.rotations(x.head.Size, head.Size); err != nil {
		return err
	}
	x.out.note(kwSealed, head.Checkpoint)
	x.out.consistency(grown)
	return x.out.flush()
}
