package trail_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/daybookhq/daybook/events/trail"
	"github.com/daybookhq/daybook/events/trail/trailtest"
)

// Each trigger that is missing is noted, and none on a trail that has them all.
func TestMissingGuardsAreNoted(t *testing.T) {
	trailtest.Each(t, func(t *testing.T, o trail.Options) {
		tr := trailtest.Open(t, o)
		if r := trailtest.Check(t, tr); len(r.Notes) > 0 {
			t.Errorf("untouched: %v", r.Notes)
		}
		query := `SELECT name, tbl_name FROM sqlite_master WHERE type = 'trigger'`
		if tr.Dialect() == trail.Postgres {
			query = `SELECT tgname, tgrelid::regclass::text FROM pg_trigger WHERE NOT tgisinternal`
		}
		rows, err := tr.DB().QueryContext(t.Context(), query)
		if err != nil {
			t.Fatal(err)
		}
		var drops []string
		for rows.Next() {
			var name, table string
			if err := rows.Scan(&name, &table); err != nil {
				t.Fatal(err)
			}
			drop := `DROP TRIGGER ` + name
			if tr.Dialect() == trail.Postgres {
				drop += ` ON ` + table
			}
			drops = append(drops, drop)
		}
		if err := rows.Close(); err != nil || len(drops) < 15 {
			t.Fatalf("%d triggers, %v", len(drops), err)
		}
		if _, err := trail.Writer(tr).ExecContext(t.Context(), strings.Join(drops, "; ")); err != nil {
			t.Fatal(err)
		}
		r := trailtest.Check(t, tr)
		want := strings.Replace("N of the N triggers", "N", strconv.Itoa(len(drops)), 2)
		if len(r.Notes) != 1 || !strings.HasPrefix(r.Notes[0], want) {
			t.Errorf("without %d triggers: %v", len(drops), r.Notes)
		}
	})
}
