package trail_test

import (
	"context"
	"errors"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/daybookhq/daybook/events/trail"
	"github.com/daybookhq/daybook/events/trail/trailtest"
)

// TestAFrozenServerLetsTheOthersGoOn stops one server in the middle of a
// transaction that holds the head. The other waits for a few seconds only, and
// what the first was about to append is recorded when it wakes up.
func TestAFrozenServerLetsTheOthersGoOn(t *testing.T) {
	o := trailtest.SQLite(t)
	o.DatabaseURL, o.AllowOwner = trailtest.Postgres(t), true
	frozen, other := trailtest.Open(t, o), trailtest.Open(t, o)
	thaw := make(chan struct{})
	reached := trail.Freeze(frozen, thaw)
	evs := trailtest.Notes(t, "INC-1", 2)
	var wg sync.WaitGroup
	wg.Go(func() {
		if _, err := frozen.Append(context.Background(), "token/test", evs[0]); err != nil {
			t.Errorf("the server that was frozen: %v", err)
		}
	})
	<-reached
	if _, err := other.Append(t.Context(), "token/test", evs[1]); err != nil {
		t.Errorf("the other server: %v", err)
	}
	close(thaw)
	wg.Wait()
	if r := trailtest.Check(t, other); r.Size != 3 {
		t.Errorf("%d events", r.Size)
	}
}

// TestCloseDoesNotWaitForADatabaseThatIsSilent freezes the writer's session on
// the database's side.
func TestCloseDoesNotWaitForADatabaseThatIsSilent(t *testing.T) {
	o := trailtest.SQLite(t)
	o.DatabaseURL, o.AllowOwner, o.RetryFor = trailtest.Postgres(t), true, 100*time.Millisecond
	beside := trailtest.Open(t, o)
	tr, err := trail.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	thaw := make(chan struct{})
	reached := trail.Freeze(tr, thaw)
	answered := make(chan error, 1)
	go func() {
		_, err := tr.Append(context.Background(), "token/test", trailtest.Notes(t, "INC-1", 1)...)
		answered <- err
	}()
	<-reached
	var pid int
	if err := beside.DB().Get(&pid, `SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND state = 'idle in transaction'`); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Skipf("stopping a session of the database: %v", err)
	}
	close(thaw)
	began := time.Now()
	if err := tr.Close(); !errors.Is(err, trail.ErrUnavailable) {
		t.Errorf("closed with %v", err)
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("closing took %v", took)
	}
	if err := syscall.Kill(pid, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	<-answered
}
