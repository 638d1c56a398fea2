package trail

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/events/seal"
	"github.com/jmoiron/sqlx"
	"golang.org/x/mod/sumdb/note"
)

// sequencer turns pools into commits, one at a time. All its fields belong to
// its goroutine.
type sequencer struct {
	trail *Trail
	// tree is the right edge as of the last commit of this process, or nil when
	// it has to be read. Another server may have moved the head since, which is
	// seen under the head's lock.
	tree *seal.Tree
	// cautious is for how many more pools duplicates are looked for beforehand.
	// While none come, the unique index is left to find them: a pool that has
	// one after all is undone and done again.
	cautious int
	// unlisted is how many events the key index does not list, as of the last
	// commit of this process.
	unlisted int64
	patience time.Time // until then the index is left as it is: it could not be written
	packer   packer
	record   []byte
	salts    []byte
}

// errStopped marks what must never be: the trail takes no more events.
type errStopped struct{ error }

func (e errStopped) Unwrap() []error { return []error{ErrStopped, e.error} }
func (e errStopped) Error() string   { return ErrStopped.Error() + ": " + e.error.Error() }

// run takes pools until the intake is closed and empty. Whoever waits for a
// pool gets an answer, whatever happens.
func (s *sequencer) run(ctx context.Context) {
	in, opts := &s.trail.intake, &s.trail.opts
	listing := time.After(opts.ListAfter) // a server that was killed may have left something to list
	for {
		select {
		case <-in.waiting:
		case <-listing:
			listing = nil
			s.list(ctx)
			continue
		}
		p, closed := in.take()
		if n := len(p.batches); n > 0 {
			began := time.Now()
			p.err = s.commitAll(ctx, p)
			close(p.done)
			if s.unlisted >= int64(opts.ListEvery) {
				s.list(ctx)
			} else if s.unlisted > 0 && listing == nil {
				listing = time.After(opts.ListAfter)
			}
			if n += in.count(); n >= gatherFrom && !closed {
				in.gather(n*9/10, min(time.Since(began)/4, gatherMost))
			}
		}
		if closed {
			if s.unlisted > 0 && s.tree != nil { // the last commit was well
				s.list(ctx)
			}
			return
		}
	}
}

// With so many callers at work, the sequencer waits a little for them.
const (
	gatherFrom = 32
	gatherMost = 2 * time.Millisecond
)

// commitAll commits a pool, or its batches one by one when the database
// objects to something in it: one caller's event must not fail the others.
func (s *sequencer) commitAll(ctx context.Context, p *pool) error {
	if err := s.trail.stopped(); err != nil {
		return err
	}
	err := s.commitPersistently(ctx, p.batches)
	if len(p.batches) == 1 || s.trail.store.fault(err) != faultData {
		return err
	}
	s.trail.opts.Logger.Warn("the database refused a pool; committing its batches one by one", "batches", len(p.batches), "error", err)
	for _, b := range p.batches {
		// A batch without receipts has not been recorded: its caller is told so.
		if berr := s.commitPersistently(ctx, []*batch{b}); berr != nil {
			b.err = berr
		}
	}
	return nil
}

// commitPersistently repeats a commit while the database is away, within
// RetryFor. Repeating is safe: until a commit is sent nothing is recorded, and
// one whose outcome is unknown is looked up first.
func (s *sequencer) commitPersistently(ctx context.Context, batches []*batch) error {
	t := s.trail
	patience := patience{wait: 20 * time.Millisecond, until: time.Now().Add(t.opts.RetryFor)}
	for {
		cautious := s.cautious > 0
		pending, err := s.commit(ctx, batches)
		if err == nil {
			return nil
		}
		if !cautious && pending == nil && t.store.fault(err) == faultData {
			s.cautious = cautiousPools
			continue
		}
		s.tree = nil // read it again: what is in memory may not be what is stored
		if _, ok := errors.AsType[errStopped](err); ok {
			t.stop(err)
			return err
		}
		if pending != nil {
			arrived, unknown := s.lookForCommit(ctx, pending, &patience)
			if unknown != nil {
				return &classified{ErrUnknown, unknown}
			}
			if arrived {
				s.settle(batches, pending)
				s.tree = nil
				return nil
			}
		}
		switch t.store.fault(err) {
		case faultFull:
			return &classified{ErrFull, err}
		case faultAway:
			t.opts.Logger.Warn("cannot record events, trying again", "error", err)
			if !patience.sleep(ctx) {
				return &classified{ErrUnavailable, err}
			}
		default:
			return fmt.Errorf("record events: %w", err)
		}
	}
}

// patience is how long to keep trying, and how often.
type patience struct {
	wait  time.Duration
	until time.Time
}

func (p *patience) sleep(ctx context.Context) bool {
	if time.Now().Add(p.wait).After(p.until) {
		return false
	}
	select {
	case <-time.After(p.wait):
	case <-ctx.Done():
		return false
	}
	p.wait = min(2*p.wait, time.Second)
	return true
}

// cautiousPools is for how long a duplicate makes more of them likely.
const cautiousPools = 64

