package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
)

const lockName = "daybook.lock"

// A holder is who has a data directory open, as its lock file says.
type holder struct {
	PID     int    `json:"pid"`
	Command string `json:"command"`       // "serve", or the command that will soon be done
	URL     string `json:"url,omitempty"` // where a server answers
}

// A dirLock is held by the one process that has a data directory open.
type dirLock struct {
	f       *flock.Flock
	command string
}

// errHeld says who has the directory open.
type errHeld struct {
	dir string
	by  holder
}

func (e *errHeld) Error() string {
	if e.by.Command == "serve" {
		return fmt.Sprintf("daybook serve (process %d) already has %s open; stop it first, or give this one another --data-dir", e.by.PID, e.dir)
	}
	return fmt.Sprintf("daybook %s (process %d) has %s open; try again when it is done", e.by.Command, e.by.PID, e.dir)
}

// starting reports whether a server holds the directory that has not said yet
// where it answers.
func (e *errHeld) starting() bool { return e.by.Command == "serve" && e.by.URL == "" }

// errSilent is a server that has the directory open and does not answer.
type errSilent struct{ *errHeld }

func (e *errSilent) Error() string {
	if e.starting() {
		return fmt.Sprintf("daybook serve (process %d) is starting on %s and does not answer yet; try again in a moment", e.by.PID, e.dir)
	}
	return fmt.Sprintf("daybook serve (process %d) has %s open and does not answer on its socket there; it is stopping, or hangs: see its log, and try again", e.by.PID, e.dir)
}

func (e *errSilent) Unwrap() error { return e.errHeld }

// heldBy returns who has the directory open, or nil, without making anything.
func heldBy(dir string) *errHeld {
	path := filepath.Join(dir, lockName)
	if _, err := os.Stat(path); err != nil {
		return nil
	}
	l, err := tryLock(dir, "look")
	var held *errHeld
	if errors.As(err, &held) {
		return held
	}
	if err == nil {
		l.release()
	}
	return nil
}

// tryLock takes the directory, making it if need be, or returns an *errHeld.
func tryLock(dir, command string) (*dirLock, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the data directory: %w", err)
	}
	path := filepath.Join(dir, lockName)
	l := flock.New(path, flock.SetPermissions(0o600))
	ok, err := l.TryLock()
	if err != nil {
		return nil, fmt.Errorf("locking %s: %w", dir, err)
	}
	if !ok {
		held := &errHeld{dir: dir, by: holder{Command: "command"}}
		if b, err := os.ReadFile(path); err == nil {
			json.Unmarshal(b, &held.by)
		}
		return nil, held
	}
	d := &dirLock{l, command}
	if err := d.note(""); err != nil {
		l.Unlock()
		return nil, err
	}
	return d, nil
}

// note writes down who holds the directory, and where they answer.
func (l *dirLock) note(url string) error {
	b, _ := json.Marshal(holder{os.Getpid(), l.command, url})
	if err := os.WriteFile(l.f.Path(), append(b, '\n'), 0o600); err != nil {
		return fmt.Errorf("writing %s: %w", l.f.Path(), err)
	}
	return nil
}

// waitLock takes the directory as soon as another command is done with it, and
// gives up when a server holds it or patience has passed.
func waitLock(ctx context.Context, dir, command string, patience time.Duration) (*dirLock, error) {
	deadline := time.Now().Add(patience)
	for {
		l, err := tryLock(dir, command)
		var held *errHeld
		if err == nil || !errors.As(err, &held) || held.by.Command == "serve" || time.Now().After(deadline) {
			return l, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (l *dirLock) release() error { return l.f.Unlock() }
