package projections

import (
	"fmt"
	"strings"

	"github.com/daybookhq/daybook/events/trail"
)

// A sort says what a column holds.
type sort string

const (
	text    sort = "text"
	integer sort = "integer"
	real    sort = "real"
	boolean sort = "boolean" // true or false
	// moment is a time in microseconds since 1970 UTC, in a column whose name
	// ends in _us. The view adds the same time for people, ending in _at.
	moment sort = "moment"
)

// A column is one column of a table, with what it means to a reader.
type column struct {
	name string
	sort sort
	doc  string
}

// A table is one table of a projection. Its name in the database carries the
// projection's version.
type table struct {
	name    string
	doc     string
	columns []column
	key     []string   // the primary key
	indexes [][]string // besides the primary key's
	private bool       // the projection's own memory: no view, no promise
}

// A place is where one build of a projection keeps its tables.
type place struct {
	version int
	build   int // 1, and one more for each rebuild of the same version
}

func (p place) suffix() string {
	if p.build <= 1 {
		return fmt.Sprintf("_v%d", p.version)
	}
	return fmt.Sprintf("_v%d_%d", p.version, p.build)
}

// in is the table's name in the database.
func (t *table) in(p place) string { return t.name + p.suffix() }

func (t *table) names() []string {
	names := make([]string, len(t.columns))
	for i, c := range t.columns {
		names[i] = c.name
	}
	return names
}

// create lists the statements that make the table where it is not there yet.
func (t *table) create(d trail.Dialect, p place) []string {
	var b strings.Builder
	fmt.Fprintf(&b, "CREATE TABLE IF NOT EXISTS %s (\n", t.in(p))
	for _, c := range t.columns {
		fmt.Fprintf(&b, "    %s %s", c.name, c.sort.in(d))
		if c.sort == text && d == trail.Postgres {
			b.WriteString(` COLLATE "C"`)
		}
		for _, k := range t.key {
			if k == c.name {
				b.WriteString(" NOT NULL")
			}
		}
		b.WriteString(",\n")
	}
	fmt.Fprintf(&b, "    PRIMARY KEY (%s)\n)", strings.Join(t.key, ", "))
	if d == trail.SQLite {
		b.WriteString(" WITHOUT ROWID")
	}
	list := []string{b.String()}
	for i, cols := range t.indexes {
		list = append(list, fmt.Sprintf("CREATE INDEX IF NOT EXISTS %s_%d ON %s (%s)",
			t.in(p), i+1, t.in(p), strings.Join(cols, ", ")))
	}
	return list
}

// view is the statement body of the table's view.
func (t *table) view(d trail.Dialect, p place) string {
	return selectMoments(d, t.columns) + " FROM " + t.in(p)
}

// selectMoments selects columns, and beside each moment the time for people.
func selectMoments(d trail.Dialect, columns []column) string {
	var cols []string
	for _, c := range columns {
		cols = append(cols, c.name)
		if c.sort != moment {
			continue
		}
		at := strings.TrimSuffix(c.name, "_us") + "_at"
		if c.name == "at_us" {
			at = "at"
		}
		if d == trail.Postgres {
			cols = append(cols, fmt.Sprintf("to_timestamp(%s / 1000000.0) AS %s", c.name, at))
		} else {
			cols = append(cols, fmt.Sprintf("strftime('%%Y-%%m-%%dT%%H:%%M:%%fZ', %s / 1000000.0, 'unixepoch') AS %s", c.name, at))
		}
	}
	return "SELECT " + strings.Join(cols, ", ")
}

func (s sort) in(d trail.Dialect) string {
	switch s {
	case integer, moment:
		return "bigint"
	case real:
		return "double precision"
	case boolean:
		return "boolean"
	}
	return "text"
}
