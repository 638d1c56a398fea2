package sink

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/daybookhq/daybook/events/seal"
)

// A file holds the newest checkpoint and is replaced as a whole.
type file struct{ path string }

func (f *file) Name() string { return "file " + f.path }

func (f *file) Latest(_ context.Context, origin string) ([]byte, int64, error) {
	return readNote(f.path, origin)
}

func (f *file) Put(_ context.Context, note []byte, _ int64) error { return replace(f.path, note) }

// readNote reads the checkpoint in a file, at most as much as one can have.
func readNote(path, origin string) ([]byte, int64, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, 0, ErrNone
	}
	if err != nil {
		return nil, 0, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, seal.MaxCheckpointBytes+1))
	if err != nil {
		return nil, 0, err
	}
	c, err := ofLog(b, origin)
	if err != nil {
		return nil, 0, fmt.Errorf("%s: %w", path, err)
	}
	return b, c.size, nil
}

// replace writes a file so that whoever reads it, now or after a power cut,
// finds the old or the new one.
func replace(path string, b []byte) (err error) {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".checkpoint-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
		}
	}()
	if _, err = f.Write(b); err != nil {
		return err
	}
	// A checkpoint is for everybody to see.
	if err = f.Chmod(0o644); err != nil {
		return err
	}
	if err = f.Sync(); err != nil {
		return err
	}
	if err = f.Close(); err != nil {
		return err
	}
	if err = os.Rename(f.Name(), path); err != nil {
		return err
	}
	return syncDir(dir)
}

func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
