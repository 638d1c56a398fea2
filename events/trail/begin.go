package trail

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/events/seal"
)

// begin puts the origin and the first event into an empty trail, in one
// transaction under the head's lock, so that of several servers starting at
// once one does it.
func (t *Trail) begin(ctx context.Context) error {
	tx, err := t.writer.BeginTxx(ctx, nil)
	if err != nil {
		return t.classify(err)
	}
	defer tx.Rollback()
	head, err := t.store.lockHead(ctx, tx)
	if err != nil {
		return fmt.Errorf("lock the head: %w", t.classify(err))
	}
	if head.Origin != "" && t.unsealed {
		return errSealed
	}
	if head.Origin != "" {
		if head.Origin != t.Origin() || head.PublicKey != t.PublicKey() {
			return fmt.Errorf("another server has just made this trail as log %q with the public key %s: copy its signing key to %s", head.Origin, head.PublicKey, t.opts.SigningKey)
		}
		s := &sequencer{trail: t}
		if err := s.loadTree(ctx, tx, head); err != nil {
			return err
		}
		t.size = head.Size
		return nil
	}
	if _, err := tx.ExecContext(ctx, tx.Rebind(`UPDATE head SET origin = ?, public_key = ? WHERE id = 1`), t.Origin(), t.PublicKey()); err != nil {
		return fmt.Errorf("name the log: %w", err)
	}
	first, err := firstEvent(t.opts.Clock())
	if err != nil {
		return fmt.Errorf("make the first event: %w", err)
	}
	s := &sequencer{trail: t, tree: seal.NewTree()}
	b := &batch{writer: LedgerWriter, entries: []entry{{&first, first.Identity(), hashKeys(&first, nil)}}}
	a, err := s.prepare(ctx, tx, head, []*batch{b})
	if err != nil {
		return err
	}
	moved, err := t.store.write(ctx, tx, a.w)
	if err != nil {
		return fmt.Errorf("write the first event: %w", t.classify(err))
	}
	if !moved {
		return errors.New("the head moved while it was locked")
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("write the first event: %w", t.classify(err))
	}
	t.size = a.w.size
	return nil
}

// firstEvent is position 0 of every trail: the policy in force from the start.
func firstEvent(now time.Time) (events.Event, error) {
	data, err := defaultPolicy()
	if err != nil {
		return events.Event{}, err
	}
	return events.Event{
		ID:              "policy/default",
		Source:          LedgerSource,
		Type:            events.FullType("policy.set"),
		Time:            now.UTC().Truncate(time.Microsecond),
		Subject:         "policy/default",
		DataContentType: "application/json",
		Data:            data,
	}.Checked()
}
