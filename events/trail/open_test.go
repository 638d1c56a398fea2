package trail_test

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/events/seal"
	"github.com/daybookhq/daybook/events/trail"
	"github.com/daybookhq/daybook/events/trail/trailtest"
)

func TestFirstStartMakesKeyOriginAndPolicy(t *testing.T) {
	trailtest.Each(t, func(t *testing.T, o trail.Options) {
		o.Origin = ""
		tr := trailtest.Open(t, o)
		if !strings.HasPrefix(tr.Origin(), "daybook.local/") || len(tr.Origin()) != len("daybook.local/")+16 {
			t.Errorf("origin %q", tr.Origin())
		}
		info, err := os.Stat(filepath.Join(o.DataDir, trail.SigningKeyFile))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("key file: %v, %v", info, err)
		}
		e, err := tr.Get(t.Context(), 0)
		if err != nil {
			t.Fatal(err)
		}
		set, problems := events.DataOf[events.PolicySet](&e.Event)
		if len(problems) > 0 || len(events.Missing(&e.Event)) > 0 || len(set.Values) < 15 {
			t.Errorf("position 0 is %s (%v)", e.Bytes, problems)
		}
		origin, public := tr.Origin(), tr.PublicKey()
		if err := tr.Close(); err != nil {
			t.Fatal(err)
		}
		again := trailtest.Open(t, o)
		if again.Origin() != origin || again.PublicKey() != public {
			t.Errorf("after a restart it is %s %s", again.Origin(), again.PublicKey())
		}
		if h, err := again.Head(t.Context()); err != nil || h.Size != 1 {
			t.Errorf("head %+v, %v", h, err)
		}
	})
}

func TestOpenRefuses(t *testing.T) {
	trailtest.Each(t, func(t *testing.T, o trail.Options) {
		if err := trailtest.Open(t, o).Close(); err != nil {
			t.Fatal(err)
		}
		keyFile := func(origin string) string {
			key, err := seal.GenerateKey(rand.Reader, origin)
			if err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(t.TempDir(), "key")
			if err := key.Save(path); err != nil {
				t.Fatal(err)
			}
			return path
		}
		for name, c := range map[string]struct {
			change func(*trail.Options)
			says   string
		}{
			"another origin":          {func(o *trail.Options) { o.Origin = "daybook.test/other" }, "an origin is fixed"},
			"another key":             {func(o *trail.Options) { o.SigningKey = keyFile(o.Origin) }, "use the key of the server that made the trail"},
			"a key of another log":    {func(o *trail.Options) { o.SigningKey = keyFile("daybook.test/other") }, `the signing key`},
			"no key":                  {func(o *trail.Options) { o.SigningKey = filepath.Join(t.TempDir(), "key") }, "copy it from the server"},
			"read another, read-only": {func(o *trail.Options) { o.ReadOnly, o.Origin = true, "daybook.test/other" }, "is log"},
		} {
			t.Run(name, func(t *testing.T) {
				o := o
				c.change(&o)
				tr, err := trail.Open(t.Context(), o)
				if err == nil {
					tr.Close()
					t.Fatal("opened")
				}
				if !strings.Contains(err.Error(), c.says) {
					t.Fatalf("says %q, not %q", err, c.says)
				}
			})
		}
	})
}

func TestServersStartingAtOnceMakeOneTrail(t *testing.T) {
	trailtest.Each(t, func(t *testing.T, o trail.Options) {
		var wg sync.WaitGroup
		opened := make([]*trail.Trail, 4)
		for i := range opened {
			wg.Go(func() {
				var err error
				if opened[i], err = trail.Open(context.Background(), o); err != nil {
					t.Errorf("server %d: %v", i, err)
				}
			})
		}
		wg.Wait()
		for _, tr := range opened {
			if tr != nil {
				defer tr.Close()
			}
		}
		if !t.Failed() {
			if r := trailtest.Check(t, opened[0]); r.Size != 1 {
				t.Fatalf("%d events", r.Size)
			}
		}
	})
}

func TestReadOnlyBesideAServer(t *testing.T) {
	trailtest.Each(t, func(t *testing.T, o trail.Options) {
		readOnly := o
		readOnly.ReadOnly = true
		if tr, err := trail.Open(t.Context(), readOnly); err == nil {
			tr.Close()
			t.Fatal("there was no trail to read")
		}
		tr := trailtest.Open(t, o)
		trailtest.Append(t, tr, trailtest.Notes(t, "n", 10)...)
		r, err := trail.Verify(t.Context(), o, trail.VerifyOptions{})
		if err != nil || !r.OK() || r.Size != 11 {
			t.Fatalf("%+v, %v", r, err)
		}
		beside := trailtest.Open(t, readOnly)
		trailtest.Append(t, tr, trailtest.Event(t, "later", "note.added"))
		if e, err := beside.Get(t.Context(), 11); err != nil || e.ID != "later" {
			t.Fatalf("%v, %v", e, err)
		}
		if _, err := beside.Append(t.Context(), "token/test", trailtest.Event(t, "x", "note.added")); !errors.Is(err, trail.ErrReadOnly) {
			t.Fatalf("append: %v", err)
		}
		if _, err := beside.DB().Exec(`INSERT INTO checkpoints VALUES (99, 'x')`); err == nil {
			t.Fatal("a read-only trail wrote")
		}
		if _, err := tr.DB().Exec(`INSERT INTO checkpoints VALUES (99, 'x')`); err == nil && o.DatabaseURL == "" {
			t.Fatal("SQLite's reading connections wrote")
		}
	})
}

