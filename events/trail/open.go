package trail

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jmoiron/sqlx"
)

// A Trail is an open trail. It is safe for concurrent use.
type Trail struct {
	opts   Options
	store  store
	writer *sqlx.DB // the sequencer's one connection
	reader *sqlx.DB // all others
	keys   atomic.Pointer[keyState]

	keyMissing atomic.Bool // the key was rotated elsewhere, and is not here
	rotating   sync.Mutex  // one rotation at a time
	following  sync.Mutex  // held while key files change places

	intake intake
	recent recent
	done   chan struct{} // closed when the sequencer has ended
	cancel context.CancelFunc

	mu         sync.Mutex
	stopErr    error
	objections map[string]error // by who objects to its taking events
	news       chan struct{}    // closed, and replaced, whenever the head moves here
	size       int64            // of the last commit here

	proving proving

	unsealed bool // see OpenUnsealed

	closeOnce sync.Once
	closeErr  error

	commit func(*sqlx.Tx) error // replaced by tests that lose its answer
	during func(step string)    // called between the steps of a rotation or redaction; replaced by tests that die there
}

// Open opens a trail and makes it if there is none: the schema is brought up
// to date, the signing key is made, and position 0 becomes a policy.set with
// the defaults. ctx bounds the opening only.
func Open(ctx context.Context, o Options) (*Trail, error) {
	t, err := connect(ctx, o)
	if err != nil {
		return nil, err
	}
	if err := t.prepare(ctx); err != nil {
		t.closeDatabase()
		return nil, err
	}
	return t, nil
}

// connect opens the database and nothing more.
func connect(ctx context.Context, o Options) (*Trail, error) {
	o = o.withDefaults()
	t := &Trail{opts: o, news: make(chan struct{}), commit: (*sqlx.Tx).Commit, during: func(string) {}}
	t.intake = intake{pool: newPool(), waiting: make(chan struct{}, 1), reached: make(chan struct{}, 1)}
	var err error
	if o.DatabaseURL == "" {
		err = t.openSQLite(ctx)
	} else {
		err = t.openPostgres(ctx)
	}
	if err != nil {
		return nil, err
	}
	return t, nil
}

func (t *Trail) prepare(ctx context.Context) error {
	if err := t.migrateOnOpen(ctx); err != nil {
		return err
	}
	head, err := t.readHead(ctx)
	if err != nil {
		return err
	}
	if t.opts.ReadOnly {
		if head.Origin == "" {
			return errors.New("the trail is empty; start a server on it first")
		}
		if t.opts.Origin != "" && t.opts.Origin != head.Origin {
			return fmt.Errorf("the trail is log %q, not %q", head.Origin, t.opts.Origin)
		}
		return t.trust(head.PublicKey)
	}
	_, made := os.Stat(t.opts.SigningKey) // an error if the key is about to be
	key, err := t.findKey(ctx, head)
	if err != nil {
		return err
	}
	if err := t.adopt(key); err != nil {
		return err
	}
	if err := t.lookForSuccessor(ctx); err != nil {
		return err
	}
	if err := t.store.ready(ctx); err != nil {
		return t.classify(err)
	}
	if head.Origin == "" && made == nil && t.opts.Compare != nil {
		// The key signed before: its log may have been longer than this.
		if t.opts.Compare(ctx, t); t.Behind() != nil {
			return t.Behind()
		}
	}
	if err := t.begin(ctx); err != nil {
		return err
	}
	run, cancel := context.WithCancel(context.WithoutCancel(ctx))
	t.cancel, t.done = cancel, make(chan struct{})
	s := &sequencer{trail: t}
	go func() {
		defer close(t.done)
		s.run(run)
	}()
	return nil
}

// Close ends appending, waits for what is on its way, and closes the database.
// Calls of Append that come later get ErrClosed.
func (t *Trail) Close() error {
	t.closeOnce.Do(func() {
		if t.done != nil {
			t.intake.mu.Lock()
			t.intake.closed = true
			t.intake.wake()
			t.intake.mu.Unlock()
			t.closeErr = t.awaitEnd()
		}
		t.closeErr = errors.Join(t.closeErr, t.closeDatabase())
	})
	return t.closeErr
}

