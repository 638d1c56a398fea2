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

// append measures appends by callers × events in a call, and what of that is
// for the seal.
func (b *benchmark) append(ctx context.Context) error {
	collectLess()
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
	for _, c := range []struct{ callers, each int }{{256, 1}, {64, 100}} {
		m, err := b.sealing(ctx, c.callers, c.each)
		if err != nil {
			return err
		}
		measures = append(measures, m)
	}
	return b.print(measures)
}

// sealing runs the same load with and without the seal, in turns, since what a
// shared machine has to give changes from one moment to the next.
func (b *benchmark) sealing(ctx context.Context, callers, each int) (measure, error) {
	const turns = 4
	var with, without load
	for range turns {
		for _, side := range []struct {
			open func(context.Context, trail.Options) (*trail.Trail, error)
			sum  *load
		}{{trail.Open, &with}, {trail.OpenUnsealed, &without}} {
			err := b.with(ctx, func(s settings) error {
				tr, err := side.open(ctx, benchOptions(s))
				if err != nil {
					return err
				}
				defer tr.Close()
				l, err := driveAppends(ctx, tr, callers, each, b.duration/turns)
				side.sum.events += l.events
				side.sum.elapsed += l.elapsed
				return err
			})
			if err != nil {
				return measure{}, err
			}
		}
	}
	m := with.measure(fmt.Sprintf("sealing, %d callers × %d", callers, each), b.database())
	m.limit(float64(without.events)/without.elapsed.Seconds(), "Sealing: as the raw limit, the same load without hashes, tree, tiles, checkpoints and signatures, in turns with it.")
	m.Note = fmt.Sprintf("Sealing took %.1f%% of what could be appended, %d callers × %d.", 100*(1-*m.Ratio), callers, each)
	return m, nil
}

func benchOptions(s settings) trail.Options {
	return trail.Options{DataDir: s.DataDir, DatabaseURL: s.DatabaseURL, Origin: s.Origin, AllowOwner: s.AllowOwner}
}

func driveAppends(ctx context.Context, tr *trail.Trail, callers, each int, duration time.Duration) (load, error) {
	return drive(ctx, callers, each, duration, func(ctx context.Context, _ int, from int64) error {
		evs, err := benchEvents(from, each)
		if err != nil {
			return err
		}
		_, err = tr.Append(ctx, "local/bench", evs...)
		return err
	})
}

func (b *benchmark) appendBy(ctx context.Context, s settings, callers, each int) (measure, error) {
	tr, err := trail.Open(ctx, benchOptions(s))
	if err != nil {
		return measure{}, err
	}
	defer tr.Close()
	l, err := driveAppends(ctx, tr, callers, each, b.duration)
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
