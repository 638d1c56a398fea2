package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/daybookhq/daybook/events/client"
	"github.com/daybookhq/daybook/handlers/access"
)

// A session is a command's line to a ledger: one running elsewhere, one that
// has the data directory open, or the directory itself.
type session struct {
	*client.Client
	where string // names the ledger, for files that belong to it
	close func() error
}

// connect finds the ledger that the settings mean. A command that only reads
// does not make one.
func connect(cmd *cobra.Command, reads bool) (*session, error) {
	ctx, s := cmd.Context(), settingsOf(cmd)
	if s.Server != "" {
		if s.Token == "" {
			return nil, usagef("--server needs a token: set DAYBOOK_TOKEN to one from `daybook token issue`")
		}
		c, err := client.New(client.Options{URL: s.Server, Token: s.Token})
		if err != nil {
			return nil, usagef("%w", err)
		}
		return &session{c, s.Server, func() error { return nil }}, nil
	}
	// A server has the directory before it answers: one that is starting, for
	// as long as it brings the schema up to date and the like. And one that
	// stops has it for a moment after it no longer answers.
	for deadline := time.Now().Add(startPatience); ; {
		c, err := nearby(ctx, s, cmd.Name(), reads)
		var held *errHeld
		if err == nil || !errors.As(err, &held) || held.by.Command != "serve" {
			return c, err
		}
		if time.Now().After(deadline) {
			return nil, &errSilent{held}
		}
		if err := sleep(ctx, 50*time.Millisecond); err != nil {
			return nil, err
		}
	}
}

// startPatience is how long a command waits for a server that has the directory
// and does not answer.
const startPatience = 5 * time.Second

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// nearby connects to the server that has the directory open, or opens it. It
// fails with an *errHeld where a server has it and does not answer.
func nearby(ctx context.Context, s settings, command string, reads bool) (*session, error) {
	if hc, ok := socketClient(s.DataDir); ok {
		return overHTTP(s.DataDir, hc, func() error { hc.CloseIdleConnections(); return nil })
	}
	if err := s.exists(); reads && err != nil {
		if held := heldBy(s.DataDir); held != nil {
			return nil, held // it is being made
		}
		return nil, err
	}
	l, err := openLedger(ctx, s, command, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	if !reads {
		if err := compareNow(ctx, l.trail, s, l.log); err != nil {
			return nil, errors.Join(err, l.Close())
		}
	}
	return inProcess(l)
}

func overHTTP(where string, hc *http.Client, done func() error) (*session, error) {
	c, err := client.New(client.Options{URL: "http://daybook", HTTP: hc})
	if err != nil {
		return nil, err
	}
	return &session{c, where, done}, nil
}

// inProcess serves an open ledger to this command alone.
func inProcess(l *ledger) (*session, error) {
	pipe := newPipeListener()
	me := local(accountName())
	srv := newHTTPServer(l.api, func(net.Conn) access.Principal { return me })
	go srv.Serve(pipe)
	hc := &http.Client{Transport: &http.Transport{DialContext: pipe.dial}}
	return overHTTP(l.settings.DataDir, hc, func() error {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		hc.CloseIdleConnections()
		return errors.Join(srv.Shutdown(ctx), l.Close())
	})
}

// with connects, does the work, and closes; the work's error counts first.
func with(cmd *cobra.Command, reads bool, work func(context.Context, *session) error) error {
	c, err := connect(cmd, reads)
	if err != nil {
		return err
	}
	err = work(cmd.Context(), c)
	if cerr := c.close(); err == nil {
		err = cerr
	}
	return err
}
