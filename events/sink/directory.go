package sink

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// A directory gets a file for each checkpoint, named by its size.
type directory struct{ path string }

// suffix and digits make the name of a size, so that names sort as sizes do.
const (
	suffix = ".checkpoint"
	digits = 19
)

func nameOf(size int64) string { return fmt.Sprintf("%0*d%s", digits, size, suffix) }

// sizeOf is the size that a file name says, or false for other files.
func sizeOf(name string) (int64, bool) {
	number, ok := strings.CutSuffix(name, suffix)
	if !ok || len(number) != digits {
		return 0, false
	}
	size, err := strconv.ParseInt(number, 10, 64)
	return size, err == nil && size >= 0 && nameOf(size) == name
}

func (d *directory) Name() string { return "directory " + d.path }

// Latest returns the checkpoint of the largest size. Other files are left alone.
func (d *directory) Latest(_ context.Context, origin string) ([]byte, int64, error) {
	dir, err := os.Open(d.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, 0, ErrNone
	}
	if err != nil {
		return nil, 0, err
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return nil, 0, err
	}
	largest := int64(-1)
	for _, name := range names {
		if size, ok := sizeOf(name); ok {
			largest = max(largest, size)
		}
	}
	if largest < 0 {
		return nil, 0, ErrNone
	}
	path := filepath.Join(d.path, nameOf(largest))
	note, size, err := readNote(path, origin)
	if err == nil && size != largest {
		return nil, 0, fmt.Errorf("%s holds a checkpoint of size %d; move it away", path, size)
	}
	return note, size, err
}

func (d *directory) Put(_ context.Context, note []byte, size int64) error {
	return replace(filepath.Join(d.path, nameOf(size)), note)
}
