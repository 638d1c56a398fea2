package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"time"
)

const socketName = "daybook.sock"

// maxSocketPath is what fits everywhere in the address of a unix socket.
const maxSocketPath = 100

// socketPath returns a path of the directory's socket that is short enough to
// be an address, and what to call when it is no longer used.
func socketPath(dir string) (string, func(), error) {
	path := filepath.Join(dir, socketName)
	if len(path) <= maxSocketPath {
		return path, func() {}, nil
	}
	if cwd, err := os.Getwd(); err == nil {
		if rel, err := filepath.Rel(cwd, path); err == nil && len(rel) <= maxSocketPath {
			return rel, func() {}, nil
		}
	}
	if runtime.GOOS != "linux" {
		return "", nil, fmt.Errorf("the path %s is too long for a socket; choose a shorter --data-dir", path)
	}
	f, err := os.Open(dir)
	if err != nil {
		return "", nil, err
	}
	return fmt.Sprintf("/proc/self/fd/%d/%s", f.Fd(), socketName), func() { f.Close() }, nil
}

// listenSocket makes the directory's socket, which only its owner may use. The
// caller holds the directory's lock, so what is there is left from before.
func listenSocket(dir string) (net.Listener, error) {
	path, done, err := socketPath(dir)
	if err != nil {
		return nil, err
	}
	defer done()
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
		return nil, fmt.Errorf("removing the old socket: %w", err)
	}
	lc := net.ListenConfig{Control: ownerOnly}
	l, err := lc.Listen(context.Background(), "unix", path)
	if err != nil {
		return nil, fmt.Errorf("making the socket in %s: %w", dir, err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false) // by the server, while it holds the lock
	if err := os.Chmod(path, 0o600); err != nil {
		l.Close()
		return nil, fmt.Errorf("making the socket in %s private: %w", dir, err)
	}
	return l, nil
}

// socketClient returns a client for the server on the directory's socket, or
// false if none is running there.
func socketClient(dir string) (*http.Client, bool) {
	dial := func(ctx context.Context) (net.Conn, error) {
		path, done, err := socketPath(dir)
		if err != nil {
			return nil, err
		}
		defer done()
		return (&net.Dialer{Timeout: 5 * time.Second}).DialContext(ctx, "unix", path)
	}
	if _, err := os.Stat(filepath.Join(dir, socketName)); err != nil {
		return nil, false
	}
	c, err := dial(context.Background())
	if err != nil {
		return nil, false
	}
	c.Close()
	return &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) },
	}}, true
}
