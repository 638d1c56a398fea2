package trail

import (
	"context"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/daybookhq/daybook/events"
	"github.com/go-json-experiment/json"
	"github.com/jmoiron/sqlx"
)

// A SucceededError says that another log took over from this one, which is kept
// for reading. It is an [ErrReadOnly].
type SucceededError struct {
	Origin    string // of the successor
	PublicKey string // its first
	Since     time.Time
}

func (e *SucceededError) Error() string {
	return fmt.Sprintf("this log was continued as %s on %s, and is kept for reading: record there", e.Origin, e.Since.UTC().Format(time.DateOnly))
}

// Is makes it an ErrReadOnly.
func (e *SucceededError) Is(target error) bool { return target == ErrReadOnly }

// succession is the row that says so.
type succession struct {
	Origin    string `db:"origin"`
	PublicKey string `db:"public_key"`
	SinceUS   int64  `db:"since_us"`
}

const (
	selectSuccession = `SELECT origin, public_key, since_us FROM succession WHERE id = 1`
	succeeded        = "succession" // under what it objects
)

// lookForSuccessor makes the trail read-only if it has a successor.
func (t *Trail) lookForSuccessor(ctx context.Context) error {
	var s succession
	err := t.reader.GetContext(ctx, &s, selectSuccession)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look for a successor: %w", t.classify(err))
	}
	t.object(succeeded, &SucceededError{s.Origin, s.PublicKey, time.UnixMicro(s.SinceUS)})
	return nil
}

// A Successor is the log that took over.
type Successor struct {
	Origin    string
	PublicKey string
	Position  int64 // of its log.continued
}

// Succeed starts the log that takes over from one whose events are lost for
// good: a new trail with a key and an origin of its own, whose first event after
// the policy is a log.continued, which names the last checkpoint of the old log
// that anybody holds. The old trail keeps what is left of it and takes nothing
// more. Its plan says what that is.
//
// Interrupted at any moment, it may be called again with the same options.
func (r *Recovery) Succeed(ctx context.Context, o Options, actor, reason string) (Successor, error) {
	if r.plan == nil {
		return Successor{}, errors.New("recover: make a plan before starting a successor")
	}
	old := r.trail
	if o.Origin == old.Origin() {
		return Successor{}, fmt.Errorf("the successor needs an origin of its own, not %q again: two histories under one name could not be told apart", o.Origin)
	}
	t, err := Open(ctx, o)
	if err != nil {
		return Successor{}, fmt.Errorf("open the successor: %w", err)
	}
	out, err := r.succeedIn(ctx, t, actor, reason)
	if err := errors.Join(err, t.Close()); err != nil {
		return out, err
	}
	return out, r.end(ctx, out)
}

func (r *Recovery) succeedIn(ctx context.Context, t *Trail, actor, reason string) (Successor, error) {
	s := Successor{Origin: t.Origin(), PublicKey: t.PublicKey(), Position: 1}
	if s.Origin == r.trail.Origin() {
		return s, fmt.Errorf("the database of the successor holds the log %q itself; give an empty one", s.Origin)
	}
	if err := r.checkUnsucceeded(ctx, s.Origin); err != nil {
		return s, err
	}
	head, err := t.readHead(ctx)
	if err != nil {
		return s, err
	}
	if head.Size > 1 {
		return s, t.continues(ctx, r.trail.Origin())
	}
	e, err := r.continued(actor, reason)
	if err != nil {
		return s, fmt.Errorf("write log.continued: %w", err)
	}
	receipts, err := t.Append(ctx, LedgerWriter, e)
	if err == nil && receipts[0].Position != s.Position {
		err = fmt.Errorf("somebody else is writing to the successor already: its log.continued came to position %d", receipts[0].Position)
	}
	return s, err
}

// continues returns an error unless the trail is the successor of that log.
func (t *Trail) continues(ctx context.Context, origin string) error {
	e, err := t.Get(ctx, 1)
	if err != nil {
		return err
	}
	var data events.LogContinued
	if e.Erased == nil && e.Short() == "log.continued" && e.Writer == LedgerWriter {
		if err := json.Unmarshal(e.Data, &data); err != nil {
			return err
		}
	}
	if data.Predecessor != origin {
		return fmt.Errorf("the database of the successor holds the log %q already, which does not continue %q: give an empty one", t.Origin(), origin)
	}
	return nil
}

// continued is the event that says what the log continues.
func (r *Recovery) continued(actor, reason string) (events.Event, error) {
	p := r.plan
	root := r.seq.tree.Root()
	surviving := events.Count(p.Size)
	data := events.LogContinued{
		Predecessor: r.trail.Origin(), PredecessorKey: r.trail.PublicKey(), Reason: reason,
		SurvivingSize: &surviving, SurvivingRoot: base64.StdEncoding.EncodeToString(root[:]),
	}
	if p.Held > 0 {
		held := events.Count(p.Held)
		data.HeldSize, data.HeldBy, data.Checkpoint = &held, p.HeldBy, string(p.Note)
	}
	e, err := events.Of(data)
	if err != nil {
		return e, err
	}
	e.ID, e.Source, e.AuthID = "log/continued", LedgerSource, actor
	e.Time = r.trail.opts.Clock().UTC().Truncate(time.Microsecond)
	return e.Checked()
}

// checkUnsucceeded refuses a second successor.
func (r *Recovery) checkUnsucceeded(ctx context.Context, origin string) error {
	var s succession
	err := r.trail.reader.GetContext(ctx, &s, selectSuccession)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil
	case err != nil:
		return r.trail.classify(err)
	case s.Origin != origin:
		return fmt.Errorf("the log was continued as %s already; one log has one successor", s.Origin)
	}
	return nil
}

// end notes in the old trail that it has a successor, which closes it.
func (r *Recovery) end(ctx context.Context, s Successor) error {
	t := r.trail
	err := t.Write(ctx, func(tx *sqlx.Tx) error {
		_, err := tx.ExecContext(ctx, tx.Rebind(`INSERT INTO succession (id, origin, public_key, since_us) VALUES (1, ?, ?, ?) ON CONFLICT DO NOTHING`),
			s.Origin, s.PublicKey, t.opts.Clock().UnixMicro())
		return err
	})
	if err != nil {
		return fmt.Errorf("note the successor in the old log, run this again: %w", err)
	}
	return r.checkUnsucceeded(ctx, s.Origin)
}
