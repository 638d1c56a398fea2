package stream

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"
)

// Positions remembers in SQL how far something has come in the trail. A
// position is the first that is not done yet; it never moves back.
type Positions struct {
	db    *sqlx.DB
	write func(context.Context, func(*sqlx.Tx) error) error
	clock func() time.Time
}

// NewPositions keeps positions in the trail's database. write runs a
// transaction in turn with the trail's own.
func NewPositions(db *sqlx.DB, write func(context.Context, func(*sqlx.Tx) error) error, clock func() time.Time) *Positions {
	return &Positions{db: db, write: write, clock: clock}
}

// Get returns the position under that name; known is false if there is none.
func (p *Positions) Get(ctx context.Context, name string) (position int64, known bool, err error) {
	err = p.db.GetContext(ctx, &position, p.db.Rebind(`SELECT position FROM stream_positions WHERE name = ?`), name)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, fmt.Errorf("read the stream position %s: %w", name, err)
	}
	return position, true, nil
}

// Advance moves the position forward, or does nothing if it stands there or
// further on already.
func (p *Positions) Advance(ctx context.Context, name string, position int64) error {
	err := p.write(ctx, func(tx *sqlx.Tx) error {
		_, err := tx.ExecContext(ctx, tx.Rebind(`
			INSERT INTO stream_positions (name, position, updated_us) VALUES (?, ?, ?)
			ON CONFLICT (name) DO UPDATE SET position = excluded.position, updated_us = excluded.updated_us
			WHERE stream_positions.position < excluded.position`),
			name, position, p.clock().UnixMicro())
		return err
	})
	if err != nil {
		return fmt.Errorf("save the stream position %s: %w", name, err)
	}
	return nil
}