// An attempt is all that a commit is about to make true.
type attempt struct {
	w        *writing
	receipts []Receipt
	tree     *seal.Tree
}

// commit records batches in one transaction. The error leaves nothing recorded
// unless an attempt is returned with it, whose outcome is not known.
func (s *sequencer) commit(ctx context.Context, batches []*batch) (pending *attempt, err error) {
	t := s.trail
	tx, head, err := s.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer tx.Rollback() // after a commit this does nothing
	if err := s.loadTree(ctx, tx, head); err != nil {
		return nil, err
	}
	a, err := s.prepare(ctx, tx, head, batches)
	if err != nil {
		return nil, err
	}
	if len(a.w.events) > 0 {
		moved, err := t.store.write(ctx, tx, a.w)
		if err != nil {
			return nil, err
		}
		if !moved {
			return nil, errStopped{fmt.Errorf("the head row moved from %d while it was locked", head.Size)}
		}
		if err := t.commit(tx); err != nil {
			return a, fmt.Errorf("commit: %w", err)
		}
	}
	s.settle(batches, a)
	return nil, nil
}

// begin starts a transaction that has the head to itself. It waits for whoever
// is appending, a vanished commit of our own included.
func (s *sequencer) begin(ctx context.Context) (*sqlx.Tx, headRow, error) {
	t := s.trail
	tx, err := t.writer.BeginTxx(ctx, nil)
	if err != nil {
		return nil, headRow{}, err
	}
	head, err := t.store.lockHead(ctx, tx)
	if err != nil {
		tx.Rollback()
		return nil, head, fmt.Errorf("lock the head: %w", err)
	}
	if head.Origin != t.Origin() || head.PublicKey != t.PublicKey() {
		if err := t.followKey(ctx, head); err != nil {
			tx.Rollback()
			return nil, head, err
		}
	}
	return tx, head, nil
}

// lookForCommit tells whether an attempt was committed after all, as soon as
// the database can be asked. The error says that it could not.
func (s *sequencer) lookForCommit(ctx context.Context, a *attempt, p *patience) (arrived bool, err error) {
	for {
		tx, head, err := s.begin(ctx)
		if err == nil {
			arrived, err = a.arrived(ctx, tx, head)
			tx.Rollback()
		}
		if err == nil {
			return arrived, nil
		}
		s.trail.opts.Logger.Warn("cannot tell whether events were recorded, asking again", "error", err)
		if s.trail.store.fault(err) != faultAway || !p.sleep(ctx) {
			return false, err
		}
	}
}

// settle hands out the receipts of an attempt that is known to be committed.
func (s *sequencer) settle(batches []*batch, a *attempt) {
	rest := a.receipts
	for _, b := range batches {
		b.receipts, rest = rest[:len(b.entries):len(b.entries)], rest[len(b.entries):]
	}
	s.tree = a.tree
	s.trail.recent.appended(a.w)
	s.unlisted = a.w.size - a.w.listed
	s.trail.moved(a.w.size)
}

// arrived tells whether the attempt was committed after all. The head is
// locked, so nothing is in flight any more.
func (a *attempt) arrived(ctx context.Context, tx *sqlx.Tx, head headRow) (bool, error) {
	first := a.w.events[0]
	if head.Size <= first.position {
		return false, nil
	}
	// The salt in the bytes makes them ours alone.
	var body string
	if err := tx.GetContext(ctx, &body, tx.Rebind(`SELECT body FROM events WHERE position = ?`), first.position); err != nil {
		return false, fmt.Errorf("look for an earlier commit: %w", err)
	}
	return body == first.body, nil
}

// loadTree makes s.tree the tree of the locked head. What is read from the
// database is taken only as the log's key signed it: the next checkpoint vouches
// for all that is under it.
func (s *sequencer) loadTree(ctx context.Context, tx *sqlx.Tx, head headRow) error {
	if s.trail.unsealed {
		s.tree = seal.NewTree()
		return nil
	}
	if s.tree == nil || s.tree.Size() != head.Size {
		tree, err := seal.LoadTree(head.Size, func(level int, index int64) ([]byte, error) {
			var b []byte
			err := tx.GetContext(ctx, &b, tx.Rebind(`SELECT hashes FROM tiles WHERE level = ? AND idx = ?`), level, index)
			return b, err
		})
		if err != nil {
			if s.trail.store.fault(err) == faultAway {
				return err
			}
			return errStopped{fmt.Errorf("read the tree's right edge: %w", err)}
		}
		if err := s.signed(ctx, tx, head, tree.Root()); err != nil {
			return err
		}
		s.tree = tree
	}
	root := s.tree.Root()
	if head.Size > 0 && !bytes.Equal(root[:], head.Root) {
		return errStopped{fmt.Errorf("the tiles' root over %d events is %x, the head's %x", head.Size, root, head.Root)}
	}
	return nil
}

