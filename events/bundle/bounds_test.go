package bundle_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	_ "modernc.org/sqlite"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/events/bundle"
	"github.com/daybookhq/daybook/events/trail"
	"github.com/daybookhq/daybook/events/trail/trailtest"
)

// TestBounds has more sources than are listed, and an event with more
// corrections than are shown.
func TestBounds(t *testing.T) {
	tr := trailtest.Open(t, fixed(t, trailtest.SQLite(t)))
	var evs []events.Event
	for i := range 4200 {
		evs = append(evs, trailtest.Event(t, "id", "note.added", func(e *events.Event) { e.Source = fmt.Sprintf("/s/%d", 9999-i) }))
	}
	for i := range 1010 {
		evs = append(evs, trailtest.Event(t, fmt.Sprintf("fix-%d", i), "event.corrected", func(e *events.Event) {
			e.AuthID = "u-1"
			e.Data = []byte(fmt.Sprintf(`{"corrects":{"source":"/s/9998","id":"id"},"fields":{"n":%d},"why":"again"}`, i))
		}))
	}
	trailtest.Append(t, tr, evs...)
	b, _ := export(t, tr, bundle.Request{Asked: bundle.Asked{Filter: trail.Filter{Types: []string{"note.*"}}}})
	c := check(t, b, publicKey(t)).Coverage
	if c.Events != 4200 || c.Sources != 4096 || c.Unlisted != 4200-4096 || c.Amendments != 1000 || c.Cut != 1 {
		t.Errorf("%+v", c)
	}
	// More are not read, whoever writes them.
	f := linesOf(b).written()
	i := f.at("amends ")
	long := append(file{}, f[:i]...)
	for range 1001 {
		long = append(long, f[i], f[i+1])
	}
	_, err := bundle.Verify(bytes.NewReader(append(long, f[i:]...).short().bytes()), bundle.VerifyOptions{})
	if fault := (*bundle.Fault)(nil); !errors.As(err, &fault) {
		t.Errorf("%v", err)
	}
}

// What was changed in the database is not given out as if it were the log, and
// nothing says that it was.
func TestAlteredTrail(t *testing.T) {
	o := trailtest.SQLite(t)
	tr := filled(t, o)
	db, err := sql.Open("sqlite", filepath.Join(o.DataDir, trail.DatabaseFile))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.Query(`SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'events'`)
	if err != nil {
		t.Fatal(err)
	}
	var guards []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			t.Fatal(err)
		}
		guards = append(guards, name)
	}
	if err := rows.Close(); err != nil {
		t.Fatal(err)
	}
	for _, name := range guards {
		if _, err := db.Exec(`DROP TRIGGER ` + name); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := db.Exec(`UPDATE events SET body = replace(body, '/chat room', '/chat rooms') WHERE position = 40`); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	_, err = bundle.Export(t.Context(), &b, tr, bundle.Request{Asked: incident("INC-7"), Size: 157, Record: func(context.Context, bundle.Made) (int64, error) {
		t.Error("it was recorded as done")
		return 0, nil
	}})
	if !errors.Is(err, trail.ErrAltered) {
		t.Errorf("%v", err)
	}
}

// A prefix that nobody signed, and nobody can sign any more.
func TestUnsignedPrefix(t *testing.T) {
	tr := filled(t, trailtest.SQLite(t))
	if _, err := tr.RotateKey(t.Context(), "u-1", "yearly"); err != nil {
		t.Fatal(err)
	}
	_, err := bundle.Export(t.Context(), &bytes.Buffer{}, tr, bundle.Request{Size: 20})
	if !errors.Is(err, trail.ErrNoProof) {
		t.Errorf("%v", err)
	}
}
