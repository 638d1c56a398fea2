package trail

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"strings"
	"time"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/migrations"
	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"
	"github.com/pressly/goose/v3"
)

// postgresStore writes over one connection of its own; several servers may, in
// turns on the head row.
type postgresStore struct {
	db              *sqlx.DB
	head, find      *sqlx.Stmt
	addKeys, finish *sqlx.Stmt
	move            *sqlx.Stmt // finish without a seal
}

const (
	postgresKept = `SELECT position, identity, ledger_us, body FROM events WHERE identity = ANY ($1::bytea[])`
	postgresKeys = `INSERT INTO keys (kind, value, hash, first)
		SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[]) ON CONFLICT DO NOTHING`
	// One round trip for the three of them.
	postgresFinish = `WITH t AS (
			INSERT INTO tiles (level, idx, hashes) SELECT * FROM unnest($1::integer[], $2::bigint[], $3::bytea[])
			ON CONFLICT (level, idx) DO UPDATE SET hashes = excluded.hashes
		), c AS (
			INSERT INTO checkpoints (size, note) VALUES ($4, $5)
		)
		UPDATE head SET size = $4, ledger_us = $6, root = $7 WHERE id = 1 AND size = $8`
	postgresMove = `UPDATE head SET size = $1, ledger_us = $2, root = $3 WHERE id = 1 AND size = $4`
	copyEvents   = `COPY events (position, identity, happened_us, ledger_us, body) FROM STDIN`
	copyPostings = `COPY postings (hash, first, more) FROM STDIN`
)

func (t *Trail) openPostgres(ctx context.Context) error {
	cfg, err := parseURL(t.opts.DatabaseURL)
	if err != nil {
		return err
	}
	if cfg.ConnectTimeout == 0 {
		cfg.ConnectTimeout = 10 * time.Second
	}
	open := func(connections int, runtime, settings map[string]string) (*sqlx.DB, error) {
		c := cfg.Clone()
		if c.Runtime == nil {
			c.Runtime = map[string]string{}
		}
		for name, value := range runtime {
			c.Runtime[name] = value
		}
		for name, value := range settings {
			if _, given := c.Runtime[name]; !given {
				c.Runtime[name] = value
			}
		}
		connector, err := pq.NewConnectorConfig(c)
		if err != nil {
			return nil, fmt.Errorf("the database URL (--database-url) cannot be used: %w", err)
		}
		db := sqlx.NewDb(sql.OpenDB(connector), "postgres")
		db.SetMaxOpenConns(connections)
		db.SetMaxIdleConns(connections)
		return db, nil
	}
	readerSettings := map[string]string{}
	if t.opts.ReadOnly {
		readerSettings["default_transaction_read_only"] = "on"
	}
	if t.reader, err = open(16, readerSettings, nil); err != nil {
		return err
	}
	if err := t.checkServer(ctx); err != nil {
		t.reader.Close()
		return err
	}
	t.writer = t.reader
	if !t.opts.ReadOnly {
		// Plans are made once, with the tables empty; a plan that scans them
		// would be kept while they grow.
		settings := map[string]string{"enable_seqscan": "off", "plan_cache_mode": "force_generic_plan"}
		var commit string
		if err := t.reader.GetContext(ctx, &commit, `SHOW synchronous_commit`); err == nil && commit == "off" {
			settings["synchronous_commit"] = "on"
		}
		if t.writer, err = open(1, settings, writerTimeouts()); err != nil {
			t.reader.Close()
			return err
		}
	}
	t.store = &postgresStore{db: t.writer}
	return nil
}

// writerTimeouts keep a server that froze, or that the network lost, from
// holding the head for ever: the database ends its session before the others
// lose patience. A URL may say otherwise.
func writerTimeouts() map[string]string {
	return map[string]string{
		"lock_timeout":                        "3s",
		"idle_in_transaction_session_timeout": "5s",
		"tcp_user_timeout":                    "10s",
		"tcp_keepalives_idle":                 "5",
		"tcp_keepalives_interval":             "2",
		"tcp_keepalives_count":                "3",
	}
}