// signed makes sure that the log's key signed that root at the locked head.
func (s *sequencer) signed(ctx context.Context, tx *sqlx.Tx, head headRow, root seal.Hash) error {
	if head.Size == 0 {
		return nil
	}
	var kept string
	err := tx.GetContext(ctx, &kept, tx.Rebind(`SELECT note FROM checkpoints WHERE size = ?`), head.Size)
	if err != nil && s.trail.store.fault(err) == faultAway {
		return err
	}
	var c seal.Checkpoint
	if err == nil {
		var key note.Verifier
		if key, err = seal.ParsePublic(head.PublicKey); err == nil {
			c, err = seal.OpenCheckpoint([]byte(kept), key)
		}
	}
	switch {
	case err != nil:
		err = fmt.Errorf("the checkpoint at the head, size %d, cannot be relied on, run `daybook verify`: %w", head.Size, err)
	case c.Size != head.Size || c.Root != root:
		err = fmt.Errorf("the tiles' root over %d events is %x, the checkpoint that was signed says %x of %d, run `daybook verify`", head.Size, root, c.Root, c.Size)
	default:
		return nil
	}
	return errStopped{err}
}

// prepare drops duplicates and works out everything that is to be written.
// Nothing of the sequencer's own state is changed but scratch memory.
func (s *sequencer) prepare(ctx context.Context, tx *sqlx.Tx, head headRow, batches []*batch) (*attempt, error) {
	t := s.trail
	n := 0
	for _, b := range batches {
		n += len(b.entries)
	}
	seen, err := s.recorded(ctx, tx, batches, n)
	if err != nil {
		return nil, err
	}
	// One time for all; the head's when the clock has been set back.
	us := max(t.opts.Clock().UnixMicro(), head.LedgerUS)
	p := &placing{
		sequencer: s,
		w:         &writing{from: head.Size, size: head.Size, listed: head.Listed, redacted: head.Redacted, ledgerUS: us, events: make([]eventRow, 0, n)},
		at:        time.UnixMicro(us).UTC(),
		seen:      seen,
		leaves:    make([]seal.Hash, 0, n),
	}
	if s.salts, err = readSalts(t.opts.Rand, s.salts, n); err != nil {
		return nil, err
	}
	receipts := make([]Receipt, 0, n)
	for _, b := range batches {
		for i := range b.entries {
			receipts = append(receipts, p.place(b.writer, &b.entries[i]))
		}
	}
	if err := p.placeConflicts(ctx, tx); err != nil {
		return nil, err
	}
	tree, err := s.seal(p.w, p.leaves)
	if err != nil {
		return nil, err
	}
	return &attempt{p.w, receipts, tree}, nil
}

func readSalts(random io.Reader, buf []byte, n int) ([]byte, error) {
	if cap(buf) < 16*n {
		buf = make([]byte, 16*n)
	}
	buf = buf[:16*n]
	if _, err := io.ReadFull(random, buf); err != nil {
		return buf, fmt.Errorf("read random bytes for salts: %w", err)
	}
	return buf, nil
}

// recorded finds which of the batches' identities the trail has already, where
// it is likely to have any.
func (s *sequencer) recorded(ctx context.Context, tx *sqlx.Tx, batches []*batch, n int) (map[events.Identity]*placed, error) {
	seen := make(map[events.Identity]*placed, n)
	if s.cautious == 0 {
		return seen, nil
	}
	s.cautious--
	ids := make([]events.Identity, 0, n)
	for _, b := range batches {
		for i := range b.entries {
			ids = append(ids, b.entries[i].identity)
		}
	}
	err := s.lookUp(ctx, tx, ids, seen)
	if len(seen) > 0 {
		s.cautious = cautiousPools
	}
	return seen, err
}

func (s *sequencer) lookUp(ctx context.Context, tx *sqlx.Tx, ids []events.Identity, seen map[events.Identity]*placed) error {
	rows, err := s.trail.store.kept(ctx, tx, ids)
	if err != nil {
		return fmt.Errorf("look for duplicates: %w", err)
	}
	for _, row := range rows {
		if row.Body == erasedBody {
			known, err := erasures(ctx, tx, []int64{row.Position})
			if err != nil {
				return fmt.Errorf("look for duplicates: %w", err)
			}
			gone, ok := known[row.Position]
			if !ok {
				return errStopped{fmt.Errorf("the stored event at %d is empty and no redaction says why", row.Position)}
			}
			seen[events.Identity(row.Identity)] = &placed{
				receipt: Receipt{Position: row.Position, LeafHash: gone.Erased.Leaf, LedgerTime: gone.LedgerTime},
				erased:  true,
			}
			continue
		}
		r, err := events.ParseRecorded([]byte(row.Body))
		if err != nil {
			return errStopped{fmt.Errorf("the stored event at %d cannot be read: %w", row.Position, err)}
		}
		seen[events.Identity(row.Identity)] = &placed{
			receipt:  Receipt{Position: row.Position, LeafHash: seal.LeafHash([]byte(row.Body)), LedgerTime: time.UnixMicro(row.LedgerUS).UTC()},
			body:     r.Body(),
			recorded: &r,
		}
	}
	return nil
}