func TestVerifyWhileAppending(t *testing.T) {
	trailtest.Each(t, func(t *testing.T, o trail.Options) {
		tr := trailtest.Open(t, o)
		ctx, cancel := context.WithCancel(context.Background())
		var wg sync.WaitGroup
		for w := range 4 {
			wg.Go(func() {
				for i := 0; ctx.Err() == nil; i++ {
					e, err := note(fmt.Sprintf("w%d-%d", w, i))
					if err != nil {
						t.Error(err)
						return
					}
					if _, err := tr.Append(context.Background(), "token/test", e); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		for range 10 {
			r, err := trail.Verify(t.Context(), o, trail.VerifyOptions{})
			if err != nil || !r.OK() {
				t.Errorf("%v: %v", err, r.Faults)
				break
			}
		}
		cancel()
		wg.Wait()
	})
}

func TestAppendRefuses(t *testing.T) {
	tr := trailtest.Open(t, trailtest.SQLite(t))
	good := trailtest.Event(t, "a", "note.added")
	if _, err := tr.Append(t.Context(), "token/test", events.Event{ID: "a", Source: "/x"}); err == nil {
		t.Error("an event that was not checked")
	}
	forged := trailtest.Event(t, "conflict/1", "conflict.observed", func(e *events.Event) { e.Source = trail.LedgerSource })
	if _, err := tr.Append(t.Context(), "token/test", forged); !events.IsRefusal(err) {
		t.Errorf("the ledger's own source: %v", err)
	}
	for _, writer := range []string{"", "a\nb", `a"b`, `a\b`, "a\xff", strings.Repeat("w", 257)} {
		if _, err := tr.Append(t.Context(), writer, good); err == nil {
			t.Errorf("writer %q", writer)
		}
	}
	if h, err := tr.Head(t.Context()); err != nil || h.Size != 1 {
		t.Errorf("head %+v, %v", h, err)
	}
}

// A service role writes the trail and its own tables, and can change nothing.
func TestPostgresServiceRole(t *testing.T) {
	owner := trailtest.SQLite(t)
	owner.DatabaseURL = trailtest.Postgres(t)
	service := owner
	if _, err := trail.Open(t.Context(), owner); err == nil || !strings.Contains(err.Error(), "daybook migrate") {
		t.Fatalf("without a schema: %v", err)
	}
	grants, err := os.ReadFile("../../deploy/postgres/grants.sql")
	if err != nil {
		t.Fatal(err)
	}
	if err := trail.Migrate(t.Context(), owner); err != nil {
		t.Fatal(err)
	}
	if _, err := trail.Open(t.Context(), owner); err == nil || !strings.Contains(err.Error(), "--allow-owner") {
		t.Fatalf("as the owner: %v", err)
	}
	db, err := sql.Open("postgres", owner.DatabaseURL)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	name := fmt.Sprintf("daybook_service_%d", os.Getpid())
	if _, err := db.Exec(`CREATE ROLE ` + name + ` LOGIN`); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(grants)) {
		line = strings.ReplaceAll(line, `:"service"`, name)
		if !strings.HasPrefix(line, "GRANT") {
			continue // psql's own commands, and comments
		}
		if _, err := db.Exec(line); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
	}
	t.Cleanup(func() {
		db, err := sql.Open("postgres", owner.DatabaseURL)
		if err == nil {
			_, err = db.Exec(`DROP OWNED BY ` + name + `; DROP ROLE ` + name)
			db.Close()
		}
		if err != nil {
			t.Error(err)
		}
	})
	u, err := url.Parse(owner.DatabaseURL)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Set("user", name)
	u.User, u.RawQuery = nil, q.Encode()
	service.DatabaseURL = u.String()
	tr := trailtest.Open(t, service)
	trailtest.Append(t, tr, trailtest.Notes(t, "n", 300)...)
	trailtest.Append(t, tr, trailtest.Notes(t, "n", 301)...)
	for _, query := range []string{
		`UPDATE events SET body = 'x'`, `DELETE FROM events`, `TRUNCATE events`, `ALTER TABLE events DISABLE TRIGGER ALL`, `DROP TABLE events`,
		`UPDATE checkpoints SET note = 'x'`, `DELETE FROM postings`, `DELETE FROM keys`, `DELETE FROM tiles`, `DELETE FROM head`,
		`INSERT INTO redactions VALUES (1, '', 2, 1)`, `DELETE FROM redactions`, `UPDATE log_keys SET position = 1`, `DELETE FROM log_keys`,
	} {
		if _, err := tr.DB().Exec(query); err == nil || !strings.Contains(err.Error(), "permission denied") && !strings.Contains(err.Error(), "must be owner") {
			t.Errorf("%s: %v", query, err)
		}
	}
	if _, err := tr.Redact(t.Context(), trail.Redaction{Positions: []int64{1}, Basis: "x"}); err == nil || !strings.Contains(err.Error(), "may not erase") {
		t.Errorf("redact as the service: %v", err)
	}
	if h, err := tr.Head(t.Context()); err != nil || h.Size != 302 {
		t.Errorf("a refused redaction was announced: %d, %v", h.Size, err)
	}
	if _, err := tr.RotateKey(t.Context(), "u-9", ""); err != nil {
		t.Errorf("rotate the key as the service: %v", err)
	}
	if _, err := tr.DB().Exec(`CREATE TABLE emergencies_v1 (n int); DROP TABLE emergencies_v1`); err != nil {
		t.Errorf("its own tables: %v", err)
	}
	trailtest.Check(t, tr)
}
