package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/daybookhq/daybook/events/stream"
	"github.com/daybookhq/daybook/events/trail"
	"github.com/daybookhq/daybook/handlers"
	"github.com/daybookhq/daybook/handlers/access"
	"github.com/daybookhq/daybook/handlers/ingest"
)

// A Server is a whole running ledger: the open data directory, the stream, the
// projections that follow it, and its two doors, HTTP and the local socket.
// Tests and the demonstration run it in their own process.
type Server struct {
	*ledger
	Grace time.Duration // how long requests under way may take at the end; default 10 s

	// AdminToken is the secret of the first administrator, when this start
	// made it; it is nowhere else.
	AdminToken string

	stream    *stream.Service
	guard     *trail.Guard
	door      *ingest.Door
	servers   []*http.Server
	tcp, unix net.Listener
	cancel    context.CancelFunc // ends the work in the background
	work      sync.WaitGroup
	failed    chan error
	closing   sync.Once
	closeErr  error
}

// openServer opens the data directory and starts everything but the doors.
func openServer(ctx context.Context, s settings, log *slog.Logger) (*Server, error) {
	l, err := openLedger(ctx, s, "serve", log)
	if err != nil {
		return nil, err
	}
	background, cancel := context.WithCancel(context.WithoutCancel(ctx))
	srv := &Server{ledger: l, cancel: cancel, failed: make(chan error, 3)}
	if err := srv.start(ctx, background); err != nil {
		return nil, errors.Join(err, srv.Close())
	}
	return srv, nil
}

func (s *Server) start(ctx, background context.Context) (err error) {
	s.stream, err = stream.Start(ctx, stream.Options{
		Trail: s.trail, DataDir: s.settings.DataDir, NATSURL: s.settings.NATSURL,
		Hint: s.runner.Hint, Logger: s.log, Registerer: s.registry,
	})
	if err != nil {
		return fmt.Errorf("starting the stream: %w", err)
	}
	if s.guard, err = newGuard(s.trail, s.settings, s.stream, s.log); err != nil {
		return err
	}
	s.guard.Start(ctx) // before anything can be appended
	s.door, err = ingest.Start(ctx, ingest.Options{Trail: s.trail, Broker: s.stream.Broker(), Logger: s.log, Registerer: s.registry})
	if err != nil {
		return fmt.Errorf("opening the door for events from the broker: %w", err)
	}
	publish, err := s.publish.start(s.ledger, s.stream.Broker())
	if err != nil {
		return err
	}
	degraded := s.unwell
	s.ledger.degraded.Store(&degraded)
	s.work.Go(func() { s.runner.Run(background) })
	s.work.Go(func() { s.noteUse(background) })
	s.work.Go(func() { s.guard.Run(background) })
	s.work.Go(func() { publish(background) })
	return nil
}

// behind is how many events the stream may have to be told of before /readyz
// speaks of it; a burst of writes is told within a second or two.
const behind = 20_000

// unwell says what does not work though events are taken and shown.
func (s *Server) unwell(ctx context.Context) map[string]string {
	notes := s.publish.degraded(ctx)
	maps.Copy(notes, s.unheard(ctx))
	if late := s.guard.Waiting(); len(late) > 0 {
		notes["comparison"] = "not compared yet, since they do not answer: " + strings.Join(late, ", ")
	}
	return notes
}

// unheard says what of the stream does not work, for /readyz. Another node may
// be the one that tells the stream, so not leading is no fault.
func (s *Server) unheard(ctx context.Context) map[string]string {
	st := s.stream.Status()
	if !st.Connected {
		return map[string]string{"stream": "the broker is away: news of events is late, and none come in through it; nothing is lost"}
	}
	if head, err := s.trail.Head(ctx); err == nil && st.Leading && head.Size-st.Told > behind {
		return map[string]string{"stream": fmt.Sprintf("%d events have not been told to it yet", head.Size-st.Told)}
	}
	return nil
}

// noteUse writes down now and then when tokens were last used.
func (s *Server) noteUse(ctx context.Context) {
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := s.tokens.Flush(ctx); err != nil && ctx.Err() == nil {
				s.log.Warn("tokens", "error", err)
			}
		}
	}
}

