package trail_test

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/daybookhq/daybook/events/trail"
	"github.com/daybookhq/daybook/events/trail/trailtest"
)

// mountSmall mounts a disk of that many bytes, where the test may.
func mountSmall(t *testing.T, size int) string {
	dir := t.TempDir()
	if err := syscall.Mount("daybook-test", dir, "tmpfs", 0, fmt.Sprintf("size=%d,mode=0777", size)); err != nil {
		t.Skipf("mounting a small disk needs root: %v", err)
	}
	t.Cleanup(func() {
		// A server may close its last file there a little later.
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Errorf("unmount: %v", err)
		}
	})
	return dir
}

// ballast takes away room: all but the given number of bytes of a disk.
func ballast(t *testing.T, dir string, leave int64) (remove func()) {
	var fs syscall.Statfs_t
	if err := syscall.Statfs(dir, &fs); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "ballast")
	if n := int64(fs.Bavail)*fs.Bsize - leave; n > 0 {
		if err := os.WriteFile(path, make([]byte, n), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return func() {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
}

func TestFullDiskSQLite(t *testing.T) {
	o := trailtest.SQLite(t)
	o.DataDir = mountSmall(t, 64<<20)
	var free func()
	fullDisk(t, o, func(*trail.Trail) { free = ballast(t, o.DataDir, 2<<20) }, func(*trail.Trail) { free() })
}

func TestFullDiskPostgres(t *testing.T) {
	dir := mountSmall(t, 64<<20)
	c := trailtest.NewCluster(t)
	o := trailtest.SQLite(t)
	o.DatabaseURL, o.AllowOwner = c.DatabaseIn(t, dir), true
	var free func()
	fullDisk(t, o, func(*trail.Trail) { free = ballast(t, dir, 2<<20) }, func(*trail.Trail) { free() })
}
