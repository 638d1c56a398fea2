package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/daybookhq/daybook/events/trail"
	"github.com/daybookhq/daybook/handlers"
	"github.com/daybookhq/daybook/handlers/tokens"
	"github.com/daybookhq/daybook/projections"
	"github.com/daybookhq/daybook/reports"
)

// A ledger is a data directory that this process has open: its trail, what is
// posted from it, and the API over both. Make one with openLedger.
type ledger struct {
	settings settings
	log      *slog.Logger
	lock     *dirLock
	registry *prometheus.Registry

	trail   *trail.Trail
	tokens  *tokens.Store
	runner  *projections.Runner
	reports *reports.Renderer
	publish *publisher
	api     http.Handler

	degraded atomic.Pointer[func(context.Context) map[string]string] // set by a server for what it adds
}

// patience is how long a command waits for another to be done with a directory.
const patience = 30 * time.Second

// openLedger opens the data directory for command, which "serve" keeps to
// itself and others soon give back.
func openLedger(ctx context.Context, s settings, command string, log *slog.Logger) (*ledger, error) {
	lock, err := waitLock(ctx, s.DataDir, command, patience)
	if err != nil {
		return nil, err
	}
	l := &ledger{settings: s, log: log, lock: lock, registry: prometheus.NewRegistry()}
	l.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	if err := l.open(ctx); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

func (l *ledger) open(ctx context.Context) (err error) {
	opts := l.trailOptions()
	opts.Compare = func(ctx context.Context, t *trail.Trail) {
		if err := compareNow(ctx, t, l.settings, l.log); err != nil {
			l.log.Warn("cannot compare an empty database with what others hold", "error", err)
		}
	}
	if l.trail, err = trail.Open(ctx, opts); err != nil {
		return err
	}
	if l.publish, err = newPublisher(l); err != nil {
		return err
	}
	l.tokens = tokens.New(tokens.Options{
		DB: l.trail.DB(), Write: l.trail.Write, Classify: l.trail.Classify, Clock: time.Now, Rand: rand.Reader,
	})
	if l.runner, err = projections.Open(ctx, l.trail, projections.Options{Logger: l.log, Registerer: l.registry}); err != nil {
		return err
	}
	l.reports = reports.New(reports.Deps{Trail: l.trail, Register: l.runner.Reader()})
	l.api = handlers.New(handlers.Deps{
		Trail: l.trail, Tokens: l.tokens, Runner: l.runner, Reports: l.reports,
		Published: l.publish.rounds.Published, PublicLog: l.settings.PublicLog,
		Degraded: func(ctx context.Context) map[string]string {
			if f := l.degraded.Load(); f != nil {
				return (*f)(ctx)
			}
			return nil
		},
		Clock: time.Now, Idle: l.lock.command != "serve", Logger: l.log, Registry: l.registry,
	})
	return nil
}

func (l *ledger) trailOptions() trail.Options { return trailOptions(l.settings, l.log) }

func trailOptions(s settings, log *slog.Logger) trail.Options {
	return trail.Options{
		DatabaseURL: s.DatabaseURL, DataDir: s.DataDir, Origin: s.Origin, SigningKey: s.SigningKey,
		AllowOwner: s.AllowOwner, Logger: log,
	}
}

// Close closes the trail and gives the directory back. It may be called on a
// ledger that was only half opened.
func (l *ledger) Close() error {
	var errs []error
	if l.tokens != nil {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		errs = append(errs, l.tokens.Flush(ctx))
		cancel()
	}
	if l.trail != nil {
		errs = append(errs, l.trail.Close())
	}
	errs = append(errs, l.lock.release())
	return errors.Join(errs...)
}

// exists says whether there is a ledger to read, so that a command that only
// reads does not make an empty one.
func (s settings) exists() error {
	if s.DatabaseURL != "" {
		return nil
	}
	if _, err := os.Stat(filepath.Join(s.DataDir, trail.DatabaseFile)); err != nil {
		return fmt.Errorf("there is no ledger in %s; start one with: daybook serve --data-dir %s, or name another directory", s.DataDir, s.DataDir)
	}
	return nil
}
