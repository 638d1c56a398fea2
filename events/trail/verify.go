package trail

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/events/seal"
	"golang.org/x/mod/sumdb/note"
)

// VerifyOptions say what a trail is held against besides itself.
type VerifyOptions struct {
	// PublicKey is the log's key as known from elsewhere (name+hash+key). Empty
	// means that of the signing key file, and without one the key that the
	// trail names itself, which whoever rewrote all of it could have replaced.
	PublicKey string

	// Checkpoints are signed checkpoints that were kept elsewhere. The trail
	// must hold at least as many events as each, with that root.
	Checkpoints [][]byte

	// Progress is called now and then with the number of events looked at.
	Progress func(done, total int64)
}

// Verify opens a trail for reading, which works beside a running server, and
// verifies it. The error says that it could not be read; what does not fit is
// in the report.
func Verify(ctx context.Context, o Options, vo VerifyOptions) (Report, error) {
	o.ReadOnly = true
	t, err := Open(ctx, o)
	if err != nil {
		return Report{}, err
	}
	defer t.Close()
	// A server's own key is known from elsewhere than the database.
	if key, err := seal.LoadKey(t.opts.SigningKey); err == nil && vo.PublicKey == "" {
		vo.PublicKey = key.Public()
	}
	return t.Verify(ctx, vo)
}

// Verify recomputes the whole tree from the stored bytes, in memory that does
// not grow with the trail, and holds everything that is stored against it:
// columns, identities, tiles, checkpoints, head and index. It covers the
// events that there are when it begins.
func (t *Trail) Verify(ctx context.Context, vo VerifyOptions) (Report, error) {
	began := time.Now()
	v := &verification{trail: t, opts: vo, computed: seal.NewTree(), prevUS: -1 << 62}
	v.stored = v.computed
	if err := v.run(ctx); err != nil {
		return Report{}, fmt.Errorf("verify the trail: %w", t.classify(err))
	}
	v.conclude()
	v.report.Took = time.Since(began)
	return v.report, nil
}

// verification is one walk over a trail.
type verification struct {
	trail  *Trail
	opts   VerifyOptions
	report Report
	head   headRow
	key    note.Verifier

	// computed grows by the hashes of the stored bytes, stored by those in the
	// tiles. They are one tree until the first difference.
	computed, stored *seal.Tree
	doubtful         []doubt // differences that no checkpoint has decided yet
	leaves           *tileReader
	checkpoints      *checkpointReader
	postings         postingSums
	known            knownKeys
	prevUS           int64
	lastCheckpoint   int64 // size of the last one that is signed
	lastGood         int64 // size of the last one that fits
	astray           bool  // the last one does not fit
}

// A doubt is an event whose bytes and tile do not agree.
type doubt struct{ position int64 }

func (v *verification) run(ctx context.Context) error {
	var err error
	if v.head, err = v.trail.readHead(ctx); err != nil {
		return err
	}
	r := &v.report
	r.Origin, r.Size, r.PublicKey = v.head.Origin, v.head.Size, v.head.PublicKey
	if v.opts.PublicKey != "" {
		r.PublicKey = strings.TrimSpace(v.opts.PublicKey)
		if r.PublicKey != v.head.PublicKey {
			r.fault(0, "the trail names the public key %s, not the one that was given", v.head.PublicKey)
		}
	}
	if v.key, err = seal.ParsePublic(r.PublicKey); err != nil {
		return err
	}
	v.leaves = &tileReader{trail: v.trail, level: 0}
	v.checkpoints = &checkpointReader{trail: v.trail, key: v.key, to: v.head.Size}
	v.postings = newPostingSums(v.head.Size)
	if err := v.events(ctx); err != nil {
		return err
	}
	if err := v.tiles(ctx); err != nil {
		return err
	}
	if err := v.index(ctx); err != nil {
		return err
	}
	if err := v.end(ctx); err != nil {
		return err
	}
	return v.elsewhere(ctx)
}

// events walks over all events once, in order.
func (v *verification) events(ctx context.Context) error {
	const batch = 1024
	next := int64(0)
	for next < v.head.Size {
		rows, err := v.trail.rawEvents(ctx, next, min(next+batch, v.head.Size))
		if err != nil {
			return err
		}
		examined := examine(rows)
		if err := v.identities(ctx, rows); err != nil {
			return err
		}
		if err := v.keys(ctx, examined); err != nil {
			return err
		}
		for i := range rows {
			for ; next < rows[i].Position; next++ {
				v.report.fault(next, "the event is missing")
				if err := v.leaf(ctx, next, nil); err != nil {
					return err
				}
			}
			if err := v.event(ctx, &rows[i], &examined[i]); err != nil {
				return err
			}
			next++
		}
		if len(rows) == 0 {
			end := min(next+batch, v.head.Size)
			v.report.fault(next, "the events #%d to #%d are missing", next, end-1)
			for ; next < end; next++ {
				if err := v.leaf(ctx, next, nil); err != nil {
					return err
				}
			}
		}
		if v.opts.Progress != nil {
			v.opts.Progress(next, v.head.Size)
		}
	}
	return v.checkpointsUpTo(ctx, v.head.Size)
}