// Listen opens the doors: the address of the settings, and the socket in the
// data directory. The first administrator's token is made when nothing but that
// can fail any more: it is shown once, and a start that came to nothing would
// have taken it along. After an error Listen may be called again.
func (s *Server) Listen() (err error) {
	defer func() {
		if err == nil {
			return
		}
		if s.tcp != nil {
			s.tcp.Close()
		}
		if s.unix != nil {
			s.unix.Close()
			os.Remove(filepath.Join(s.settings.DataDir, socketName))
		}
		s.tcp, s.unix = nil, nil
	}()
	if s.tcp, err = net.Listen("tcp", s.settings.Listen); err != nil {
		return fmt.Errorf("listening on %s: %w; choose another address with --listen", s.settings.Listen, err)
	}
	if s.unix, err = listenSocket(s.settings.DataDir); err != nil {
		return err
	}
	if err := s.lock.note(s.URL()); err != nil {
		return err
	}
	s.AdminToken, err = handlers.FirstAdmin(context.Background(), s.trail, s.tokens)
	if errors.Is(err, trail.ErrReadOnly) {
		s.log.Warn("no administrator's token was made, since the trail is read-only; commands on this machine need none")
	} else if err != nil {
		return err
	}
	s.serve(s.tcp, nil)
	s.serve(s.unix, func(c net.Conn) access.Principal { return local(peerName(c)) })
	return nil
}

// serve answers the connections of l. Where who is not nil, the connection
// itself says who calls.
func (s *Server) serve(l net.Listener, who func(net.Conn) access.Principal) {
	srv := newHTTPServer(s.api, who)
	srv.ErrorLog = slog.NewLogLogger(s.log.Handler(), slog.LevelDebug)
	s.servers = append(s.servers, srv)
	s.work.Go(func() {
		if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			s.failed <- fmt.Errorf("serving %s: %w", l.Addr(), err)
		}
	})
}

// newHTTPServer has the timeouts that keep a slow or silent caller from holding
// a connection for ever. Long bodies and answers extend their own.
func newHTTPServer(h http.Handler, who func(net.Conn) access.Principal) *http.Server {
	srv := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      2 * time.Minute,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    32 << 10,
	}
	if who != nil {
		srv.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
			return handlers.WithPrincipal(ctx, who(c))
		}
	}
	return srv
}

// URL is where the server answers.
func (s *Server) URL() string { return urlOf(s.tcp) }

// urlOf is where a listener answers, as seen from its own machine.
func urlOf(l net.Listener) string {
	addr := l.Addr().(*net.TCPAddr)
	host := addr.IP.String()
	if addr.IP.IsUnspecified() {
		host = "localhost"
	}
	return "http://" + net.JoinHostPort(host, fmt.Sprint(addr.Port))
}

// Wait returns when ctx is done, or with the error that ended a door.
func (s *Server) Wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case err := <-s.failed:
		return err
	}
}

// Close ends the server in the order in which nothing is lost: no more
// requests, those under way answered (with them the pool is flushed), then the
// broker's door, the last checkpoint sent, the stream, the projections, the
// database. Later calls wait for the first.
func (s *Server) Close() error {
	s.closing.Do(func() { s.closeErr = s.close() })
	return s.closeErr
}

func (s *Server) close() error {
	var errs []error
	// Each step has its own time, so that one that took all of it leaves the
	// next enough to end in order.
	within := func(step func(context.Context) error) {
		ctx, cancel := context.WithTimeout(context.Background(), cmp.Or(s.Grace, 10*time.Second))
		defer cancel()
		errs = append(errs, step(ctx))
	}
	var doors sync.WaitGroup
	for _, srv := range s.servers {
		doors.Go(func() {
			ctx, cancel := context.WithTimeout(context.Background(), cmp.Or(s.Grace, 10*time.Second))
			defer cancel()
			if srv.Shutdown(ctx) != nil {
				srv.Close()
			}
		})
	}
	doors.Wait()
	if s.unix != nil {
		s.unix.Close()
		os.Remove(filepath.Join(s.settings.DataDir, socketName))
	}
	if s.door != nil {
		within(s.door.Close)
	}
	if s.stream != nil {
		within(s.publish.flush)
		within(s.stream.Close)
	}
	s.cancel()
	s.work.Wait()
	errs = append(errs, s.ledger.Close())
	return errors.Join(errs...)
}
