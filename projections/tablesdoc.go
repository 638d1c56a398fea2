package projections

import (
	"fmt"
	"io"
	"strings"
)

// WriteTables writes the description of every table and view that people may
// query, as Markdown. TABLES.md is its output; a test fails when they differ.
func WriteTables(w io.Writer) error {
	var b strings.Builder
	b.WriteString(`# The tables of the projections

For dashboards and questions in SQL. Everything here is posted from the trail and
can be dropped and built again; the trail itself is the table ` + "`events`" + `.

Query the names below. Each is a view of a table whose name carries the version
of its projection (` + "`stories_v1113`" + `); a new version is built beside the old, and the
view moves when it has caught up. ` + "`projection_checkpoints`" + ` says how many events each
stands for.

Times are stored as microseconds since 1970 UTC, in columns that end in ` + "`_us`" + `.
Beside each stands the same time for people, ending in ` + "`_at`" + `: a timestamp on
Postgres, ISO 8601 text on SQLite. Cut months where you read, in the zone you
report in:

` + "```sql" + `
-- Emergencies a month in India, Postgres
SELECT to_char(declared_at AT TIME ZONE 'Asia/Kolkata', 'YYYY-MM') AS month, count(*)
FROM emergencies WHERE declared_us IS NOT NULL AND NOT routine GROUP BY 1;

-- Duties overdue now, SQLite
SELECT emergency, duty, due_at FROM emergency_duties
WHERE needed AND done_us IS NULL AND due_us < unixepoch('now') * 1000000;
` + "```" + `

What is unknown is NULL, never zero. Text is as it was recorded, but for U+0000,
which SQL text cannot hold and which stands as U+FFFD. Retracted events are in no
table; corrected ones stand as corrected. When the content of an event is erased,
all tables are emptied at once and filled again without it.
`)
	for _, m := range models(Options{}.withDefaults()) {
		d := m.describe()
		fmt.Fprintf(&b, "\n## %s\n\n%s\n", d.name, d.doc)
		for _, t := range d.tables {
			if !t.private {
				describeTable(&b, t.name, t.doc, t.columns)
				fmt.Fprintf(&b, "\nOne row per %s.\n", strings.Join(t.key, ", "))
			}
		}
		for _, v := range d.views {
			describeTable(&b, v.name, v.doc, v.columns)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func describeTable(b *strings.Builder, name, doc string, columns []column) {
	fmt.Fprintf(b, "\n### %s\n\n%s\n\n| Column | Holds | |\n| --- | --- | --- |\n", name, doc)
	for _, c := range columns {
		holds := map[sort]string{text: "text", integer: "whole number", real: "number", boolean: "true or false", moment: "time"}[c.sort]
		fmt.Fprintf(b, "| `%s` | %s | %s |\n", c.name, holds, c.doc)
	}
}