// event checks one event and adds it to the trees.
func (v *verification) event(ctx context.Context, row *rawEvent, x *examination) error {
	p, r, us := row.Position, &v.report, row.LedgerUS
	if x.err != nil {
		r.fault(p, "the stored bytes cannot be read: %v", x.err)
	} else {
		e := &x.event
		us = e.LedgerTime.UnixMicro()
		switch {
		case e.Position != p:
			r.fault(p, "the stored bytes are those of #%d", e.Position)
		case e.Identity() != events.Identity(padded(row.Identity)):
			r.fault(p, "the identity column does not fit the source and id in the bytes")
		case e.Time.UnixMicro() != row.HappenedUS:
			r.fault(p, "the column happened_us does not fit the time in the bytes")
		case us != row.LedgerUS:
			r.fault(p, "the column ledger_us does not fit the ledger time in the bytes")
		case us < v.prevUS:
			r.fault(p, "the ledger time runs backwards")
		}
		for _, k := range x.keys {
			v.postings.expect(k.digest.hash(), p)
		}
	}
	// Every append has one ledger time and ends in a checkpoint, so where the
	// time changes there must be one.
	if err := v.checkpointsUpTo(ctx, p); err != nil {
		return err
	}
	if us != v.prevUS && p > 0 && v.lastCheckpoint != p {
		r.fault(p-1, "the checkpoint after it, at size %d, is missing", p)
	}
	v.prevUS = us
	return v.leaf(ctx, p, &x.leaf)
}

