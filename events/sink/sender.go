package sink

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// A Log is what a [Sender] must know of the log whose checkpoints it sends.
// All of it is required; the functions are safe for concurrent use.
type Log struct {
	Origin string

	// Newest returns the newest signed checkpoint and its size.
	Newest func(context.Context) (note []byte, size int64, err error)

	// Compare holds the log against what a holder shows, and returns an error
	// unless that is a checkpoint of the log as it is now, or of a prefix of it.
	Compare func(ctx context.Context, holder string, note []byte, size int64) error

	// Grown returns when the log has at least size leaves, or with an error
	// when ctx ends.
	Grown func(ctx context.Context, size int64) error
}

// A Contradiction says that what a sink holds and the log do not go together:
// the database was restored from an older copy or rewritten, or the place is
// another log's. Waiting does not resolve it; somebody has to.
type Contradiction struct {
	Sink string
	Err  error
}

func (c *Contradiction) Error() string {
	return c.Err.Error() + "; what " + c.Sink + " holds is left as it is"
}

func (c *Contradiction) Unwrap() error { return c.Err }

// SenderOptions say what is sent, and where. Log is required.
type SenderOptions struct {
	Log   Log
	Sinks []Sink

	// Every is the least time between two checkpoints sent to the same sink,
	// and after a first failure; further failures double it, up to a minute.
	// Default: 5 s.
	Every time.Duration

	Logger     *slog.Logger          // default: none
	Registerer prometheus.Registerer // default: nobody
}

// A Sender brings the newest checkpoint of a log to its sinks.
type Sender struct {
	o      SenderOptions
	m      *metrics
	places []*place
}

// A place is a sink and how it stands with it.
type place struct {
	sink Sink
	turn chan struct{} // holds a token while something is sent

	mu        sync.Mutex // guards what follows
	sent      []byte     // what it is known to hold
	size      int64
	failure   error // why the last attempt came to nothing
	failures  int   // attempts in a row that did
	writeOnly bool
}

// DefaultEvery is how often a sink gets a checkpoint, at most.
const DefaultEvery = 5 * time.Second

// lookAgain is after how many times Every a log that does not grow is asked for
// its newest checkpoint again, which may have been co-signed since.
const lookAgain = 3

const longestPause = time.Minute

// NewSender registers its metrics; [Sender.Run] does the work.
func NewSender(o SenderOptions) (*Sender, error) {
	o.Every = cmp.Or(o.Every, DefaultEvery)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Sender{o: o}
	seen := map[string]bool{}
	for _, sink := range o.Sinks {
		if seen[sink.Name()] {
			return nil, fmt.Errorf("the checkpoint sink %s is given twice", sink.Name())
		}
		seen[sink.Name()] = true
		s.places = append(s.places, &place{sink: sink, turn: make(chan struct{}, 1)})
	}
	var err error
	s.m, err = newMetrics(o.Registerer)
	return s, err
}

// Run sends until ctx ends. A sink that fails holds up no other.
func (s *Sender) Run(ctx context.Context) {
	var all sync.WaitGroup
	for _, p := range s.places {
		all.Go(func() { s.keepSending(ctx, p) })
	}
	all.Wait()
}

func (s *Sender) keepSending(ctx context.Context, p *place) {
	for ctx.Err() == nil {
		failures := s.send(ctx, p)
		if failures > 0 {
			pause(ctx, min(s.o.Every<<min(failures-1, 16), longestPause))
			continue
		}
		pause(ctx, s.o.Every)
		p.mu.Lock()
		size := p.size
		p.mu.Unlock()
		within, cancel := context.WithTimeout(ctx, lookAgain*s.o.Every)
		err := s.o.Log.Grown(within, size+1)
		cancel()
		if err != nil && within.Err() == nil {
			pause(ctx, s.o.Every) // the log does not answer
		}
	}
}

// send brings the newest checkpoint to a place, if it does not hold it yet, and
// returns how many attempts in a row have come to nothing.
func (s *Sender) send(ctx context.Context, p *place) int {
	select {
	case p.turn <- struct{}{}:
		defer func() { <-p.turn }()
	case <-ctx.Done():
		return 1
	}
	note, size, err := s.o.Log.Newest(ctx)
	if err != nil {
		s.o.Logger.Debug("no checkpoint to send", "error", err)
		return 1 // not the sink's failure
	}
	p.mu.Lock()
	there := p.failure == nil && bytes.Equal(note, p.sent)
	p.mu.Unlock()
	if there {
		return 0
	}
	err = s.bring(ctx, p, note, size)
	if err != nil && ctx.Err() != nil {
		return 1 // asked to stop
	}
	return s.record(p, note, size, err)
}

// bring writes the checkpoint unless what is there forbids it.
func (s *Sender) bring(ctx context.Context, p *place, note []byte, size int64) error {
	name := p.sink.Name()
	held, largest, err := p.sink.Latest(ctx, s.o.Log.Origin)
	switch {
	case err == nil:
		if err := s.o.Log.Compare(ctx, name, held, largest); err != nil {
			return &Contradiction{name, err}
		}
		if largest > size {
			return nil // another server of the same log was faster
		}
	case errors.Is(err, ErrWriteOnly):
		p.mu.Lock()
		first := !p.writeOnly
		p.writeOnly = true
		p.mu.Unlock()
		if first {
			s.o.Logger.Info("a checkpoint sink cannot be read back, so it is not compared with", "sink", name)
		}
	case !errors.Is(err, ErrNone):
		return err
	}
	return p.sink.Put(ctx, note, size)
}

// record keeps how an attempt went, and tells of changes.
func (s *Sender) record(p *place, note []byte, size int64, err error) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	name, before := p.sink.Name(), p.failure
	if err == nil {
		p.sent, p.size, p.failure, p.failures = note, size, nil, 0
		s.m.sent(name, size)
		if before != nil {
			s.o.Logger.Info("a checkpoint sink works again", "sink", name, "size", size)
		}
		return 0
	}
	p.failure = err
	p.failures++
	s.m.failed(name)
	if before == nil || before.Error() != err.Error() {
		level := slog.LevelWarn
		var c *Contradiction
		if errors.As(err, &c) {
			level = slog.LevelError
		}
		s.o.Logger.Log(context.Background(), level, "a checkpoint did not reach its sink", "sink", name, "size", size, "error", err)
	}
	return p.failures
}

// Flush sends once more what sinks that work do not hold yet. Call it when
// nothing is appended any more.
func (s *Sender) Flush(ctx context.Context) {
	var all sync.WaitGroup
	for _, p := range s.places {
		p.mu.Lock()
		broken := p.failure != nil
		p.mu.Unlock()
		if !broken {
			all.Go(func() { s.send(ctx, p) })
		}
	}
	all.Wait()
}

// Degraded says, by sink, why the newest checkpoint is not there.
func (s *Sender) Degraded() map[string]string {
	notes := map[string]string{}
	for _, p := range s.places {
		p.mu.Lock()
		if p.failure != nil {
			notes["checkpoint sink "+p.sink.Name()] = p.failure.Error()
		}
		p.mu.Unlock()
	}
	return notes
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
