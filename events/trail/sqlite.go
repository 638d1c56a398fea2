package trail

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/migrations"
	"github.com/jmoiron/sqlx"
	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// sqliteStore writes to one SQLite file over one connection.
type sqliteStore struct {
	db         *sqlx.DB
	prepared   map[string]*sqlx.Stmt
	head, move *sqlx.Stmt
}

func (t *Trail) openSQLite(ctx context.Context) error {
	path, err := filepath.Abs(filepath.Join(t.opts.DataDir, DatabaseFile))
	if err != nil {
		return err
	}
	if t.opts.ReadOnly {
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("there is no trail in %s", t.opts.DataDir)
		}
	} else if err := ensureDir(t.opts.DataDir); err != nil {
		return err
	}
	open := func(connections int, query url.Values) (*sqlx.DB, error) {
		query.Add("_pragma", "busy_timeout(10000)")
		query.Add("_pragma", "temp_store(memory)")
		u := url.URL{Scheme: "file", Path: path, RawQuery: query.Encode()}
		db, err := sqlx.Open("sqlite", u.String())
		if err != nil {
			return nil, err
		}
		db.SetMaxOpenConns(connections)
		db.SetMaxIdleConns(connections)
		if err := db.PingContext(ctx); err != nil {
			db.Close()
			return nil, fmt.Errorf("open %s: %w", path, err)
		}
		return db, nil
	}
	if t.opts.ReadOnly {
		if t.reader, err = open(4, url.Values{"mode": {"ro"}, "_pragma": {"query_only(1)"}}); err != nil {
			return err
		}
		t.writer = t.reader
		t.store = &sqliteStore{db: t.reader}
		return nil
	}
	release, err := t.takeTurn(ctx)
	if err != nil {
		return err
	}
	defer release()
	// FULL syncs the log at every commit, which is what durable means here.
	t.writer, err = open(1, url.Values{"_txlock": {"immediate"}, "_pragma": {
		"journal_mode(wal)", "synchronous(full)", "wal_autocheckpoint(8000)", "cache_size(-65536)", "foreign_keys(1)",
	}})
	if err != nil {
		return err
	}
	if t.reader, err = open(8, url.Values{"_pragma": {"query_only(1)", "cache_size(-8192)"}}); err != nil {
		t.writer.Close()
		return err
	}
	t.store = &sqliteStore{db: t.writer}
	return nil
}

func (s *sqliteStore) dialect() Dialect { return SQLite }

func (s *sqliteStore) migrations() (goose.Dialect, fs.FS) {
	return goose.DialectSQLite3, migrations.SQLite()
}

func (s *sqliteStore) fault(err error) fault {
	if errors.Is(err, driver.ErrBadConn) {
		return faultAway
	}
	e, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		return faultOther
	}
	switch e.Code() & 0xff {
	case sqlite3.SQLITE_FULL:
		return faultFull
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return faultAway
	case sqlite3.SQLITE_IOERR:
		// The shared memory of the log, which is mapped, cannot grow either.
		if e.Code() == sqlite3.SQLITE_IOERR_SHMSIZE || e.Code() == sqlite3.SQLITE_IOERR_WRITE {
			return faultFull
		}
	case sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_MISMATCH:
		return faultData
	}
	return faultOther
}

// lockHead needs no lock of its own: the transaction began as the only writer.
func (s *sqliteStore) lockHead(ctx context.Context, tx *sqlx.Tx) (h headRow, err error) {
	return h, tx.StmtxContext(ctx, s.head).GetContext(ctx, &h)
}

// Rows per statement. Larger ones save calls, until binding them costs more.
var sqliteChunks = []int{64, 32, 16, 8, 4, 2, 1}

// The statements of an append, in the parts that [sqliteStore.each] takes. OR
// FAIL spares SQLite preparing to undo one statement: where one fails, the
// whole transaction is rolled back.
var (
	sqliteKept        = [3]string{`SELECT position, identity, ledger_us, body FROM events WHERE identity IN (`, `?`, `)`}
	sqliteEvents      = [3]string{`INSERT OR FAIL INTO events VALUES `, `(?,?,?,?,?)`, ``}
	sqliteKeys        = [3]string{`INSERT INTO keys VALUES `, `(?,?,?,?)`, ` ON CONFLICT DO NOTHING`}
	sqlitePostings    = [3]string{`INSERT OR FAIL INTO postings VALUES `, `(?,?,?)`, ``}
	sqliteTiles       = [3]string{`INSERT INTO tiles VALUES `, `(?,?,?)`, ` ON CONFLICT (level, idx) DO UPDATE SET hashes = excluded.hashes`}
	sqliteCheckpoints = [3]string{`INSERT OR FAIL INTO checkpoints VALUES `, `(?,?)`, ``}
)

const sqliteMove = `UPDATE head SET size = ?, ledger_us = ?, root = ? WHERE id = 1 AND size = ?`

func repeated(parts [3]string, n int) string {
	return parts[0] + strings.Repeat(parts[1]+",", n-1) + parts[1] + parts[2]
}