// leaf adds a leaf to both trees: its own hash, and the one in the tile. What
// is missing is taken from the other.
func (v *verification) leaf(ctx context.Context, position int64, own *seal.Hash) error {
	if err := v.checkpointsUpTo(ctx, position); err != nil {
		return err
	}
	kept, err := v.leaves.hash(ctx, position)
	if err != nil {
		return err
	}
	if kept == nil && position%seal.TileWidth == 0 {
		v.report.fault(position, "the tile 0/%d, which holds its hash, is missing or too short", position/seal.TileWidth)
	}
	switch {
	case own == nil && kept == nil:
		own, kept = &seal.Hash{}, &seal.Hash{}
	case own == nil:
		own = kept
	case kept == nil:
		kept = own
	case *own != *kept:
		if v.stored == v.computed {
			v.stored = v.computed.Clone()
		}
		v.doubtful = append(v.doubtful, doubt{position})
	}
	grown := v.stored.Append([]seal.Hash{*kept})
	if v.computed != v.stored {
		v.computed.Append([]seal.Hash{*own})
	}
	for _, tile := range grown {
		if tile.Level > 0 && tile.Width() == seal.TileWidth {
			if err := v.tile(ctx, tile); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkpointsUpTo checks the kept checkpoints up to the size that the trees have.
func (v *verification) checkpointsUpTo(ctx context.Context, size int64) error {
	for {
		c, err := v.checkpoints.next(ctx, size)
		if err != nil || c == nil {
			return err
		}
		v.report.Checkpoints++
		last := max(c.size-1, 0)
		switch {
		case c.err != nil:
			v.report.fault(last, "the checkpoint kept at size %d: %v", c.size, c.err)
			continue
		case c.Size != c.size:
			v.report.fault(last, "the checkpoint kept at size %d is of size %d", c.size, c.Size)
			continue
		}
		v.lastCheckpoint = c.size
		byStored, byComputed := c.Root == v.stored.Root(), c.Root == v.computed.Root()
		for _, d := range v.doubtful {
			switch {
			case byStored && !byComputed:
				v.report.fault(d.position, "the stored bytes were changed: they do not have the hash that was sealed")
			case byComputed:
				v.report.fault(d.position, "its hash in the tile 0/%d was changed; the bytes are what was sealed", d.position/seal.TileWidth)
			default:
				v.report.fault(d.position, "the stored bytes and the hash in the tile differ, and the checkpoint at size %d fits neither", c.size)
			}
		}
		if !byStored && !byComputed {
			// The later ones cannot fit either; one is enough to say so.
			if len(v.doubtful) == 0 && !v.astray {
				v.report.fault(v.lastGood, "one of the events #%d to #%d and its hash in the tiles were changed: the root over the first %d events is %s, the checkpoint signed then says %s",
					v.lastGood, last, c.size, b64(v.stored.Root()), b64(c.Root))
			}
			v.astray = true
		} else {
			v.astray, v.lastGood = false, c.size
		}
		v.doubtful = v.doubtful[:0]
		if byComputed && v.stored != v.computed {
			v.stored = v.computed
		}
	}
}

// end compares the head and looks for what stands behind it.
func (v *verification) end(ctx context.Context) error {
	r := &v.report
	for _, d := range v.doubtful {
		r.fault(d.position, "the stored bytes and the hash in the tile differ")
	}
	// Where bytes are missing or changed, the tiles' root is what was sealed.
	r.Root = v.stored.Root()
	r.RootText = b64(r.Root)
	last := v.head.Size - 1
	if root := v.stored.Root(); !bytes.Equal(root[:], v.head.Root) {
		r.fault(last, "the head row's root is not that of the events")
	}
	if v.head.LedgerUS != v.prevUS {
		r.fault(last, "the head row's ledger time is not that of the last event")
	}
	if v.lastCheckpoint != v.head.Size {
		r.fault(last, "there is no good checkpoint at the head, size %d", v.head.Size)
	}
	var ends struct {
		First int64 `db:"first"`
		Last  int64 `db:"last"`
		Sizes int64 `db:"sizes"`
		Least int64 `db:"least"`
	}
	err := v.trail.reader.GetContext(ctx, &ends, `SELECT (SELECT coalesce(min(position), 0) FROM events) AS first,
		(SELECT coalesce(max(position), -1) FROM events) AS last, (SELECT coalesce(max(size), 0) FROM checkpoints) AS sizes,
		(SELECT coalesce(min(size), 1) FROM checkpoints) AS least`)
	if err != nil {
		return err
	}
	now, err := v.trail.readHead(ctx) // after it: the head only moves on
	if err != nil {
		return err
	}
	if ends.First < 0 {
		r.fault(0, "there are events at positions before 0")
	}
	if ends.Last >= now.Size {
		r.fault(now.Size, "there are events behind the head, up to #%d", ends.Last)
	}
	if ends.Sizes > now.Size || ends.Least <= 0 {
		r.fault(now.Size, "there are checkpoints of sizes that the trail never had")
	}
	return v.guards(ctx)
}

// guards notes where the seat belts are off. That is no fault of what is stored.
func (v *verification) guards(ctx context.Context) error {
	query := `SELECT count(*) FROM sqlite_master WHERE type = 'trigger' AND tbl_name IN ('events', 'checkpoints', 'tiles', 'head', 'keys', 'postings')`
	want := 15
	if v.trail.Dialect() == Postgres {
		query = `SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal AND tgenabled <> 'D'
			AND tgrelid IN (to_regclass('events'), to_regclass('checkpoints'), to_regclass('tiles'), to_regclass('head'), to_regclass('keys'), to_regclass('postings'))`
		want = 8
	}
	var n int
	if err := v.trail.reader.GetContext(ctx, &n, query); err != nil {
		return err
	}
	if n < want {
		v.report.Notes = append(v.report.Notes, fmt.Sprintf("%d of the %d triggers that refuse changes are missing or switched off", want-n, want))
	}
	return nil
}

// elsewhere holds the trail against checkpoints that others kept.
func (v *verification) elsewhere(ctx context.Context) error {
	for i, signed := range v.opts.Checkpoints {
		c, err := seal.OpenCheckpoint(signed, v.key)
		if err != nil {
			v.report.fault(0, "the checkpoint from elsewhere, number %d: %v", i+1, err)
			continue
		}
		if c.Size > v.head.Size {
			v.report.fault(v.head.Size, "the trail was shortened: a checkpoint from elsewhere was signed at %d events, there are %d", c.Size, v.head.Size)
			continue
		}
		h, err := v.trail.HeadAt(ctx, c.Size)
		if err != nil {
			v.report.fault(c.Size-1, "the tree at size %d, of which there is a checkpoint elsewhere, cannot be read: %v", c.Size, err)
		} else if h.Root != c.Root {
			v.report.fault(c.Size-1, "the first %d events are not those that the checkpoint from elsewhere was signed for", c.Size)
		}
	}
	return nil
}

// conclude says what all this means.
func (v *verification) conclude() {
	r := &v.report
	r.NotProved = []string{
		"that producers recorded everything that happened, or told the truth",
		"that the person who holds the signing key did not write another history; compare a checkpoint that somebody else holds",
	}
	if len(v.opts.Checkpoints) == 0 {
		r.NotProved = append(r.NotProved, "that no events were cut off the end: give a checkpoint that was kept elsewhere")
	}
	if v.opts.PublicKey == "" {
		r.NotProved = append(r.NotProved, "that the key is the log's: it was taken from the trail itself; give the one you know")
	}
	if !r.OK() {
		return
	}
	r.Proved = []string{
		fmt.Sprintf("the %d events stand at positions 0 to %d without a gap, in an order that ledger time agrees with", r.Size, r.Size-1),
		fmt.Sprintf("their stored bytes are those that were sealed: the tree over them has the root in the checkpoint at size %d", r.Size),
		fmt.Sprintf("all %d kept checkpoints carry a good signature of %s and agree with that one tree", r.Checkpoints, r.PublicKey),
		"no source and id stands for two events, and columns and key index agree with the bytes",
	}
	if n := len(v.opts.Checkpoints); n > 0 {
		r.Proved = append(r.Proved, fmt.Sprintf("the trail continues each of the %d checkpoints from elsewhere: nothing up to them was changed or cut off", n))
	}
}

func b64(h seal.Hash) string { return base64.StdEncoding.EncodeToString(h[:]) }

func padded(b []byte) []byte {
	if len(b) == 16 {
		return b
	}
	return make([]byte, 16)
}

var _ io.WriterTo = (*Report)(nil)
