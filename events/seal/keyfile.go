package seal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// NextKeyFile is where the key that takes over at the next rotation waits,
// beside the one in use.
func NextKeyFile(path string) string { return path + ".next" }

// RetiredKeyFile is where the key with that hash is kept once it was replaced.
func RetiredKeyFile(path, hash string) string { return path + "." + hash }

// TakeNext puts the key file that waits beside path in its place, and keeps the
// one that was there under the name [RetiredKeyFile] gives. Nothing is lost
// whenever it is interrupted, and doing it again completes it. It returns where
// the old key is kept.
func TakeNext(path string) (retired string, err error) {
	next := NextKeyFile(path)
	if _, err := LoadKey(next); err != nil {
		return "", err
	}
	old, err := LoadKey(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	if old != nil {
		retired = RetiredKeyFile(path, old.Hash())
		if err := os.Link(path, retired); errors.Is(err, fs.ErrExist) {
			if kept, err := LoadKey(retired); err != nil || kept.Public() != old.Public() {
				return "", fmt.Errorf("keep the old signing key: %s is there already and is another; move it away", retired)
			}
		} else if err != nil {
			return "", fmt.Errorf("keep the old signing key: %w", err)
		}
	}
	if err := os.Rename(next, path); err != nil {
		return "", fmt.Errorf("put the new signing key in its place: %w", err)
	}
	return retired, syncDir(filepath.Dir(path))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
