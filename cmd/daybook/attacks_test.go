package main

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"github.com/daybookhq/daybook/events/seal"
	"github.com/daybookhq/daybook/events/trail"
	"github.com/daybookhq/daybook/events/trail/trailtest"
)

// A victim is a trail that nobody has open, and what an auditor holds of it.
type victim struct {
	trail.Options
	dir    string   // the auditor's own directory
	public string   // file with the log's public key
	saved  string   // file with the checkpoints below
	notes  [][]byte // signed when the trail had 301 and 621 events
}

// sealTrail writes the trail that is attacked: 621 events in five appends, with
// checkpoints at 1, 11, 301, 601, 611 and 621.
func sealTrail(t *testing.T, o trail.Options) victim {
	v := victim{Options: o, dir: t.TempDir()}
	tr, err := trail.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	for i, n := range []int{10, 290, 300, 10, 10} {
		trailtest.Append(t, tr, trailtest.Notes(t, fmt.Sprintf("p%d", i), n)...)
		h, err := tr.Head(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if h.Size == 301 || h.Size == 621 {
			v.notes = append(v.notes, h.Checkpoint)
		}
		// Appends within one microsecond would share their ledger time.
		for began := o.Clock(); !o.Clock().After(began); {
		}
	}
	v.public, v.saved = filepath.Join(v.dir, "log.pub"), filepath.Join(v.dir, "saved.txt")
	write(t, v.public, []byte(tr.PublicKey()+"\n"))
	write(t, v.saved, bytes.Join(v.notes, []byte("\n")))
	if err := tr.Close(); err != nil {
		t.Fatal(err)
	}
	return v
}

func write(t *testing.T, name string, b []byte) {
	t.Helper()
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// copied is the same trail once more, to be attacked.
func (v victim) copied(t *testing.T) victim {
	v.Options = trailtest.Copy(t, v.Options)
	return v
}

// audit runs the command that an auditor would run.
func (v victim) audit(t *testing.T, args ...string) (code int, said string) {
	t.Helper()
	var out, errs bytes.Buffer
	args = append([]string{"verify", "--data-dir", v.DataDir, "--database-url", v.DatabaseURL, "--allow-owner"}, args...)
	code = execute(t.Context(), args, strings.NewReader(""), &out, &errs)
	return code, out.String() + errs.String()
}

// key is the log's own: what somebody has who took over the server.
func (v victim) key(t *testing.T) *seal.Key {
	t.Helper()
	k, err := seal.LoadKey(filepath.Join(v.DataDir, trail.SigningKeyFile))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// An intruder has the database, as its owner has, and takes the guards off.
type intruder struct {
	*sqlx.DB
	t *testing.T
	v victim
}

func (v victim) intrude(t *testing.T) *intruder {
	t.Helper()
	driver, where := "sqlite", filepath.Join(v.DataDir, trail.DatabaseFile)
	if v.DatabaseURL != "" {
		driver, where = "postgres", v.DatabaseURL
	}
	db, err := sqlx.Open(driver, where)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	db.SetMaxOpenConns(1)
	i := &intruder{db, t, v}
	guards, off := `SELECT name FROM sqlite_master WHERE type = 'trigger'`, `DROP TRIGGER %s`
	if v.DatabaseURL != "" {
		guards, off = `SELECT DISTINCT tgrelid::regclass::text FROM pg_trigger WHERE NOT tgisinternal`, `ALTER TABLE %s DISABLE TRIGGER ALL`
	}
	var names []string
	if err := db.Select(&names, guards); err != nil || len(names) == 0 {
		t.Fatalf("guards %q, %v", names, err)
	}
	for _, name := range names {
		if _, err := db.Exec(fmt.Sprintf(off, name)); err != nil {
			t.Fatal(err)
		}
	}
	return i
}

// do runs a statement that must change something.
func (i *intruder) do(query string, args ...any) {
	i.t.Helper()
	res, err := i.Exec(i.Rebind(query), args...)
	if err != nil {
		i.t.Fatalf("%s: %v", query, err)
	}
	if n, _ := res.RowsAffected(); n == 0 {
		i.t.Fatalf("%s: changed nothing", query)
	}
}

func (i *intruder) get(dest any, query string) {
	i.t.Helper()
	if err := i.Get(dest, query); err != nil {
		i.t.Fatalf("%s: %v", query, err)
	}
}

// flip changes one bit of a stored value.
func (i *intruder) flip(table, column, where string, at int) {
	i.t.Helper()
	var b []byte
	i.get(&b, `SELECT `+column+` FROM `+table+` WHERE `+where)
	b[at] ^= 1
	i.do(`UPDATE `+table+` SET `+column+` = ? WHERE `+where, b)
}

// resign signs every checkpoint anew, over the roots that the tiles have now.
func (i *intruder) resign(key *seal.Key) {
	i.t.Helper()
	var sizes []int64
	if err := i.Select(&sizes, `SELECT size FROM checkpoints ORDER BY size`); err != nil {
		i.t.Fatal(err)
	}
	for _, size := range sizes {
		tree, err := seal.LoadTree(size, func(level int, index int64) (b []byte, err error) {
			err = i.Get(&b, i.Rebind(`SELECT hashes FROM tiles WHERE level = ? AND idx = ?`), level, index)
			return b, err
		})
		if err != nil {
			i.t.Fatal(err)
		}
		root := tree.Root()
		note, err := key.Sign(size, root)
		if err != nil {
			i.t.Fatal(err)
		}
		i.do(`UPDATE checkpoints SET note = ? WHERE size = ?`, string(note), size)
		i.do(`UPDATE head SET root = ?`, root[:])
	}
}

// rewrite changes an event and everything that commits to it: what somebody
// does who means it.
func (i *intruder) rewrite(position int64) {
	i.t.Helper()
	i.do(`UPDATE events SET body = replace(body, 'of p1', 'Of p1') WHERE position = ?`, position)
	var bodies []string
	if err := i.Select(&bodies, `SELECT body FROM events ORDER BY position`); err != nil {
		i.t.Fatal(err)
	}
	tree := seal.NewTree()
	var leaves []seal.Hash
	for _, b := range bodies {
		leaves = append(leaves, seal.LeafHash([]byte(b)))
	}
	for _, tile := range tree.Append(leaves) {
		i.do(`UPDATE tiles SET hashes = ? WHERE level = ? AND idx = ?`, tile.Hashes, tile.Level, tile.Index)
	}
}

// cut takes the tail off, so that what is left fits itself.
func (i *intruder) cut(size int64) {
	i.t.Helper()
	var note string
	i.get(&note, fmt.Sprintf(`SELECT note FROM checkpoints WHERE size = %d`, size))
	public, err := seal.ParsePublic(i.v.key(i.t).Public())
	if err != nil {
		i.t.Fatal(err)
	}
	c, err := seal.OpenCheckpoint([]byte(note), public)
	if err != nil {
		i.t.Fatal(err)
	}
	i.do(`DELETE FROM events WHERE position >= ?`, size)
	i.do(`DELETE FROM checkpoints WHERE size > ?`, size)
	i.do(`DELETE FROM postings WHERE first >= ?`, size)
	i.do(`DELETE FROM keys WHERE first >= ?`, size)
	full := size / seal.TileWidth
	i.do(`DELETE FROM tiles WHERE level = 0 AND idx > ?`, full)
	i.do(`UPDATE tiles SET hashes = substr(hashes, 1, ?) WHERE level = 0 AND idx = ?`, size%seal.TileWidth*seal.HashSize, full)
	i.do(`UPDATE tiles SET hashes = substr(hashes, 1, ?) WHERE level = 1`, full*seal.HashSize)
	i.do(`UPDATE head SET size = ?, listed = ?, root = ?, ledger_us = (SELECT max(ledger_us) FROM events)`, size, size, c.Root[:])
}

// TestAttacks is what an operator with all rights could try, and what the
// auditor reads then. The auditor has the log's public key and two checkpoints
// that were saved elsewhere.
func TestAttacks(t *testing.T) {
	attacks := []struct {
		name string
		do   func(*intruder)
		at   int64  // the first bad position
		says string // in the report
		// What the auditor must know besides the database to see it.
		needs string // "", "key" or "checkpoint"
	}{
		{"a changed byte", func(i *intruder) {
			i.do(`UPDATE events SET body = replace(body, 'note 30 of', 'Note 30 of') WHERE position = 41`)
		}, 41, "the stored bytes were changed: they do not have the hash that was sealed", ""},
		{"a removed event", func(i *intruder) { i.do(`DELETE FROM events WHERE position = 500`) }, 500, "the event is missing", ""},
		{"an event moved up into a gap", func(i *intruder) {
			i.do(`DELETE FROM events WHERE position = 500`)
			i.do(`UPDATE events SET position = 500 WHERE position = 620`)
		}, 500, "the stored bytes are those of #620", ""},
		{"an inserted event", func(i *intruder) {
			i.do(`UPDATE events SET position = -position - 1 WHERE position >= 600`)
			i.do(`UPDATE events SET position = -position WHERE position < 0`)
			i.do(`INSERT INTO events SELECT 600, substr(identity, 2, 15), happened_us, ledger_us, replace(body, '"599"', '"600"') FROM events WHERE position = 599`)
		}, 600, "the stored bytes were changed", ""},
		{"two events swapped", func(i *intruder) {
			i.do(`UPDATE events SET position = -1 WHERE position = 50`)
			i.do(`UPDATE events SET position = 50 WHERE position = 51`)
			i.do(`UPDATE events SET position = 51 WHERE position = -1`)
		}, 50, "the stored bytes are those of #51", ""},
		{"a repeated event", func(i *intruder) {
			i.do(`UPDATE events SET body = (SELECT body FROM events WHERE position = 50) WHERE position = 51`)
		}, 51, "the stored bytes are those of #50", ""},
		{"an event appended without the key", func(i *intruder) {
			i.do(`INSERT INTO events SELECT 621, substr(identity, 2, 15), happened_us, ledger_us, replace(body, '"620"', '"621"') FROM events WHERE position = 620`)
			i.do(`UPDATE head SET size = 622`)
		}, 621, "there is no good checkpoint at the head, size 622", ""},
		{"an event hidden from searches", func(i *intruder) {
			i.do(`DELETE FROM postings WHERE hash = (SELECT hash FROM keys WHERE kind = 'incident' AND value = 'p3')`)
		}, 601, "searches miss it", ""},
		{"an event listed under a foreign key", func(i *intruder) {
			i.do(`INSERT INTO postings SELECT hash, 7, NULL FROM keys WHERE value = 'p3'`)
		}, 7, "a key that it does not have", ""},
		{"when it happened, as SQL shows it", func(i *intruder) {
			i.do(`UPDATE events SET happened_us = happened_us - 1 WHERE position = 333`)
		}, 333, "the column happened_us does not fit", ""},
		{"a leaf's hash in its tile", func(i *intruder) { i.flip("tiles", "hashes", "level = 0 AND idx = 1", 32*4+7) }, 260, "its hash in the tile 0/1 was changed; the bytes are what was sealed", ""},
		{"a tile above", func(i *intruder) { i.flip("tiles", "hashes", "level = 1 AND idx = 0", 32) }, 256, "the tile 1/0 above it was changed", ""},
		{"a tile removed", func(i *intruder) { i.do(`DELETE FROM tiles WHERE level = 0 AND idx = 2`) }, 512, "the tile 0/2, which holds its hash, is missing", ""},
		{"the head's root", func(i *intruder) { i.flip("head", "root", "id = 1", 5) }, 620, "the head row's root is not that of the events", ""},
		{"the head put back", func(i *intruder) { i.do(`UPDATE head SET size = 601, listed = 601`) }, 600, "the head row's root", ""},
		{"a checkpoint removed", func(i *intruder) { i.do(`DELETE FROM checkpoints WHERE size = 601`) }, 600, "the checkpoint after it, at size 601, is missing", ""},
		{"a checkpoint's text", func(i *intruder) {
			i.do(`UPDATE checkpoints SET note = replace(note, '601', '602') WHERE size = 601`)
		}, 600, "the checkpoint kept at size 601", ""},
		{"a checkpoint by another key", func(i *intruder) {
			other, err := seal.GenerateKey(rand.Reader, i.v.key(i.t).Origin())
			if err != nil {
				i.t.Fatal(err)
			}
			note, err := other.Sign(601, seal.LeafHash(nil))
			if err != nil {
				i.t.Fatal(err)
			}
			i.do(`UPDATE checkpoints SET note = ? WHERE size = 601`, string(note))
		}, 600, "the checkpoint kept at size 601", ""},
		{"a checkpoint of another history, by the log's own key", func(i *intruder) {
			note, err := i.v.key(i.t).Sign(601, seal.LeafHash(nil))
			if err != nil {
				i.t.Fatal(err)
			}
			i.do(`UPDATE checkpoints SET note = ? WHERE size = 601`, string(note))
		}, 301, "or the log signed another history", ""},
		{"an event and its whole tree, but no signature", func(i *intruder) { i.rewrite(15) }, 11, "one of the events #11 to #300 and its hash in the tiles were changed", ""},
		{"all of it under a key of the intruder", func(i *intruder) {
			i.rewrite(15)
			other, err := seal.GenerateKey(rand.Reader, i.v.key(i.t).Origin())
			if err != nil {
				i.t.Fatal(err)
			}
			i.resign(other)
			i.do(`UPDATE head SET public_key = ?`, other.Public())
		}, 0, "not the one that was given", "key"},
		{"all of it under the log's own key", func(i *intruder) {
			i.rewrite(15)
			i.resign(i.v.key(i.t))
		}, 300, "the first 301 events are not those that the checkpoint from elsewhere", "checkpoint"},
		{"the tail cut off", func(i *intruder) { i.cut(301) }, 301, "the trail was shortened", "checkpoint"},
	}
	trailtest.Each(t, func(t *testing.T, o trail.Options) {
		o.Clock = time.Now
		o.ListEvery = 1 // the rows of the key index end where the appends do
		whole := sealTrail(t, o)
		holds := [][]string{{}, {"--public-key", whole.public}, {"--public-key", whole.public, "--checkpoint", whole.saved}}
		for _, held := range holds {
			if code, said := whole.audit(t, held...); code != exitDone || !strings.Contains(said, "Everything fits") {
				t.Fatalf("before any attack, with %q: code %d\n%s", held, code, said)
			}
		}
		for _, a := range attacks {
			t.Run(a.name, func(t *testing.T) {
				v := whole.copied(t)
				i := v.intrude(t)
				a.do(i)
				i.Close()
				// Without the file the key is taken from the trail itself.
				if a.needs == "key" {
					if err := os.Remove(filepath.Join(v.DataDir, trail.SigningKeyFile)); err != nil {
						t.Fatal(err)
					}
				}
				least := map[string]int{"": 0, "key": 1, "checkpoint": 2}[a.needs]
				if least > 0 {
					if code, said := v.audit(t, holds[least-1]...); code != exitDone {
						t.Fatalf("it should take a %s to see it, but the code is %d\n%s", a.needs, code, said)
					}
				}
				code, said := v.audit(t, holds[least]...)
				if code != exitNo || !strings.Contains(said, a.says) || !strings.Contains(said, fmt.Sprintf("the first bad position is #%d\n", a.at)) {
					t.Fatalf("code %d, wanted #%d and %q:\n%s", code, a.at, a.says, said)
				}
				if !strings.Contains(said, "triggers that refuse changes are missing or switched off") {
					t.Errorf("nothing is said about the guards:\n%s", said)
				}
				if o.DatabaseURL != "" {
					return // as JSON it reads alike
				}
				var report struct {
					Faults []struct{ Position int64 }
					Not    []string `json:"not_proved"`
					By     []string `json:"cheated_by"`
				}
				_, said = v.audit(t, append([]string{"--json"}, holds[least]...)...)
				if err := json.NewDecoder(strings.NewReader(said)).Decode(&report); err != nil || len(report.Faults) == 0 || report.Faults[0].Position != a.at || len(report.Not) == 0 || len(report.By) == 0 {
					t.Errorf("as JSON: %v\n%s", err, said)
				}
			})
		}
	})
}

// TestDamagedFile changes single bits all over the file of a SQLite trail. Each
// is either told by verify, or changes nothing that is stored.
func TestDamagedFile(t *testing.T) {
	o := trailtest.SQLite(t)
	o.Clock = time.Now
	whole := sealTrail(t, o)
	file, err := os.ReadFile(filepath.Join(whole.DataDir, trail.DatabaseFile))
	if err != nil {
		t.Fatal(err)
	}
	stored := everything(t, whole)
	seen := 0
	// The first page, which says what the file is, and then every so often.
	at := []int{18, 28, 100, 105}
	for x := 4096; x < len(file); x += len(file) / 24 {
		at = append(at, x+x/7%4096)
	}
	for _, x := range at {
		if x >= len(file) {
			continue
		}
		v := whole
		v.DataDir = t.TempDir()
		damaged := bytes.Clone(file)
		damaged[x] ^= 0x10
		write(t, filepath.Join(v.DataDir, trail.DatabaseFile), damaged)
		code, said := v.audit(t, "--public-key", whole.public)
		switch code {
		case exitNo, exitFailed:
			seen++
		case exitDone:
			if everything(t, v) != stored {
				t.Errorf("bit 4 of byte %d was changed, and with it what is stored; verify said\n%s", x, said)
			}
		}
	}
	if seen < len(at)/2 {
		t.Errorf("verify saw %d of %d changes", seen, len(at))
	}
	// A letter of one event, in the file itself, wherever it has a copy of it.
	v := whole
	v.DataDir = t.TempDir()
	write(t, filepath.Join(v.DataDir, trail.DatabaseFile), bytes.ReplaceAll(file, []byte("note 7 of p0"), []byte("Note 7 of p0")))
	if code, said := v.audit(t, "--public-key", whole.public); code != exitNo || !strings.Contains(said, "#8: the stored bytes were changed") {
		t.Errorf("a changed letter: code %d\n%s", code, said)
	}
}

// everything is what is stored in a trail's tables, or that it cannot be read.
func everything(t *testing.T, v victim) string {
	t.Helper()
	db, err := sqlx.Open("sqlite", filepath.Join(v.DataDir, trail.DatabaseFile))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var b strings.Builder
	for _, query := range []string{
		`SELECT * FROM events ORDER BY position`, `SELECT * FROM tiles ORDER BY level, idx`, `SELECT * FROM checkpoints ORDER BY size`,
		`SELECT * FROM head`, `SELECT * FROM keys ORDER BY kind, value`, `SELECT * FROM postings ORDER BY hash, first`,
	} {
		rows, err := db.Queryx(query)
		for err == nil && rows.Next() {
			var values []any
			values, err = rows.SliceScan()
			fmt.Fprintf(&b, "%q\n", values)
		}
		if err == nil {
			err = rows.Err()
		}
		if err != nil {
			return "unreadable"
		}
	}
	return b.String()
}
