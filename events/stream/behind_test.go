package stream

import (
	"errors"
	"strings"
	"testing"

	"github.com/daybookhq/daybook/events/trail"
	"github.com/daybookhq/daybook/events/trail/trailtest"
)

// TestAnOldBackupIsNotServed restores a copy of the trail beside a stream that
// was told more.
func TestAnOldBackupIsNotServed(t *testing.T) {
	l := listen(t)
	o := trailtest.SQLite(t)
	tr := trailtest.Open(t, o)
	record(t, tr, 0, 20)
	if err := tr.Close(); err != nil {
		t.Fatal(err)
	}
	backup := trailtest.Copy(t, o)
	open := func(o trail.Options) *trail.Trail { return trailtest.Open(t, o) }
	tr = open(o)
	record(t, tr, 20, 30)
	s := start(t, Options{Trail: tr, NATSURL: l.url()})
	told(t, s, tr)
	stop(t, s)

	restored := open(backup)
	refused := func(size int64, other bool) {
		t.Helper()
		s, err := Start(t.Context(), Options{Trail: restored, NATSURL: l.url(), Logger: quiet(t)})
		if err == nil {
			stop(t, s)
			t.Fatal("it was served")
		}
		behind, ok := errors.AsType[*BehindError](err)
		if !ok || behind.Position != 50 || behind.Size != size || behind.Other != other || !strings.Contains(err.Error(), "51") {
			t.Fatalf("refused with %v", err)
		}
	}
	refused(21, false)
	record(t, restored, 1000, 40) // by a server without this check
	refused(61, true)

	// The trail itself goes on, and so does the restored one without that stream.
	start(t, Options{Trail: tr, NATSURL: l.url()})
	told(t, start(t, Options{Trail: restored, NATSURL: listen(t).url()}), restored)
}
