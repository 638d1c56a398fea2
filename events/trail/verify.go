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
)

// VerifyOptions say what a trail is held against besides itself, and how much
// of it is looked at.
type VerifyOptions struct {
	// PublicKey is the log's key as known from elsewhere (name+hash+key). Empty
	// means that of the signing key file, and without one the key that the
	// trail names itself, which whoever rewrote all of it could have replaced.
	PublicKey string

	// Elsewhere are signed checkpoints that were kept elsewhere. The trail must
	// hold at least as many events as each, with that root.
	Elsewhere []Elsewhere

	// From is the first position whose bytes are read again; for those before
	// it the hashes in the tiles are taken. It is rounded down to the beginning
	// of a tile.
	From int64

	// NoIndex leaves out whatever is not sealed: the columns beside the bytes,
	// and the indexes that searches rely on.
	NoIndex bool

	// Progress is called now and then with what is being looked at, and how
	// much of it was.
	Progress func(phase string, done, total int64)
}

// An Elsewhere is a checkpoint that somebody else kept.
type Elsewhere struct {
	From string // where it was, as a message names it
	Note []byte // the signed note
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

// Verify recomputes the whole tree from the stored bytes, on all processors and
// in memory that does not grow with the trail, and holds everything that is
// stored against it: tiles, checkpoints, head, columns and indexes. It covers
// the events that there are when it begins.
func (t *Trail) Verify(ctx context.Context, vo VerifyOptions) (Report, error) {
	began := time.Now()
	v := &verification{trail: t, opts: vo, prevUS: -1 << 62}
	if err := v.run(ctx); err != nil {
		return Report{}, fmt.Errorf("verify the trail: %w", t.classify(err))
	}
	v.conclude()
	v.report.Took = time.Since(began)
	return v.report, nil
}

// verification is one walk over a trail. Its fields belong to one goroutine;
// those that look at chunks are given what they need.
type verification struct {
	trail  *Trail
	opts   VerifyOptions
	report Report
	head   headRow
	ring   *seal.Keyring

	// computed grows by the hashes of the stored bytes, stored by those in the
	// tiles. They are one tree until the first difference.
	computed, stored *seal.Tree
	doubtful         []int64 // events whose bytes and tile differ, which no checkpoint has decided yet
	leaves           *tileReader
	checkpoints      *checkpointReader
	elsewhere        []elsewhere // by size, those that are still ahead
	postings         postingSums
	identities       identitySum
	known            knownKeys
	prevUS           int64 // ledger time of the event before
	lastCheckpoint   int64 // size of the last one that is signed
	lastGood         int64 // size of the last one that fits
	astray           bool  // the last one does not fit
	bare             bool  // the walk ended early, where neither events nor their hashes are
}

func (v *verification) run(ctx context.Context) error {
	var err error
	if v.head, err = v.trail.readHead(ctx); err != nil {
		return err
	}
	r := &v.report
	if l := v.head.Listed; l < 0 || l > v.head.Size {
		r.fault(0, "the head row says that the key index lists %d events of %d", l, v.head.Size)
		v.head.Listed = v.head.Size
	}
	r.Origin, r.Size, r.PublicKey = v.head.Origin, v.head.Size, v.head.PublicKey
	if v.opts.PublicKey != "" {
		r.PublicKey = strings.TrimSpace(v.opts.PublicKey)
	}
	if v.ring, err = v.followKeys(ctx, r.PublicKey); err != nil {
		return err
	}
	r.Keys = v.ring.Spans()
	if err := v.begin(ctx); err != nil {
		return err
	}
	if err := v.walk(ctx); err != nil {
		return err
	}
	if v.bare { // what follows would be of the whole
		return v.end(ctx)
	}
	if err := v.tiles(ctx); err != nil {
		return err
	}
	if !v.opts.NoIndex {
		if err := v.indexes(ctx); err != nil {
			return err
		}
	}
	return v.end(ctx)
}

// begin makes the tree that the walk lets grow: an empty one, or that of the
// events before From.
func (v *verification) begin(ctx context.Context) (err error) {
	from := v.opts.From
	if from < 0 || from > 0 && from >= v.head.Size {
		return fmt.Errorf("there is no event #%d; the trail holds #0 to #%d", from, v.head.Size-1)
	}
	from -= from % seal.TileWidth
	v.report.From = from
	if v.computed, err = seal.LoadTree(from, v.trail.tileReader(ctx)); err != nil {
		return fmt.Errorf("the tree of the %d events before #%d cannot be read; verify the whole trail: %w", from, from, err)
	}
	v.stored = v.computed
	v.lastCheckpoint, v.lastGood = from, from
	v.leaves = &tileReader{trail: v.trail, level: 0}
	v.checkpoints = &checkpointReader{trail: v.trail, ring: v.ring, last: max(from, 0), to: v.head.Size}
	v.postings = newPostingSums(v.head.Size)
	v.identities = newIdentitySum()
	return v.openElsewhere(ctx)
}

// event checks one event and adds it to the trees.
func (v *verification) event(ctx context.Context, row *rawEvent, x *examination) error {
	if row.Body == erasedBody {
		return v.erased(ctx, row)
	}
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
			if p >= v.head.Listed {
				break
			}
			v.postings.expect(k.digest.hash(), p)
		}
		v.identities.expect(e.Identity(), p)
	}
	// Every append has one ledger time and ends in a checkpoint, so where the
	// time changes there must be one. Bytes that were not sealed there tell
	// nothing about it.
	if err := v.checkpointsUpTo(ctx, p); err != nil {
		return err
	}
	if kept, err := v.leaves.hash(ctx, p); err == nil && kept != nil && x.leaf != nil && *kept != *x.leaf {
		us = v.prevUS
	}
	v.turn(p, us)
	v.prevUS = us
	return v.leaf(ctx, p, x.leaf)
}

