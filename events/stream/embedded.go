package stream

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/gofrs/flock"
	"github.com/nats-io/nats-server/v2/server"
)

// ErrStoreInUse says that another process has the store directory open.
var ErrStoreInUse = errors.New("the stream's directory is in use by another process")

// embeddedStoreLimit is what the embedded server may reserve. The streams have
// limits of their own; the server's default, a share of the free disk, would
// refuse to create them on a small machine.
const embeddedStoreLimit = 1 << 40

// An Embedded is a nats-server with JetStream inside this process. It listens
// on no port: connections are made with [Embedded.InProcessConn], which finds
// the server that is running at that moment, so that connections survive its
// replacement.
type Embedded struct {
	dir  string
	lock *flock.Flock
	log  *slog.Logger

	mu     sync.Mutex // guards srv and closed
	srv    *server.Server
	closed bool

	stop chan struct{}
	done sync.WaitGroup
}

// StartEmbedded starts the server on dir, which is created with mode 0700 and
// locked: two servers on one store would start without complaint and destroy
// it. The error is [ErrStoreInUse] where another process has it.
func StartEmbedded(dir string, log *slog.Logger) (*Embedded, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("create the stream's directory: %w", err)
	}
	e := &Embedded{
		dir:  dir,
		lock: flock.New(filepath.Join(dir, "lock")),
		log:  cmp.Or(log, slog.Default()),
		stop: make(chan struct{}),
	}
	if ok, err := e.lock.TryLock(); err != nil {
		return nil, fmt.Errorf("lock the stream's directory: %w", err)
	} else if !ok {
		return nil, fmt.Errorf("%s: %w; stop that one, or use another data directory", dir, ErrStoreInUse)
	}
	if err := e.start(); err != nil {
		return nil, errors.Join(err, e.lock.Close())
	}
	e.done.Go(e.watch)
	return e, nil
}

func (e *Embedded) start() error {
	srv, err := server.NewServer(&server.Options{
		ServerName:             "daybook",
		DontListen:             true,
		JetStream:              true,
		StoreDir:               e.dir,
		JetStreamMaxStore:      embeddedStoreLimit,
		NoSigs:                 true,
		DisableJetStreamBanner: true,
		// Only news is lost with an unsynced tail, and the relay sends it
		// again; syncing more often than this costs rate and saves nothing.
		SyncInterval: 10 * time.Second,
	})
	if err != nil {
		return fmt.Errorf("configure the embedded stream server: %w", err)
	}
	srv.SetLoggerV2(serverLog{e.log}, false, false, false)
	srv.Start()
	if !srv.ReadyForConnections(10 * time.Second) {
		srv.Shutdown()
		srv.WaitForShutdown()
		return fmt.Errorf("the embedded stream server on %s did not become ready; its log says why", e.dir)
	}
	e.srv = srv
	return nil
}

// InProcessConn connects to the server that is running now.
func (e *Embedded) InProcessConn() (net.Conn, error) {
	e.mu.Lock()
	srv := e.srv
	e.mu.Unlock()
	if srv == nil || !srv.Running() {
		return nil, errors.New("the embedded stream server is not running")
	}
	return srv.InProcessConn()
}

// Restart stops the server and starts it again on the same store.
func (e *Embedded) Restart() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return errors.New("the embedded stream server is closed")
	}
	e.shutdown()
	return e.start()
}

// watch restarts a server that gave up, as it does for good when the disk is
// full: with room again, news should flow again without a restart of the whole
// program. It does not insist more often than a disk can be expected to empty.
func (e *Embedded) watch() {
	const every, most = 2 * time.Second, 15 * time.Second
	pause := every
	var again time.Time // no restart before that
	for {
		select {
		case <-e.stop:
			return
		case <-time.After(every):
		}
		if e.Healthy() {
			if time.Since(again) > most {
				pause = every
			}
			continue
		}
		if time.Now().Before(again) {
			continue
		}
		e.log.Warn("the embedded stream server cannot write or has stopped; starting it again", "dir", e.dir)
		if err := e.Restart(); err != nil {
			e.log.Error("the embedded stream server does not come back; the trail goes on without it",
				"dir", e.dir, "error", err, "retry_in", pause)
		}
		again = time.Now().Add(pause)
		pause = min(2*pause, most)
	}
}

// Healthy reports whether the server runs and its streams can be written to.
func (e *Embedded) Healthy() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return true
	}
	return e.srv != nil && e.srv.Running() && e.srv.JetStreamEnabled() && e.srv.Healthz(nil).Error == ""
}

func (e *Embedded) shutdown() {
	if e.srv != nil {
		e.srv.Shutdown()
		e.srv.WaitForShutdown()
		e.srv = nil
	}
}

// Close stops the server and releases the directory. Close connections first.
func (e *Embedded) Close(context.Context) error {
	e.mu.Lock()
	if e.closed {
		e.mu.Unlock()
		return nil
	}
	e.closed = true
	e.mu.Unlock()
	close(e.stop)
	e.done.Wait()
	e.mu.Lock()
	defer e.mu.Unlock()
	e.shutdown()
	if err := e.lock.Close(); err != nil {
		return fmt.Errorf("unlock the stream's directory: %w", err)
	}
	return nil
}

// serverLog passes what the server says on, one level quieter: to a person who
// runs Daybook the server inside it is a detail.
type serverLog struct{ log *slog.Logger }

func (l serverLog) Noticef(f string, v ...any) { l.log.Debug("stream server: " + fmt.Sprintf(f, v...)) }
func (l serverLog) Warnf(f string, v ...any)   { l.log.Info("stream server: " + fmt.Sprintf(f, v...)) }
func (l serverLog) Errorf(f string, v ...any)  { l.log.Warn("stream server: " + fmt.Sprintf(f, v...)) }
func (l serverLog) Fatalf(f string, v ...any)  { l.log.Error("stream server: " + fmt.Sprintf(f, v...)) }
func (l serverLog) Debugf(string, ...any)      {}
func (l serverLog) Tracef(string, ...any)      {}
