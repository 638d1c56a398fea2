package main

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/daybookhq/daybook/events/trail"
)

// append measures appends by callers × events in a call.
func (b *benchmark) append(ctx context.Context) error {
	var measures []measure
	for _, c := range []struct{ callers, each int }{{1, 1}, {256, 1}, {1024, 1}, {64, 100}, {8, 1000}} {
		err := b.with(ctx, func(s settings) error {
			m, err := b.appendBy(ctx, s, c.callers, c.each)
			measures = append(measures, m)
			return err
		})
		if err != nil {
			return err
		}
	}
	return b.print(measures)
}

func (b *benchmark) appendBy(ctx context.Context, s settings, callers, each int) (measure, error) {
	tr, err := trail.Open(ctx, trail.Options{DataDir: s.DataDir, DatabaseURL: s.DatabaseURL, Origin: s.Origin, AllowOwner: s.AllowOwner})
	if err != nil {
		return measure{}, err
	}
	defer tr.Close()
	l, err := drive(ctx, callers, each, b.duration, func(ctx context.Context, _ int, from int64) error {
		evs, err := benchEvents(from, each)
		if err != nil {
			return err
		}
		_, err = tr.Append(ctx, "local/bench", evs...)
		return err
	})
	if err != nil {
		return measure{}, err
	}
	m := l.measure(fmt.Sprintf("append, %d callers × %d", callers, each), b.database())
	var transactions int64
	if err := tr.DB().GetContext(ctx, &transactions, `SELECT count(*) FROM checkpoints`); err != nil {
		return m, err
	}
	sample, err := tr.Read(ctx, 1, 1+1024, 0)
	if err != nil {
		return m, err
	}
	bodies := make([]string, len(sample))
	for i, e := range sample {
		bodies[i] = string(e.Bytes)
	}
	if err := tr.Close(); err != nil {
		return m, err
	}
	mean := max(1, int(l.events/transactions))
	raw, err := rawLimit(ctx, s, bodies, mean, b.duration/2)
	m.limit(raw, rawWhat(s))
	m.Note = ""
	m.What += fmt.Sprintf(" (%d a transaction)", mean)
	return m, err
}

func rawWhat(s settings) string {
	if s.DatabaseURL != "" {
		return "Raw limit: COPY of the same bytes into a table with a primary key, as many to a transaction."
	}
	return "Raw limit: multi-row INSERT of the same bytes into a table with a primary key, as many to a transaction, WAL with synchronous=FULL."
}

// rawLimit stores bodies by the plainest means of the database with the same
// durability, and returns how many a second.
func rawLimit(ctx context.Context, s settings, bodies []string, each int, duration time.Duration) (float64, error) {
	insert := rawInsert
	driver, where := "sqlite", "file:"+filepath.Join(s.DataDir, "raw.db")+"?_txlock=immediate&_pragma=journal_mode(wal)&_pragma=synchronous(full)&_pragma=wal_autocheckpoint(8000)&_pragma=cache_size(-65536)"
	if s.DatabaseURL != "" {
		driver, where, insert = "postgres", s.DatabaseURL, rawCopy
	}
	db, err := sql.Open(driver, where)
	if err != nil {
		return 0, err
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	if _, err := db.ExecContext(ctx, `CREATE TABLE raw (position bigint PRIMARY KEY, body text NOT NULL)`); err != nil {
		return 0, err
	}
	n := 0
	start := time.Now()
	for time.Since(start) < duration {
		tx, err := db.BeginTx(ctx, nil)
		if err == nil {
			if err = insert(ctx, tx, n, each, bodies); err == nil {
				err = tx.Commit()
			} else {
				tx.Rollback()
			}
		}
		if err != nil {
			return 0, fmt.Errorf("measuring the raw limit: %w", err)
		}
		n += each
	}
	return float64(n) / time.Since(start).Seconds(), nil
}

func rawInsert(ctx context.Context, tx *sql.Tx, from, n int, bodies []string) error {
	const most = 64
	var full *sql.Stmt
	args := make([]any, 0, 2*most)
	for n > 0 {
		rows := min(n, most)
		args = args[:0]
		for i := from; i < from+rows; i++ {
			args = append(args, i, bodies[i%len(bodies)])
		}
		query := `INSERT INTO raw VALUES (?,?)` + strings.Repeat(`,(?,?)`, rows-1)
		var err error
		if rows == most {
			if full == nil {
				if full, err = tx.PrepareContext(ctx, query); err != nil {
					return err
				}
				defer full.Close()
			}
			_, err = full.ExecContext(ctx, args...)
		} else {
			_, err = tx.ExecContext(ctx, query, args...)
		}
		if err != nil {
			return err
		}
		from, n = from+rows, n-rows
	}
	return nil
}

func rawCopy(ctx context.Context, tx *sql.Tx, from, n int, bodies []string) error {
	stmt, err := tx.PrepareContext(ctx, `COPY raw (position, body) FROM STDIN`)
	if err != nil {
		return err
	}
	defer stmt.Close()
	for i := from; i < from+n; i++ {
		if _, err := stmt.ExecContext(ctx, i, bodies[i%len(bodies)]); err != nil {
			return err
		}
	}
	_, err = stmt.ExecContext(ctx)
	return err
}
