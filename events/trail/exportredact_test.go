package trail

import (
	"context"

	"github.com/jmoiron/sqlx"
)

// Announce does the first half of a redaction.
func Announce(ctx context.Context, t *Trail, r Redaction) error {
	plan, err := t.planRedaction(ctx, r)
	if err != nil {
		return err
	}
	return t.announce(ctx, r, plan)
}

// Writer is the connection that appends.
func Writer(t *Trail) *sqlx.DB { return t.writer }