func (t *Trail) checkServer(ctx context.Context) error {
	var s struct {
		Version  int    `db:"version"`
		Encoding string `db:"encoding"`
		Fsync    string `db:"fsync"`
	}
	err := t.reader.GetContext(ctx, &s, `SELECT current_setting('server_version_num')::int AS version,
		current_setting('server_encoding') AS encoding, current_setting('fsync') AS fsync`)
	if err != nil {
		return fmt.Errorf("connect to the database: %w", err)
	}
	if s.Version < 130000 {
		return fmt.Errorf("the database is Postgres %d, 13 or later is needed", s.Version/10000)
	}
	if s.Encoding != "UTF8" {
		return fmt.Errorf("the database is encoded in %s; make it with ENCODING 'UTF8', so that it keeps every event's bytes", s.Encoding)
	}
	if s.Fsync != "on" && !t.opts.ReadOnly {
		t.opts.Logger.Warn("the database runs with fsync = off: a power cut can take acknowledged events")
	}
	return nil
}

// checkRole refuses a role that could change what the trail holds: the service
// itself must not be able to.
func (t *Trail) checkRole(ctx context.Context) error {
	if t.opts.AllowOwner || t.opts.ReadOnly {
		return nil
	}
	var role struct {
		Name  string         `db:"name"`
		Table sql.NullString `db:"can_change"`
	}
	err := t.reader.GetContext(ctx, &role, `SELECT current_user AS name, (
		SELECT min(c.relname) FROM pg_class c
		WHERE c.oid IN (to_regclass('events'), to_regclass('checkpoints'), to_regclass('keys'), to_regclass('postings'))
		AND (has_table_privilege(c.oid, 'UPDATE') OR has_table_privilege(c.oid, 'DELETE') OR has_table_privilege(c.oid, 'TRUNCATE') OR pg_has_role(c.relowner, 'USAGE'))
	) AS can_change`)
	if err != nil {
		return fmt.Errorf("look at the database role's rights: %w", t.classify(err))
	}
	if role.Table.Valid {
		return fmt.Errorf("the database role %q may change or remove %s: run `daybook migrate` as it, and serve as a role that may not (or, for a trial, give --allow-owner)", role.Name, role.Table.String)
	}
	return nil
}

func (s *postgresStore) dialect() Dialect { return Postgres }

func (s *postgresStore) migrations() (goose.Dialect, fs.FS) {
	return goose.DialectPostgres, migrations.Postgres()
}

func (s *postgresStore) fault(err error) fault {
	if e, ok := errors.AsType[*pq.Error](err); ok {
		code := string(e.Code)
		switch {
		case code == "53100": // disk_full
			return faultFull
		case strings.HasPrefix(code, "08"), // connection
			strings.HasPrefix(code, "57P"), // shut down, starting up, crashed
			strings.HasPrefix(code, "40"),  // serialization, deadlock
			code == "53300",                // too many connections
			code == "55P03",                // lock not available
			code == "25P03",                // our session was ended while we were frozen
			code == "25006":                // read-only: a standby, until it is promoted
			return faultAway
		case strings.HasPrefix(code, "22"), strings.HasPrefix(code, "23"):
			return faultData
		}
		return faultOther
	}
	_, isNet := errors.AsType[net.Error](err)
	if isNet || errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return faultAway
	}
	return faultOther
}

func (s *postgresStore) ready(ctx context.Context) (err error) {
	for _, p := range []struct {
		stmt  **sqlx.Stmt
		query string
	}{
		{&s.head, selectHead + ` FOR UPDATE`},
		{&s.find, postgresKept},
		{&s.addKeys, postgresKeys},
		{&s.finish, postgresFinish},
		{&s.move, postgresMove},
	} {
		if *p.stmt, err = s.db.PreparexContext(ctx, p.query); err != nil {
			return fmt.Errorf("prepare to append: %w", err)
		}
	}
	return nil
}