// awaitEnd waits for the sequencer as long as an append may take to give up,
// then stops it, and does not wait for a database that answers nothing at all.
func (t *Trail) awaitEnd() error {
	defer t.cancel()
	select {
	case <-t.done:
		return nil
	case <-time.After(t.opts.RetryFor + closeGrace):
	}
	t.cancel()
	select {
	case <-t.done:
		return nil
	case <-time.After(closeGrace):
		return fmt.Errorf("%w: it does not answer, what was being appended was left", ErrUnavailable)
	}
}

const closeGrace = 2 * time.Second

func (t *Trail) closeDatabase() error {
	err := t.reader.Close()
	if t.writer != t.reader {
		err = errors.Join(err, t.writer.Close())
	}
	if err != nil && t.store.fault(err) == faultAway {
		return nil // a connection that is gone already is closed
	}
	return err
}

// DB is the database that the trail is in, for reading. On SQLite it refuses
// to write: use Write.
func (t *Trail) DB() *sqlx.DB { return t.reader }

// Dialect is the kind of database that the trail is in.
func (t *Trail) Dialect() Dialect { return t.store.dialect() }

// Write runs f in a transaction, taking turns with appends where the database
// has room for one writer only. It commits when f returns nil. f must not call
// the trail.
func (t *Trail) Write(ctx context.Context, f func(*sqlx.Tx) error) error {
	if t.opts.ReadOnly {
		return ErrReadOnly
	}
	db := t.reader
	if t.Dialect() == SQLite {
		db = t.writer // there is no other that writes
	}
	tx, err := db.BeginTxx(ctx, nil)
	if err != nil {
		return t.classify(err)
	}
	defer tx.Rollback() // also when f panics; after a commit this does nothing
	if err := f(tx); err != nil {
		return t.Classify(err)
	}
	if err := tx.Commit(); err != nil {
		return t.classify(err)
	}
	return nil
}

// Classify joins an error of the trail's database with ErrUnavailable or
// ErrFull where one of them says what to do. It is for those who read that
// database themselves; what the trail returns is classified.
func (t *Trail) Classify(err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err // the caller's own impatience, though it looks like a network's
	}
	return t.classify(err)
}

// classify joins a database error with the sentinel that says what to do.
func (t *Trail) classify(err error) error {
	if _, done := errors.AsType[*classified](err); err == nil || done {
		return err
	}
	switch t.store.fault(err) {
	case faultAway:
		return &classified{ErrUnavailable, err}
	case faultFull:
		return &classified{ErrFull, err}
	}
	return err
}

func (t *Trail) stop(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.stopErr == nil {
		t.stopErr = err
		t.opts.Logger.Error("the trail takes no more events", "error", err)
	}
}

func (t *Trail) stopped() error {
	if t.keyMissing.Load() {
		t.lookForKey()
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return cmp.Or(t.stopErr, t.objection())
}

// Err is why the trail takes no events any more, or nil while it does.
func (t *Trail) Err() error { return t.stopped() }

// moved spreads the news of a commit.
func (t *Trail) moved(size int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if size > t.size {
		t.size = size
		close(t.news)
		t.news = make(chan struct{})
	}
}

// Committed returns a channel that is closed when this process next appends.
// What other servers append it does not tell; see Wait.
func (t *Trail) Committed() <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.news
}

// Wait returns when the trail holds at least size events, whoever wrote them.
func (t *Trail) Wait(ctx context.Context, size int64) error {
	poll := time.NewTicker(t.opts.Poll)
	defer poll.Stop()
	for {
		news := t.Committed()
		h, err := t.readHead(ctx)
		if err != nil {
			return err
		}
		if h.Size >= size {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-news:
		case <-poll.C:
		}
	}
}

func ensureDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make the data directory: %w", err)
	}
	return nil
}
