package projections

import (
	"bytes"
	"flag"
	"os"
	"testing"

	"github.com/daybookhq/daybook/events/trail"
	"github.com/daybookhq/daybook/events/trail/trailtest"
)

var update = flag.Bool("update", false, "rewrite TABLES.md")

func TestTablesAreDescribed(t *testing.T) {
	var b bytes.Buffer
	if err := WriteTables(&b); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile("TABLES.md", b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	kept, err := os.ReadFile("TABLES.md")
	if err != nil || !bytes.Equal(kept, b.Bytes()) {
		t.Fatalf("TABLES.md is out of date; run: go test ./projections -run TestTablesAreDescribed -update (%v)", err)
	}
}

// Every view that TABLES.md names is there with the columns it names, and so
// are the times for people.
func TestViewsHoldWhatIsDescribed(t *testing.T) {
	trailtest.Each(t, func(t *testing.T, o trail.Options) {
		tr := trailtest.Open(t, o)
		r, err := Open(t.Context(), tr, Options{})
		if err != nil {
			t.Fatal(err)
		}
		trailtest.Append(t, tr, newHistory(5).several(t, 600)...)
		if err := r.CatchUp(t.Context(), sizeOf(t, tr)); err != nil {
			t.Fatal(err)
		}
		for _, m := range models(r.opt) {
			d := m.describe()
			names := map[string][]column{}
			for _, tab := range d.tables {
				if !tab.private {
					names[tab.name] = tab.columns
				}
			}
			for _, v := range d.views {
				names[v.name] = v.columns
			}
			for name, columns := range names {
				rows, err := tr.DB().QueryxContext(t.Context(), "SELECT * FROM "+name)
				if err != nil {
					t.Fatal(err)
				}
				got, n := map[string]bool{}, 0
				cols, _ := rows.Columns()
				for _, c := range cols {
					got[c] = true
				}
				for rows.Next() {
					n++
				}
				if err := rows.Err(); err != nil {
					t.Fatal(err)
				}
				rows.Close()
				for _, c := range columns {
					if !got[c.name] {
						t.Errorf("%s has no column %s", name, c.name)
					}
				}
				if n == 0 {
					t.Errorf("%s is empty after 600 events of every kind", name)
				}
			}
		}
		var at string
		if err := tr.DB().GetContext(t.Context(), &at, "SELECT CAST(first_at AS text) FROM stories LIMIT 1"); err != nil || len(at) < 19 || at[:2] != "20" {
			t.Fatalf("first_at is %q, %v", at, err)
		}
	})
}