// turn checks that there is a checkpoint where the ledger time changes.
func (v *verification) turn(position, us int64) {
	if us != v.prevUS && position > v.report.From && v.lastCheckpoint != position {
		v.report.fault(position-1, "the checkpoint after it, at size %d, is missing", position)
	}
}

// leaf adds a leaf to both trees: its own hash, and the one in the tile. What
// is missing is taken from the other.
func (v *verification) leaf(ctx context.Context, position int64, own *seal.Hash) error {
	if err := v.checkpointsUpTo(ctx, position); err != nil {
		return err
	}
	kept, err := v.leaves.hash(ctx, position)
	if err := v.unreadable(ctx, err, position, "the tile 0/%d", position/seal.TileWidth); err != nil {
		return err
	}
	if kept == nil && err == nil && position%seal.TileWidth == 0 {
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
		v.doubtful = append(v.doubtful, position)
	}
	full := v.stored.Grow(*kept)
	if v.computed != v.stored {
		v.computed.Grow(*own)
	}
	return v.upperTiles(ctx, full)
}

// upperTiles compares the tiles above level 0 among those that were filled.
func (v *verification) upperTiles(ctx context.Context, full []seal.Tile) error {
	for _, tile := range full {
		if tile.Level > 0 {
			if err := v.tile(ctx, tile); err != nil {
				return err
			}
		}
	}
	return nil
}

// end compares the head and looks for what stands behind it.
func (v *verification) end(ctx context.Context) error {
	r := &v.report
	for _, p := range v.doubtful {
		r.fault(p, "the stored bytes and the hash in the tile differ")
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
	if err := v.unreadable(ctx, err, last, "what stands at the ends"); err != nil {
		return err
	}
	if err != nil {
		return v.guards(ctx)
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
	if !v.bare {
		if err := v.redactions(ctx); err != nil {
			return err
		}
	}
	return v.guards(ctx)
}

// guards notes where the seat belts are off. That is no fault of what is stored.
func (v *verification) guards(ctx context.Context) error {
	query := `SELECT count(*) FROM sqlite_master WHERE type = 'trigger' AND tbl_name IN
		('events', 'checkpoints', 'tiles', 'head', 'keys', 'postings', 'redactions', 'log_keys', 'succession')`
	want := 23
	if v.trail.Dialect() == Postgres {
		query = `SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal AND tgenabled <> 'D'
			AND tgrelid IN (to_regclass('events'), to_regclass('checkpoints'), to_regclass('tiles'), to_regclass('head'), to_regclass('keys'), to_regclass('postings'),
				to_regclass('redactions'), to_regclass('log_keys'), to_regclass('succession'))`
		want = 16
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

func (v *verification) progress(phase string, done, total int64) {
	if v.opts.Progress != nil {
		v.opts.Progress(phase, done, total)
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
