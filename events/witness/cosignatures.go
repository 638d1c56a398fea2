package witness

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"
	"golang.org/x/mod/sumdb/note"

	"github.com/daybookhq/daybook/events/trail"
)

// A Cosignature is one that a witness gave for a checkpoint of the trail.
type Cosignature struct {
	Size    int64  `db:"size"`     // of the checkpoint
	Witness string `db:"witness"`  // name+hash of the witness's key
	Line    string `db:"line"`     // as in the signed note
	Signed  int64  `db:"signed_s"` // when, as the witness says, seconds since 1970
}

// Time is when it was given, as the witness says.
func (c *Cosignature) Time() time.Time { return time.Unix(c.Signed, 0).UTC() }

// keep writes co-signatures down; of two by one witness for one size the later
// one stays.
func keep(ctx context.Context, tr *trail.Trail, all []Cosignature) error {
	err := tr.Write(ctx, func(tx *sqlx.Tx) error {
		for _, c := range all {
			const q = `INSERT INTO cosignatures (size, witness, line, signed_s) VALUES (?, ?, ?, ?)
				ON CONFLICT (size, witness) DO UPDATE SET line = excluded.line, signed_s = excluded.signed_s
				WHERE cosignatures.signed_s < excluded.signed_s`
			if _, err := tx.ExecContext(ctx, tx.Rebind(q), c.Size, c.Witness, c.Line, c.Signed); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("keep the co-signatures: %w", err)
	}
	return nil
}

// mostRows bounds how many co-signatures are looked through for a checkpoint
// that satisfies the policy.
const mostRows = 512

// kept returns the co-signatures of checkpoints from one size to another, both
// included, newest checkpoint first, at most mostRows.
func kept(ctx context.Context, tr *trail.Trail, from, to int64) ([]Cosignature, error) {
	var rows []Cosignature
	const q = `SELECT size, witness, line, signed_s FROM cosignatures WHERE size >= ? AND size <= ? ORDER BY size DESC, witness LIMIT ?`
	if err := tr.DB().SelectContext(ctx, &rows, tr.DB().Rebind(q), from, to, mostRows); err != nil {
		return nil, fmt.Errorf("read the co-signatures: %w", tr.Classify(err))
	}
	return rows, nil
}

// lastOf returns the size of the largest checkpoint that a witness co-signed,
// 0 if there is none.
func lastOf(ctx context.Context, tr *trail.Trail, witness string) (int64, error) {
	var size int64
	const q = `SELECT coalesce(max(size), 0) FROM cosignatures WHERE witness = ?`
	if err := tr.DB().GetContext(ctx, &size, tr.DB().Rebind(q), witness); err != nil {
		return 0, fmt.Errorf("read the co-signatures: %w", tr.Classify(err))
	}
	return size, nil
}

// with adds co-signatures to a signed checkpoint. Those of known witnesses that
// do not verify are left out, since a note with a bad signature by a known key
// is not one, nor with a line that is no signature; others are added as they
// are, for whoever knows the witness.
func with(signed []byte, rows []Cosignature, known map[string]note.Verifier) []byte {
	text, _, ok := bytes.Cut(signed, []byte("\n\n"))
	if !ok {
		return signed
	}
	out := bytes.Clone(signed)
	for _, c := range rows {
		if !isLine(c.Line) {
			continue
		}
		alone := append(append(bytes.Clone(text), "\n\n"...), c.Line...)
		var by []note.Verifier
		if v := known[c.Witness]; v != nil {
			by = append(by, v)
		}
		_, err := note.Open(alone, note.VerifierList(by...))
		if _, unverified := errors.AsType[*note.UnverifiedNoteError](err); err != nil && (!unverified || by != nil) {
			continue
		}
		if !strings.Contains(string(out), c.Line) {
			out = append(out, c.Line...)
		}
	}
	return out
}
