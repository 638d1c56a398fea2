package handlers_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/daybookhq/daybook/events/trail/trailtest"
	"github.com/daybookhq/daybook/handlers/access"
)

// TestDatabaseRestartedUnderRequests crashes the database again and again while
// requests with tokens come in. Writers wait for it as long as they may; who
// cannot be served is told to come again, and that nothing is broken.
func TestDatabaseRestartedUnderRequests(t *testing.T) {
	for name, retryFor := range map[string]time.Duration{"writers wait": time.Minute, "writers come again": time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			c := trailtest.NewCluster(t)
			o := trailtest.SQLite(t)
			o.DatabaseURL, o.AllowOwner, o.RetryFor = c.Database(t), true, retryFor
			s := serve(t, o)
			var stop atomic.Bool
			var mu sync.Mutex
			writes, reads := map[int]int{}, map[int]int{}
			var wg sync.WaitGroup
			for w := range 4 {
				wg.Go(func() {
					for i := 0; !stop.Load(); i++ {
						a := s.post("application/cloudevents+json", event(fmt.Sprintf("w%d-%d", w, i), `"incident":"INC-1"`))
						mu.Lock()
						writes[a.StatusCode]++
						mu.Unlock()
						if a.StatusCode != http.StatusCreated && a.StatusCode != http.StatusServiceUnavailable {
							t.Errorf("a write: %d %s", a.StatusCode, a.body)
						}
					}
				})
			}
			for _, path := range []string{"/v1/events?incident=INC-1", "/v1/stories", "/v1/stats/latency", "/v1/tokens"} {
				wg.Go(func() {
					for !stop.Load() {
						a := s.do(call{as: access.Admin, path: path})
						mu.Lock()
						reads[a.StatusCode]++
						mu.Unlock()
						if a.StatusCode >= 500 && a.StatusCode != http.StatusServiceUnavailable {
							t.Errorf("%s: %d %s", path, a.StatusCode, a.body)
						}
					}
				})
			}
			written := func() int {
				mu.Lock()
				defer mu.Unlock()
				return writes[http.StatusCreated]
			}
			for range 3 {
				for before := written(); written() < before+50 && !t.Failed(); {
					time.Sleep(time.Millisecond)
				}
				if err := c.Stop("immediate"); err != nil {
					t.Error(err)
				}
				s.advance(10 * time.Second) // what is known of tokens is to be read again
				time.Sleep(300 * time.Millisecond)
				if err := c.Start(); err != nil {
					t.Error(err)
				}
			}
			stop.Store(true)
			wg.Wait()
			t.Logf("writes %v, reads %v", writes, reads)
			if (writes[http.StatusServiceUnavailable] == 0) != (retryFor > time.Second) {
				t.Errorf("writes were answered %v", writes)
			}
			if reads[http.StatusServiceUnavailable] == 0 {
				t.Errorf("reads were answered %v: the database was never away", reads)
			}
			if strings.Contains(s.log.String(), "status=500") {
				t.Error("something was logged as an internal error")
			}
		})
	}
}

// TestTokensWhileTheDatabaseIsAway: known tokens hold for a minute, and nobody
// is told that a token is unknown that could not be looked up.
func TestTokensWhileTheDatabaseIsAway(t *testing.T) {
	c := trailtest.NewCluster(t)
	o := trailtest.SQLite(t)
	o.DatabaseURL, o.AllowOwner, o.RetryFor = c.Database(t), true, time.Millisecond
	s := serve(t, o)
	secret := s.secret[access.Reader]
	authenticate := func(secret string) error {
		_, err := s.tokens.Authenticate(t.Context(), secret)
		return err
	}
	if err := authenticate(secret); err != nil {
		t.Fatal(err)
	}
	if err := c.Stop("fast"); err != nil {
		t.Fatal(err)
	}
	s.advance(30 * time.Second)
	if err := authenticate(secret); err != nil {
		t.Errorf("after half a minute: %v", err)
	}
	unknown := s.do(call{path: "/v1/head", header: map[string]string{"Authorization": "Bearer daybook_" + strings.Repeat("x", 43)}})
	problem(t, unknown, http.StatusServiceUnavailable)
	s.advance(31 * time.Second)
	problem(t, s.do(call{as: access.Reader, path: "/v1/head"}), http.StatusServiceUnavailable)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	if err := authenticate(secret); err != nil {
		t.Errorf("when it is back: %v", err)
	}
}
