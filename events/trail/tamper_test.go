package trail_test

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/events/seal"
	"github.com/daybookhq/daybook/events/trail"
	"github.com/daybookhq/daybook/events/trail/trailtest"
	"github.com/jmoiron/sqlx"
)

// attack is a database opened by somebody who may do anything to it.
type attack struct {
	*sqlx.DB
	t *testing.T
}

func intrude(t *testing.T, o trail.Options) *attack {
	var db *sqlx.DB
	var err error
	if o.DatabaseURL != "" {
		db, err = sqlx.Open("postgres", o.DatabaseURL)
	} else {
		db, err = sqlx.Open("sqlite", filepath.Join(o.DataDir, trail.DatabaseFile))
	}
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { db.Close() })
	a := &attack{db, t}
	tables := []string{"events", "checkpoints", "tiles", "head", "keys", "postings"}
	if o.DatabaseURL != "" {
		for _, table := range tables {
			a.do(`ALTER TABLE ` + table + ` DISABLE TRIGGER ALL`)
		}
		return a
	}
	var triggers []string
	if err := db.Select(&triggers, `SELECT name FROM sqlite_master WHERE type = 'trigger'`); err != nil {
		t.Fatal(err)
	}
	for _, name := range triggers {
		a.do(`DROP TRIGGER ` + name)
	}
	return a
}

// do runs a statement that must change something.
func (a *attack) do(query string, args ...any) {
	a.t.Helper()
	res, err := a.Exec(a.Rebind(query), args...)
	if err != nil {
		a.t.Fatalf("%s: %v", query, err)
	}
	if n, _ := res.RowsAffected(); n == 0 && !strings.Contains(query, "TRIGGER") {
		a.t.Fatalf("%s: changed nothing", query)
	}
}

func (a *attack) flip(table, column, where string, at int) {
	a.t.Helper()
	var b []byte
	if err := a.Get(&b, `SELECT `+column+` FROM `+table+` WHERE `+where); err != nil {
		a.t.Fatal(err)
	}
	b[at] ^= 1
	a.do(`UPDATE `+table+` SET `+column+` = ? WHERE `+where, b)
}

func (a *attack) swap(x, y int64) {
	a.t.Helper()
	a.do(`UPDATE events SET position = -1 WHERE position = ?`, x)
	a.do(`UPDATE events SET position = ? WHERE position = ?`, x, y)
	a.do(`UPDATE events SET position = ? WHERE position = -1`, y)
}

// pools is how the trail under attack was written: an event first, then these.
var pools = []int{10, 300, 1, 1, 400, 88} // 801 events; checkpoints at 1, 11, 311, 312, 313, 713, 801

