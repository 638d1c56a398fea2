package trail

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"

	"github.com/daybookhq/daybook/events/seal"
	"github.com/jmoiron/sqlx"
)

// staging holds the events that tails gave, beside the trail, until it is known
// which of them belong. It is a file, since a tail may be a whole trail.
type staging struct {
	db   *sqlx.DB
	path string
	tx   *sqlx.Tx // open between add and flush
	n    int
}

const stagePattern = "recover-*.tmp"

func newStaging(dir string) (*staging, error) {
	if err := ensureDir(dir); err != nil {
		return nil, err
	}
	removeStale(dir)
	f, err := os.CreateTemp(dir, stagePattern) // mode 0600
	if err != nil {
		return nil, fmt.Errorf("make a file for what is gathered: %w", err)
	}
	f.Close()
	db, err := sqlx.Open("sqlite", "file:"+f.Name()+"?_pragma=journal_mode(off)&_pragma=synchronous(off)&_pragma=locking_mode(exclusive)")
	if err == nil {
		db.SetMaxOpenConns(1)
		_, err = db.Exec(`CREATE TABLE staged (position INTEGER, leaf BLOB, body BLOB, PRIMARY KEY (position, leaf)) WITHOUT ROWID`)
	}
	s := &staging{db: db, path: f.Name()}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("make a file for what is gathered: %w", err), s.close())
	}
	return s, nil
}

func (s *staging) close() error {
	if s.tx != nil {
		s.tx.Rollback()
	}
	var err error
	if s.db != nil {
		err = s.db.Close()
	}
	return errors.Join(err, os.Remove(s.path))
}

// add keeps one event. The same again changes nothing.
func (s *staging) add(ctx context.Context, position int64, leaf seal.Hash, body []byte) (err error) {
	if s.tx == nil {
		if s.tx, err = s.db.Beginx(); err != nil {
			return err
		}
	}
	if _, err := s.tx.ExecContext(ctx, `INSERT INTO staged VALUES (?, ?, ?) ON CONFLICT DO NOTHING`, position, leaf[:], body); err != nil {
		return fmt.Errorf("keep what is gathered: %w", err)
	}
	if s.n++; s.n%5000 == 0 {
		return s.flush(ctx)
	}
	return nil
}

func (s *staging) flush(context.Context) error {
	if s.tx == nil {
		return nil
	}
	tx := s.tx
	s.tx = nil
	return tx.Commit()
}

// A staged event is one that a tail gave for a position.
type staged struct {
	Position int64  `db:"position"`
	Leaf     []byte `db:"leaf"`
	Body     []byte `db:"body"`
}

// each calls f for what was gathered of the positions from ≤ p < to, ascending,
// without the bodies.
func (s *staging) each(ctx context.Context, from, to int64, f func(position int64, leaf seal.Hash) error) error {
	rows, err := s.db.QueryContext(ctx, `SELECT position, leaf FROM staged WHERE position >= ? AND position < ? ORDER BY position, leaf`, from, to)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var position int64
		var leaf sql.RawBytes
		if err := rows.Scan(&position, &leaf); err != nil {
			return err
		}
		if err := f(position, seal.Hash(leaf)); err != nil {
			return err
		}
	}
	return rows.Err()
}

// bodies returns what was gathered of the positions from ≤ p < to, ascending.
func (s *staging) bodies(ctx context.Context, from, to int64) (list []staged, err error) {
	err = s.db.SelectContext(ctx, &list, `SELECT position, leaf, body FROM staged WHERE position >= ? AND position < ? ORDER BY position, leaf`, from, to)
	return list, err
}

// eachWith calls f for the gathered events whose bytes hold that text, ascending.
func (s *staging) eachWith(ctx context.Context, text string, f func(position int64, leaf seal.Hash, body []byte) error) error {
	rows, err := s.db.QueryContext(ctx, `SELECT position, leaf, body FROM staged WHERE instr(body, CAST(? AS BLOB)) > 0 ORDER BY position, leaf`, text)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var position int64
		var leaf sql.RawBytes
		var body []byte
		if err := rows.Scan(&position, &leaf, &body); err != nil {
			return err
		}
		if err := f(position, seal.Hash(leaf), body); err != nil {
			return err
		}
	}
	return rows.Err()
}