func (s *postgresStore) lockHead(ctx context.Context, tx *sqlx.Tx) (h headRow, err error) {
	return h, tx.Stmtx(s.head).GetContext(ctx, &h)
}

func (s *postgresStore) kept(ctx context.Context, tx *sqlx.Tx, ids []events.Identity) ([]keptRow, error) {
	array := make(pq.ByteaArray, len(ids))
	for i := range ids {
		array[i] = ids[i][:]
	}
	var rows []keptRow
	err := tx.Stmtx(s.find).SelectContext(ctx, &rows, array)
	return rows, err
}

func (s *postgresStore) write(ctx context.Context, tx *sqlx.Tx, w *writing) (moved bool, err error) {
	err = copyIn(ctx, tx, copyEvents, len(w.events), func(dst []any, i int) []any {
		e := &w.events[i]
		return append(dst, e.position, e.identity[:], e.happenedUS, w.ledgerUS, e.body)
	})
	if err != nil {
		return false, fmt.Errorf("copy events: %w", err)
	}
	if w.checkpoint == nil {
		res, err := tx.Stmtx(s.move).ExecContext(ctx, w.size, w.ledgerUS, w.root[:], w.from)
		if err != nil {
			return false, fmt.Errorf("move the head: %w", err)
		}
		n, err := res.RowsAffected()
		return n == 1, err
	}
	levels, indexes := make(pq.Int64Array, len(w.tiles)), make(pq.Int64Array, len(w.tiles))
	hashes := make(pq.ByteaArray, len(w.tiles))
	for i, t := range w.tiles {
		levels[i], indexes[i], hashes[i] = int64(t.Level), t.Index, t.Hashes
	}
	res, err := tx.Stmtx(s.finish).ExecContext(ctx, levels, indexes, hashes, w.size, string(w.checkpoint), w.ledgerUS, w.root[:], w.from)
	if err != nil {
		return false, fmt.Errorf("write tiles and checkpoint, move the head: %w", err)
	}
	n, err := res.RowsAffected()
	return n == 1, err
}

func (s *postgresStore) list(ctx context.Context, tx *sqlx.Tx, l *listing) error {
	err := copyIn(ctx, tx, copyPostings, len(l.postings), func(dst []any, i int) []any {
		p := &l.postings[i]
		if len(p.others) == 0 {
			return append(dst, p.hash, p.first, nil)
		}
		return append(dst, p.hash, p.first, p.packed("{}").String)
	})
	if err != nil {
		return fmt.Errorf("copy postings: %w", err)
	}
	if n := len(l.keys); n > 0 {
		kinds, values := make(pq.StringArray, n), make(pq.StringArray, n)
		hashes, firsts := make(pq.Int64Array, n), make(pq.Int64Array, n)
		for i, k := range l.keys {
			kinds[i], values[i], hashes[i], firsts[i] = string(k.key.Kind), k.key.Value, k.hash, k.first
		}
		if _, err := tx.Stmtx(s.addKeys).ExecContext(ctx, kinds, values, hashes, firsts); err != nil {
			return fmt.Errorf("insert keys: %w", err)
		}
	}
	if _, err := tx.ExecContext(ctx, `UPDATE head SET listed = $1 WHERE id = 1`, l.to); err != nil {
		return fmt.Errorf("note what the key index lists: %w", err)
	}
	return nil
}

func copyIn(ctx context.Context, tx *sqlx.Tx, query string, n int, args func(dst []any, i int) []any) error {
	stmt, err := tx.PrepareContext(ctx, query)
	if err != nil {
		return err
	}
	defer stmt.Close()
	var buf []any
	for i := range n {
		buf = args(buf[:0], i)
		if _, err := stmt.ExecContext(ctx, buf...); err != nil {
			return err
		}
	}
	_, err = stmt.ExecContext(ctx)
	return err
}
