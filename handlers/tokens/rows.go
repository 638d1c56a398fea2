package tokens

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"

	"github.com/daybookhq/daybook/handlers/access"
)

// A row is a token as the table holds it: times in microseconds since 1970,
// lists as JSON.
type row struct {
	ID        string        `db:"id"`
	Name      string        `db:"name"`
	Hash      []byte        `db:"hash"`
	Role      string        `db:"role"`
	Sources   string        `db:"sources"`
	Types     string        `db:"types"`
	IssuedBy  string        `db:"issued_by"`
	CreatedUS int64         `db:"created_us"`
	ExpiresUS sql.NullInt64 `db:"expires_us"`
	RevokedUS sql.NullInt64 `db:"revoked_us"`
	UsedUS    sql.NullInt64 `db:"used_us"`
}

func (r *row) token() Token {
	return Token{
		ID: r.ID, Name: r.Name, Role: access.Role(r.Role), Sources: globs(r.Sources), Types: globs(r.Types), By: r.IssuedBy,
		Created: time.UnixMicro(r.CreatedUS).UTC(), Expires: moment(r.ExpiresUS), Revoked: moment(r.RevokedUS), Used: moment(r.UsedUS),
	}
}

func moment(us sql.NullInt64) time.Time {
	if !us.Valid {
		return time.Time{}
	}
	return time.UnixMicro(us.Int64).UTC()
}

// globs reads a list. One that cannot be read must not widen a token, so it
// becomes a list that nothing fits.
func globs(text string) []string {
	var list []string
	if json.Unmarshal([]byte(text), &list) != nil {
		return []string{""}
	}
	return list
}

func (s *Store) rows(ctx context.Context) ([]row, error) {
	var rows []row
	const q = `SELECT id, name, hash, role, sources, types, issued_by, created_us, expires_us, revoked_us, used_us FROM tokens ORDER BY created_us, id`
	if err := s.o.DB.SelectContext(ctx, &rows, q); err != nil {
		if s.o.Classify != nil {
			err = s.o.Classify(err)
		}
		return nil, fmt.Errorf("reading the tokens: %w", err)
	}
	return rows, nil
}

// Add stores a token that Prepare made. It fails with ErrTaken if a token of
// that name is in use.
func (s *Store) Add(ctx context.Context, t Token, secret string) error {
	hash := sha256.Sum256([]byte(secret))
	sources, _ := json.Marshal(append([]string{}, t.Sources...))
	types, _ := json.Marshal(append([]string{}, t.Types...))
	var expires sql.NullInt64
	if !t.Expires.IsZero() {
		expires = sql.NullInt64{Int64: t.Expires.UnixMicro(), Valid: true}
	}
	err := s.o.Write(ctx, func(tx *sqlx.Tx) error {
		const q = `INSERT INTO tokens (id, name, hash, role, sources, types, issued_by, created_us, expires_us)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (name) WHERE revoked_us IS NULL DO NOTHING`
		res, err := tx.ExecContext(ctx, tx.Rebind(q), t.ID, t.Name, hash[:], string(t.Role), string(sources), string(types), t.By, t.Created.UnixMicro(), expires)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 1 {
			return err
		}
		return fmt.Errorf("%w: %q; revoke it first, or choose another name", ErrTaken, t.Name)
	})
	s.forget()
	if err != nil {
		return fmt.Errorf("storing token %q: %w", t.Name, err)
	}
	return nil
}

// Revoke makes the token with that id useless from now on. It reports whether
// it still was in use.
func (s *Store) Revoke(ctx context.Context, id string) (bool, error) {
	var revoked bool
	err := s.o.Write(ctx, func(tx *sqlx.Tx) error {
		const q = `UPDATE tokens SET revoked_us = ? WHERE id = ? AND revoked_us IS NULL`
		res, err := tx.ExecContext(ctx, tx.Rebind(q), s.o.Clock().UnixMicro(), id)
		if err != nil {
			return err
		}
		n, err := res.RowsAffected()
		revoked = n == 1
		return err
	})
	s.forget()
	if err != nil {
		return false, fmt.Errorf("revoking token %s: %w", id, err)
	}
	return revoked, nil
}