func writePools(t *testing.T, o trail.Options) [][]byte {
	o.ListEvery = 1 // the rows of the index end where the pools end
	tr := trailtest.Open(t, o)
	var heads [][]byte
	for i, n := range pools {
		trailtest.Append(t, tr, trailtest.Notes(t, fmt.Sprintf("p%d", i), n)...)
		h, err := tr.Head(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		heads = append(heads, h.Checkpoint)
		time.Sleep(time.Microsecond) // another ledger time, as is usual
	}
	trailtest.Check(t, tr)
	if err := tr.Close(); err != nil {
		t.Fatal(err)
	}
	return heads
}

func elsewhere(notes [][]byte) (e []trail.Elsewhere) {
	for i, n := range notes {
		e = append(e, trail.Elsewhere{From: fmt.Sprintf("note %d", i), Note: n})
	}
	return e
}

func TestTamperingIsNamed(t *testing.T) {
	posting := `hash = (SELECT hash FROM keys WHERE kind = 'incident' AND value = 'p1')`
	tamperings := []struct {
		name   string
		tamper func(*attack)
		at     int64
		says   string
	}{
		{"nothing", func(a *attack) {}, -1, ""},
		{"a changed byte", func(a *attack) {
			a.do(`UPDATE events SET body = replace(body, 'note 30 of', 'Note 30 of') WHERE position = 41`)
		}, 41, "bytes were changed"},
		{"bytes that are no event", func(a *attack) {
			a.do(`UPDATE events SET body = 'gone' WHERE position = 41`)
		}, 41, "cannot be read"},
		{"a removed event", func(a *attack) { a.do(`DELETE FROM events WHERE position = 500`) }, 500, "missing"},
		{"the last event removed", func(a *attack) { a.do(`DELETE FROM events WHERE position = 800`) }, 800, "missing"},
		{"many events removed", func(a *attack) { a.do(`DELETE FROM events WHERE position >= 100`) }, 100, "missing"},
		{"an inserted event", func(a *attack) {
			a.do(`UPDATE events SET position = -position - 1 WHERE position >= 600`)
			a.do(`UPDATE events SET position = -position WHERE position < 0`)
			a.do(`INSERT INTO events SELECT 600, substr(identity, 2, 16), happened_us, ledger_us, body FROM events WHERE position = 599`)
		}, 600, "those of #599"},
		{"an event behind the head", func(a *attack) {
			a.do(`INSERT INTO events SELECT 801, substr(identity, 2, 16), happened_us, ledger_us, body FROM events WHERE position = 800`)
		}, 801, "behind the head"},
		{"two events swapped", func(a *attack) { a.swap(50, 51) }, 50, "those of #51"},
		{"an identity changed", func(a *attack) { a.flip("events", "identity", "position = 77", 3) }, 77, "identity"},
		{"a time changed", func(a *attack) { a.do(`UPDATE events SET happened_us = happened_us + 1 WHERE position = 77`) }, 77, "happened_us"},
		{"a ledger time changed", func(a *attack) { a.do(`UPDATE events SET ledger_us = ledger_us - 1 WHERE position = 320`) }, 320, "ledger_us"},
		{"an index row removed", func(a *attack) { a.do(`DELETE FROM postings WHERE ` + posting + ` AND first = 11`) }, 11, "does not list it under incident/p1"},
		{"an index row shortened", func(a *attack) { a.do(`UPDATE postings SET more = NULL WHERE ` + posting + ` AND first = 11`) }, 12, "does not list it"},
		{"an index row added", func(a *attack) { a.do(`INSERT INTO postings SELECT hash, 700, NULL FROM keys WHERE value = 'p1'`) }, 700, "a key that it does not have"},
		{"an index row ahead of what is listed", func(a *attack) {
			a.do(`INSERT INTO postings SELECT hash, 801, NULL FROM keys WHERE value = 'p1'`)
		}, 801, "lists 801 events only"},
		{"what is listed understated", func(a *attack) { a.do(`UPDATE head SET listed = 800`) }, 800, "lists 800 events only"},
		{"a key removed", func(a *attack) { a.do(`DELETE FROM keys WHERE value = 'p4'`) }, 313, "incident/p4 is not listed"},
		{"a key's hash changed", func(a *attack) { a.do(`UPDATE keys SET hash = hash + 1 WHERE value = 'p4'`) }, 313, "wrong hash"},
		{"a key added", func(a *attack) {
			a.do(`INSERT INTO keys (kind, value, hash, first) VALUES ('incident', 'made up', 7, 99)`)
		}, 99, "which the index does not say"},
		{"a leaf tile changed", func(a *attack) { a.flip("tiles", "hashes", "level = 0 AND idx = 1", 32*4+7) }, 260, "hash in the tile 0/1 was changed"},
		{"the last tile changed", func(a *attack) { a.flip("tiles", "hashes", "level = 0 AND idx = 3", 0) }, 768, "tile 0/3 was changed"},
		{"an upper tile changed", func(a *attack) { a.flip("tiles", "hashes", "level = 1 AND idx = 0", 32) }, 256, "tile 1/0 above it was changed"},
		{"a tile removed", func(a *attack) { a.do(`DELETE FROM tiles WHERE level = 0 AND idx = 2`) }, 512, "tile 0/2"},
		{"an upper tile removed", func(a *attack) { a.do(`DELETE FROM tiles WHERE level = 1`) }, 0, "tile 1/0 above it is missing"},
		{"a tile too many", func(a *attack) { a.do(`INSERT INTO tiles SELECT 0, 9, hashes FROM tiles WHERE level = 0 AND idx = 0`) }, 801, "belong to no event"},
		{"a checkpoint changed", func(a *attack) { a.do(`UPDATE checkpoints SET note = replace(note, '313', '312') WHERE size = 313`) }, 312, "checkpoint kept at size 313"},
		{"a checkpoint replaced", func(a *attack) {
			a.do(`UPDATE checkpoints SET note = (SELECT note FROM checkpoints WHERE size = 311) WHERE size = 312`)
		}, 311, "is of size 311"},
		{"a checkpoint removed", func(a *attack) { a.do(`DELETE FROM checkpoints WHERE size = 713`) }, 712, "size 713, is missing"},
		{"the last checkpoint removed", func(a *attack) { a.do(`DELETE FROM checkpoints WHERE size = 801`) }, 800, "no good checkpoint at the head"},
		{"the head's root changed", func(a *attack) { a.flip("head", "root", "id = 1", 5) }, 800, "head row's root"},
		{"the head's time changed", func(a *attack) { a.do(`UPDATE head SET ledger_us = ledger_us + 1`) }, 800, "head row's ledger time"},
		{"an event and its hash changed", func(a *attack) {
			a.do(`UPDATE events SET body = replace(body, 'note 30 of', 'Note 30 of') WHERE position = 41`)
			var body string
			if err := a.Get(&body, `SELECT body FROM events WHERE position = 41`); err != nil {
				a.t.Fatal(err)
			}
			var tile []byte
			if err := a.Get(&tile, `SELECT hashes FROM tiles WHERE level = 0 AND idx = 0`); err != nil {
				a.t.Fatal(err)
			}
			leaf := seal.LeafHash([]byte(body))
			copy(tile[41*32:], leaf[:])
			a.do(`UPDATE tiles SET hashes = ? WHERE level = 0 AND idx = 0`, tile)
		}, 0, "tile 1/0"},
	}
	trailtest.Each(t, func(t *testing.T, whole trail.Options) {
		writePools(t, whole)
		for _, c := range tamperings {
			t.Run(c.name, func(t *testing.T) {
				o := trailtest.Copy(t, whole)
				a := intrude(t, o)
				c.tamper(a)
				a.Close()
				r, err := trail.Verify(t.Context(), o, trail.VerifyOptions{})
				if err != nil {
					t.Fatal(err)
				}
				var text strings.Builder
				r.WriteTo(&text)
				if r.FirstBad() != c.at {
					t.Fatalf("the first bad position is #%d, want #%d\n%s", r.FirstBad(), c.at, text.String())
				}
				if !strings.Contains(text.String(), c.says) {
					t.Fatalf("the report does not say %q:\n%s", c.says, text.String())
				}
				if len(r.Notes) != 1 {
					t.Errorf("the missing triggers are not noted: %q", r.Notes)
				}
			})
		}
	})
}

// Someone with the database alone can cut the trail so that it fits itself.
// Whoever kept a checkpoint sees it.
func TestShortenedTrailNeedsACheckpointFromElsewhere(t *testing.T) {
	trailtest.Each(t, func(t *testing.T, o trail.Options) {
		kept := writePools(t, o)
		a := intrude(t, o)
		const size = 313
		var note string
		if err := a.Get(&note, `SELECT note FROM checkpoints WHERE size = 313`); err != nil {
			t.Fatal(err)
		}
		key, err := seal.LoadKey(filepath.Join(o.DataDir, trail.SigningKeyFile))
		if err != nil {
			t.Fatal(err)
		}
		public, err := seal.ParsePublic(key.Public())
		if err != nil {
			t.Fatal(err)
		}
		c, err := seal.OpenCheckpoint([]byte(note), public)
		if err != nil {
			t.Fatal(err)
		}
		a.do(`DELETE FROM events WHERE position >= ?`, size)
		a.do(`DELETE FROM checkpoints WHERE size > ?`, size)
		a.do(`DELETE FROM postings WHERE first >= ?`, size)
		a.do(`DELETE FROM keys WHERE first >= ?`, size)
		a.do(`DELETE FROM tiles WHERE level = 0 AND idx > 1`)
		a.do(`UPDATE tiles SET hashes = substr(hashes, 1, ?) WHERE level = 0 AND idx = 1`, (size-256)*32)
		a.do(`UPDATE tiles SET hashes = substr(hashes, 1, 32) WHERE level = 1`)
		a.do(`UPDATE head SET size = ?, listed = ?, root = ?, ledger_us = (SELECT max(ledger_us) FROM events)`, size, size, c.Root[:])
		a.Close()

		r, err := trail.Verify(t.Context(), o, trail.VerifyOptions{})
		if err != nil || !r.OK() {
			t.Fatalf("cut in this way it should fit itself: %+v, %v", r, err)
		}
		if said := strings.Join(r.NotProved, "\n"); !strings.Contains(said, "cut off the end") {
			t.Fatalf("not said to be unproved: %s", said)
		}
		r, err = trail.Verify(t.Context(), o, trail.VerifyOptions{Elsewhere: elsewhere(kept[len(kept)-1:])})
		if err != nil || r.OK() || r.FirstBad() != size || !strings.Contains(r.Faults[0].What, "shortened") {
			t.Fatalf("%+v, %v", r, err)
		}
		r, err = trail.Verify(t.Context(), o, trail.VerifyOptions{Elsewhere: elsewhere(kept[:4])})
		if err != nil || !r.OK() {
			t.Fatalf("earlier checkpoints: %+v, %v", r, err)
		}
	})
}

// A trail rewritten from its start under another key fits itself as well.
func TestRewrittenTrailNeedsTheKeyFromElsewhere(t *testing.T) {
	trailtest.Each(t, func(t *testing.T, o trail.Options) {
		tr := trailtest.Open(t, o)
		trailtest.Append(t, tr, trailtest.Notes(t, "n", 5)...)
		honest := tr.PublicKey()
		if err := tr.Close(); err != nil {
			t.Fatal(err)
		}
		forged := trailtest.SQLite(t)
		writePools(t, forged)
		if err := os.Remove(filepath.Join(forged.DataDir, trail.SigningKeyFile)); err != nil {
			t.Fatal(err)
		}
		r, err := trail.Verify(t.Context(), forged, trail.VerifyOptions{})
		if err != nil || !r.OK() || !strings.Contains(strings.Join(r.NotProved, "\n"), "the key is the log's") {
			t.Fatalf("%+v, %v", r, err)
		}
		r, err = trail.Verify(t.Context(), forged, trail.VerifyOptions{PublicKey: honest})
		if err != nil || r.OK() {
			t.Fatalf("%+v, %v", r, err)
		}
	})
}

func TestGuardsRefuseChanges(t *testing.T) {
	trailtest.Each(t, func(t *testing.T, o trail.Options) {
		tr := trailtest.Open(t, o)
		trailtest.Append(t, tr, trailtest.Notes(t, "n", 300)...)
		if err := tr.Close(); err != nil { // with all in the key index
			t.Fatal(err)
		}
		tr = trailtest.Open(t, o)
		statements := []string{
			`UPDATE events SET body = 'x' WHERE position = 1`, `DELETE FROM events WHERE position = 1`,
			`UPDATE checkpoints SET note = 'x'`, `DELETE FROM checkpoints`,
			`UPDATE keys SET first = 0`, `DELETE FROM keys`,
			`UPDATE postings SET more = NULL`, `DELETE FROM postings`,
			`UPDATE tiles SET idx = idx + 7`, `DELETE FROM tiles`,
			`UPDATE head SET size = size - 1`, `UPDATE head SET listed = listed - 1`, `UPDATE head SET listed = size + 1`, `UPDATE head SET origin = 'other'`, `DELETE FROM head`,
		}
		if o.DatabaseURL != "" {
			for _, table := range []string{"events", "checkpoints", "keys", "postings", "tiles", "head"} {
				statements = append(statements, `TRUNCATE `+table)
			}
		}
		if o.DatabaseURL == "" {
			statements = append(statements, `INSERT OR REPLACE INTO checkpoints SELECT size, 'other' FROM checkpoints LIMIT 1`,
				`INSERT OR REPLACE INTO tiles SELECT level, idx, x'00' FROM tiles`,
				`INSERT OR REPLACE INTO head SELECT id, size + 1, ledger_us, root, origin, public_key, listed FROM head`)
		}
		for _, query := range statements {
			err := tr.Write(t.Context(), func(tx *sqlx.Tx) error {
				_, err := tx.Exec(query)
				return err
			})
			if err == nil {
				t.Errorf("%s was let through", query)
			}
		}
		if r := trailtest.Check(t, tr); len(r.Notes) > 0 {
			t.Errorf("notes %q", r.Notes)
		}
	})
}

func TestWriteRollsBackOnError(t *testing.T) {
	trailtest.Each(t, func(t *testing.T, o trail.Options) {
		tr := trailtest.Open(t, o)
		write := func(query string, after error) error {
			return tr.Write(t.Context(), func(tx *sqlx.Tx) error {
				if _, err := tx.Exec(query); err != nil {
					return err
				}
				return after
			})
		}
		if err := write(`CREATE TABLE mine (n bigint)`, nil); err != nil {
			t.Fatal(err)
		}
		if err := write(`INSERT INTO mine VALUES (1)`, nil); err != nil {
			t.Fatal(err)
		}
		if err := write(`INSERT INTO mine VALUES (2)`, sql.ErrNoRows); err != sql.ErrNoRows {
			t.Fatalf("got %v", err)
		}
		var n int
		if err := tr.DB().Get(&n, `SELECT sum(n) FROM mine`); err != nil || n != 1 {
			t.Fatalf("sum %d, %v", n, err)
		}
		trailtest.Append(t, tr, trailtest.Event(t, "after", "note.added", trailtest.Key(events.KindFlag, "waf")))
	})
}

// TestFailedCommitLeavesNoTransaction lets commits fail while others wait for
// the same connection, which must not find a transaction open on it.
func TestFailedCommitLeavesNoTransaction(t *testing.T) {
	tr := trailtest.Open(t, trailtest.SQLite(t))
	exec := func(queries ...string) error {
		return tr.Write(context.Background(), func(tx *sqlx.Tx) error {
			for _, q := range queries {
				if _, err := tx.Exec(q); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := exec(`CREATE TABLE parent (id INTEGER PRIMARY KEY)`,
		`CREATE TABLE child (id INTEGER REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED)`); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 50 {
				if err := exec(`INSERT INTO child VALUES (7)`); err == nil || strings.Contains(err.Error(), "within a transaction") {
					t.Errorf("a commit that must fail: %v", err)
				}
				if err := exec(`DELETE FROM parent`); err != nil {
					t.Errorf("after a failed commit: %v", err)
				}
			}
		})
	}
	wg.Wait()
	trailtest.Append(t, tr, trailtest.Notes(t, "INC-1", 3)...)
	trailtest.Check(t, tr)
}

// TestAlteredTilesAreNotSigned: a prefix that no checkpoint was signed for gets
// one only where it fits the head's.
func TestAlteredTilesAreNotSigned(t *testing.T) {
	trailtest.Each(t, func(t *testing.T, o trail.Options) {
		tr := trailtest.Open(t, o)
		trailtest.Append(t, tr, trailtest.Notes(t, "INC-1", 700)...)
		for size := int64(1); size <= 701; size += 7 {
			if h, err := tr.HeadAt(t.Context(), size); err != nil || h.Checkpoint == nil {
				t.Fatalf("at %d: %v", size, err)
			}
		}
		a := intrude(t, o)
		a.flip("tiles", "hashes", "level = 0 AND idx = 1", 40)
		a.Close()
		if h, err := tr.HeadAt(t.Context(), 300); err == nil {
			t.Fatalf("signed %s", h.Checkpoint)
		}
		if _, err := tr.HeadAt(t.Context(), 701); err != nil {
			t.Fatalf("the head itself: %v", err)
		}
	})
}
