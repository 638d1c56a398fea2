package handlers

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"testing"

	"github.com/daybookhq/daybook/events/trail/trailtest"
)

// TestADatabaseThatIsAwayIsNoFaultOfTheServer: whoever met it, the caller is told
// to come again. What nobody knows stays an internal error.
func TestADatabaseThatIsAwayIsNoFaultOfTheServer(t *testing.T) {
	a := &api{Deps: Deps{Trail: trailtest.Open(t, trailtest.SQLite(t))}, log: slog.New(slog.DiscardHandler)}
	for err, want := range map[error]int{
		fmt.Errorf("reading the register: %w", driver.ErrBadConn): 503,
		errors.New("reading the register: no such column"):        500,
	} {
		w := httptest.NewRecorder()
		a.fail(w, httptest.NewRequest("GET", "/v1/stats/latency", nil), err)
		if w.Code != want || (want == 503) != (w.Header().Get("Retry-After") != "") {
			t.Errorf("%v: %d %v", err, w.Code, w.Header())
		}
	}
}
