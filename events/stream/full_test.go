//go:build linux

package stream

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/daybookhq/daybook/events/trail/trailtest"
)

func TestAFullDiskDelaysTheNewsAndLosesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=24m"); err != nil {
		t.Skipf("needs the right to mount a small disk: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	o := trailtest.SQLite(t) // the trail is on another disk
	tr := trailtest.Open(t, o)
	var hints collector
	s := start(t, Options{Trail: tr, DataDir: dir, Hint: hints.add})
	record(t, tr, 0, 500)
	told(t, s, tr)

	ballast := filepath.Join(dir, "ballast")
	fill(t, ballast)
	record(t, tr, 500, 2000)
	waitFor(t, "the server gives up", func() bool { return !s.Broker().Embedded().Healthy() })
	record(t, tr, 2500, 100)

	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	told(t, s, tr)
	complete(t, positions(t, s.Broker(), tr), size(t, tr))
	waitFor(t, "hints go on", func() bool { return hints.newest() == size(t, tr)-1 })
}

// fill writes until there is no room left.
func fill(t *testing.T, name string) {
	t.Helper()
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, n := range []int{1 << 20, 4 << 10, 1} {
		for block := make([]byte, n); err == nil; {
			_, err = f.Write(block)
		}
		err = nil
	}
}