// ready prepares all statements, which cannot be done within a transaction:
// it has the only connection.
func (s *sqliteStore) ready(ctx context.Context) error {
	s.prepared = map[string]*sqlx.Stmt{}
	for stmt, query := range map[**sqlx.Stmt]string{&s.head: selectHead, &s.move: sqliteMove} {
		var err error
		if *stmt, err = s.db.PreparexContext(ctx, query); err != nil {
			return fmt.Errorf("prepare %q: %w", query, err)
		}
	}
	for _, parts := range [][3]string{sqliteKept, sqliteEvents, sqliteKeys, sqlitePostings, sqliteTiles, sqliteCheckpoints} {
		for _, n := range sqliteChunks {
			query := repeated(parts, n)
			stmt, err := s.db.PreparexContext(ctx, query)
			if err != nil {
				return fmt.Errorf("prepare %q: %w", parts[0], err)
			}
			s.prepared[query] = stmt
		}
	}
	return nil
}

// each runs a statement over total rows, as many at once as there is one
// prepared for; args appends the arguments of row i.
func (s *sqliteStore) each(tx *sqlx.Tx, parts [3]string, total int, args func(dst []any, i int) []any, run func(*sqlx.Stmt, []any) error) error {
	var buf []any
	for i := 0; i < total; {
		n := 1
		for _, c := range sqliteChunks {
			if total-i >= c {
				n = c
				break
			}
		}
		stmt := s.prepared[repeated(parts, n)]
		buf = buf[:0]
		for j := i; j < i+n; j++ {
			buf = args(buf, j)
		}
		if err := run(tx.Stmtx(stmt), buf); err != nil {
			return err
		}
		i += n
	}
	return nil
}

func (s *sqliteStore) kept(ctx context.Context, tx *sqlx.Tx, ids []events.Identity) ([]keptRow, error) {
	var rows []keptRow
	err := s.each(tx, sqliteKept, len(ids),
		func(dst []any, i int) []any { return append(dst, ids[i][:]) },
		func(stmt *sqlx.Stmt, args []any) error {
			var found []keptRow
			err := stmt.SelectContext(ctx, &found, args...)
			rows = append(rows, found...)
			return err
		})
	return rows, err
}

// inserter returns what inserts n rows, args appending the arguments of row i.
func (s *sqliteStore) inserter(ctx context.Context, tx *sqlx.Tx) func(parts [3]string, n int, args func([]any, int) []any) error {
	exec := func(stmt *sqlx.Stmt, args []any) error {
		_, err := stmt.ExecContext(ctx, args...)
		return err
	}
	return func(parts [3]string, n int, args func([]any, int) []any) error {
		if err := s.each(tx, parts, n, args, exec); err != nil {
			return fmt.Errorf("%s: %w", strings.ToLower(strings.TrimSuffix(parts[0], " VALUES ")), err)
		}
		return nil
	}
}

func (s *sqliteStore) list(ctx context.Context, tx *sqlx.Tx, l *listing) error {
	insert := s.inserter(ctx, tx)
	err := insert(sqliteKeys, len(l.keys), func(dst []any, i int) []any {
		k := &l.keys[i]
		return append(dst, string(k.key.Kind), k.key.Value, k.hash, k.first)
	})
	if err != nil {
		return err
	}
	err = insert(sqlitePostings, len(l.postings), func(dst []any, i int) []any {
		p := &l.postings[i]
		return append(dst, p.hash, p.first, p.packed("[]"))
	})
	if err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `UPDATE head SET listed = ? WHERE id = 1`, l.to); err != nil {
		return fmt.Errorf("note what the key index lists: %w", err)
	}
	return nil
}

func (s *sqliteStore) write(ctx context.Context, tx *sqlx.Tx, w *writing) (moved bool, err error) {
	insert := s.inserter(ctx, tx)
	var ledgerUS any = w.ledgerUS // the same for all, so boxed once
	err = insert(sqliteEvents, len(w.events), func(dst []any, i int) []any {
		e := &w.events[i]
		return append(dst, e.position, e.identity[:], e.happenedUS, ledgerUS, e.body)
	})
	if err != nil {
		return false, err
	}
	err = insert(sqliteTiles, len(w.tiles), func(dst []any, i int) []any {
		t := &w.tiles[i]
		return append(dst, t.Level, t.Index, t.Hashes)
	})
	if err != nil {
		return false, err
	}
	if w.checkpoint != nil {
		err = insert(sqliteCheckpoints, 1, func(dst []any, _ int) []any {
			return append(dst, w.size, string(w.checkpoint))
		})
		if err != nil {
			return false, err
		}
	}
	res, err := tx.StmtxContext(ctx, s.move).ExecContext(ctx, w.size, w.ledgerUS, w.root[:], w.from)
	if err != nil {
		return false, fmt.Errorf("move the head: %w", err)
	}
	n, err := res.RowsAffected()
	return n == 1, err
}
