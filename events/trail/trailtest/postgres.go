package trailtest

import (
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// URLVariable names the environment variable with the URL of a server to use
// instead of a temporary one. Its role must be allowed to make databases.
const URLVariable = "DAYBOOK_TEST_POSTGRES_URL"

// shared is the one server of a test binary: starting one takes seconds.
var shared = sync.OnceValues(func() (*Cluster, error) { return startCluster(clusterSettings...) })

var databases atomic.Int64

// Postgres returns the URL of a fresh database, dropped with the test. Where
// there is no Postgres, the test is skipped, or fails if CI=true is set.
func Postgres(tb testing.TB) string {
	tb.Helper()
	server := os.Getenv(URLVariable)
	if server == "" {
		c, err := shared()
		if err != nil {
			missing(tb, err)
		}
		server = c.URL("postgres")
	}
	return freshDatabase(tb, server, "template0")
}

func missing(tb testing.TB, err error) {
	tb.Helper()
	text := fmt.Sprintf("NOT TESTED ON POSTGRES: %v. Install it, or set %s.", err, URLVariable)
	if os.Getenv("CI") == "true" {
		tb.Fatal(text)
	}
	fmt.Fprintln(os.Stderr, text) // also seen without -v
	tb.Skip(text)
}

func freshDatabase(tb testing.TB, server, template string) string {
	tb.Helper()
	name := fmt.Sprintf("daybook_test_%d_%d", os.Getpid(), databases.Add(1))
	db, err := sql.Open("postgres", server)
	if err != nil {
		tb.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(tb.Context(), `CREATE DATABASE `+name+` ENCODING 'UTF8' TEMPLATE `+template); err != nil {
		tb.Fatalf("make a test database: %v", err)
	}
	tb.Cleanup(func() {
		db, err := sql.Open("postgres", server)
		if err != nil {
			tb.Error(err)
			return
		}
		defer db.Close()
		if _, err := db.Exec(`DROP DATABASE IF EXISTS ` + name + ` WITH (FORCE)`); err != nil {
			tb.Errorf("drop the test database: %v", err)
		}
	})
	u, err := url.Parse(server)
	if err != nil || !strings.HasPrefix(u.Scheme, "postgres") {
		tb.Fatalf("%s must be a postgres:// URL", URLVariable)
	}
	u.Path = "/" + name
	return u.String()
}
