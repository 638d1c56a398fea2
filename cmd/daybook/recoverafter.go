package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/events/trail"
	"github.com/daybookhq/daybook/handlers/tokens"
)

// afterRecovery does what follows from events that were brought back, and says
// what is left for people. What is not posted from the trail was restored as it
// was when the backup was made: tokens revoked since would work again. It looks
// at the whole trail, so doing it again completes what was cut off.
func afterRecovery(ctx context.Context, t *trail.Trail) (left []string, err error) {
	store := tokens.New(tokens.Options{DB: t.DB(), Write: t.Write, Classify: t.Classify, Clock: time.Now, Rand: rand.Reader})
	known, err := store.List(ctx)
	if err != nil {
		return nil, err
	}
	gone := map[string]bool{} // ids of tokens that are revoked, or need nothing
	for _, k := range known {
		gone[k.ID] = true
	}
	err = eachOf(ctx, t, "token.revoked", func(_ *events.Recorded, d *events.TokenRevoked) error {
		gone[d.Token] = true
		_, err := store.Revoke(ctx, d.Token)
		return err
	})
	if err != nil {
		return nil, err
	}
	var issued []string
	err = eachOf(ctx, t, "token.issued", func(_ *events.Recorded, d *events.TokenIssued) error {
		if !gone[d.Token] {
			issued = append(issued, fmt.Sprintf("%s (%s)", d.Label, d.Token))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	var there []string
	err = eachOf(ctx, t, "redaction.applied", func(_ *events.Recorded, d *events.RedactionApplied) error {
		if d.Position == nil {
			return nil
		}
		e, err := t.Get(ctx, int64(*d.Position))
		if err == nil && e.Erased == nil {
			there = append(there, fmt.Sprint(e.Position))
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if len(issued) > 0 {
		slices.Sort(issued)
		left = append(left, fmt.Sprintf("%d tokens that were issued since the backup do not work any more; issue them again: %s", len(issued), strings.Join(issued, ", ")))
	}
	if len(there) > 0 {
		left = append(left, "what was erased since the backup is there again; erase it again: daybook redact "+strings.Join(there, " "))
	}
	return left, nil
}

// eachOf calls f for each event of a type that the ledger itself wrote, oldest
// first, and leaves out those whose data is not what the type says.
func eachOf[T any](ctx context.Context, t *trail.Trail, short string, f func(*events.Recorded, *T) error) error {
	at := trail.Cursor{Limit: trail.MaxPage}
	for {
		page, err := t.Query(ctx, trail.Filter{Types: []string{short}}, at)
		if err != nil {
			return err
		}
		for i := range page.Events {
			e := &page.Events[i]
			var data T
			if e.Writer != trail.LedgerWriter || e.Erased != nil || json.Unmarshal(e.Data, &data) != nil {
				continue
			}
			if err := f(e, &data); err != nil {
				return err
			}
		}
		if !page.More {
			return nil
		}
		at = page.Next
	}
}
