package projections

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"github.com/daybookhq/daybook/events/trail"
)

// A row is the values of a table's columns, in their order: string, int64,
// float64, bool or nil.
type row []any

// paramsPerStatement is far below the 32,766 that SQLite takes at once: more
// rows at a time gain little, and each longer statement has to be prepared.
const paramsPerStatement = 320

// A writer writes rows of one build's tables in one transaction.
type writer struct {
	tx      *sqlx.Tx
	dialect trail.Dialect
	place   place
}

// put writes rows over those with the same key or, where merge is given, merges
// them: it is what to SET, {table} being the name of the table. No two rows may
// have the same key.
func (w *writer) put(ctx context.Context, t *table, rows []row, merge string) error {
	if len(rows) == 0 {
		return nil
	}
	tail := " ON CONFLICT (" + strings.Join(t.key, ", ") + ") DO "
	var set []string
	for _, c := range t.columns {
		if !slices.Contains(t.key, c.name) {
			set = append(set, c.name+" = excluded."+c.name)
		}
	}
	switch {
	case merge != "":
		tail += "UPDATE SET " + strings.ReplaceAll(merge, "{table}", t.in(w.place))
	case len(set) == 0:
		tail += "NOTHING"
	default:
		tail += "UPDATE SET " + strings.Join(set, ", ")
	}
	head := fmt.Sprintf("INSERT INTO %s (%s) ", t.in(w.place), strings.Join(t.names(), ", "))
	if w.dialect == trail.Postgres {
		return w.unnest(ctx, t, head, tail, rows)
	}
	return w.values(ctx, t, head, tail, rows)
}

// values inserts with one list of values per statement, most of them of one
// length, so that the statement is prepared once.
func (w *writer) values(ctx context.Context, t *table, head, tail string, rows []row) error {
	width := len(t.columns)
	per := max(1, paramsPerStatement/width)
	one := "(" + strings.TrimSuffix(strings.Repeat("?,", width), ",") + ")"
	statement := func(n int) string {
		// "WHERE true" would be needed with SELECT; with VALUES there is no
		// ambiguity between the upsert and a join.
		return head + "VALUES " + strings.TrimSuffix(strings.Repeat(one+",", n), ",") + tail
	}
	args := make([]any, 0, per*width)
	if len(rows) >= per {
		stmt, err := w.tx.PrepareContext(ctx, statement(per))
		if err != nil {
			return fmt.Errorf("writing %s: %w", t.in(w.place), err)
		}
		defer stmt.Close()
		for len(rows) >= per {
			args = args[:0]
			for _, r := range rows[:per] {
				args = append(args, r...)
			}
			if _, err := stmt.ExecContext(ctx, args...); err != nil {
				return fmt.Errorf("writing %s: %w", t.in(w.place), err)
			}
			rows = rows[per:]
		}
	}
	if len(rows) == 0 {
		return nil
	}
	args = args[:0]
	for _, r := range rows {
		args = append(args, r...)
	}
	if _, err := w.tx.ExecContext(ctx, statement(len(rows)), args...); err != nil {
		return fmt.Errorf("writing %s: %w", t.in(w.place), err)
	}
	return nil
}

// unnest inserts all rows with one statement, a column an array.
func (w *writer) unnest(ctx context.Context, t *table, head, tail string, rows []row) error {
	args := make([]any, len(t.columns))
	casts := make([]string, len(t.columns))
	for i, c := range t.columns {
		args[i] = pq.Array(columnOf(rows, i, c.sort))
		casts[i] = fmt.Sprintf("$%d::%s[]", i+1, c.sort.in(trail.Postgres))
	}
	q := head + "SELECT * FROM unnest(" + strings.Join(casts, ", ") + ")" + tail
	if _, err := w.tx.ExecContext(ctx, q, args...); err != nil {
		return fmt.Errorf("writing %s: %w", t.in(w.place), err)
	}
	return nil
}

// columnOf gathers column i. Nil stays NULL.
func columnOf(rows []row, i int, s sort) any {
	switch s {
	case integer, moment:
		return gather[int64](rows, i)
	case real:
		return gather[float64](rows, i)
	case boolean:
		return gather[bool](rows, i)
	}
	return gather[string](rows, i)
}

func gather[T any](rows []row, i int) []*T {
	list := make([]*T, len(rows))
	for j, r := range rows {
		if v, ok := r[i].(T); ok {
			list[j] = &v
		}
	}
	return list
}

// delete removes the rows whose columns have those values, one value per
// column in each.
func (w *writer) delete(ctx context.Context, t *table, columns []string, keys []row) error {
	if len(keys) == 0 {
		return nil
	}
	if w.dialect == trail.Postgres {
		args := make([]any, len(columns))
		casts := make([]string, len(columns))
		for i, name := range columns {
			s := t.columns[slices.Index(t.names(), name)].sort
			args[i] = pq.Array(columnOf(keys, i, s))
			casts[i] = fmt.Sprintf("$%d::%s[]", i+1, s.in(trail.Postgres))
		}
		q := fmt.Sprintf("DELETE FROM %s WHERE (%s) IN (SELECT * FROM unnest(%s))",
			t.in(w.place), strings.Join(columns, ", "), strings.Join(casts, ", "))
		if _, err := w.tx.ExecContext(ctx, q, args...); err != nil {
			return fmt.Errorf("deleting from %s: %w", t.in(w.place), err)
		}
		return nil
	}
	per := max(1, paramsPerStatement/len(columns))
	one := "(" + strings.TrimSuffix(strings.Repeat("?,", len(columns)), ",") + ")"
	for part := range slices.Chunk(keys, per) {
		q := fmt.Sprintf("DELETE FROM %s WHERE (%s) IN (VALUES %s)", t.in(w.place), strings.Join(columns, ", "),
			strings.TrimSuffix(strings.Repeat(one+",", len(part)), ","))
		args := make([]any, 0, len(part)*len(columns))
		for _, k := range part {
			args = append(args, k...)
		}
		if _, err := w.tx.ExecContext(ctx, q, args...); err != nil {
			return fmt.Errorf("deleting from %s: %w", t.in(w.place), err)
		}
	}
	return nil
}

// plain makes foreign text storable in any database: SQL text cannot hold a
// zero character.
func plain(s string) string { return strings.ReplaceAll(s, "\x00", "\uFFFD") }

// orNull is the text, or NULL for none.
func orNull(s string) any {
	if s == "" {
		return nil
	}
	return plain(s)
}

// jsonList is a list as JSON text, or NULL for an empty one.
func jsonList[T any](list []T) any {
	if len(list) == 0 {
		return nil
	}
	b, err := json.Marshal(list)
	if err != nil {
		return nil
	}
	return string(b)
}
