package handlers_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/jmoiron/sqlx"

	"github.com/daybookhq/daybook/events/client"
	"github.com/daybookhq/daybook/events/trail/trailtest"
)

// TestTheTrailFillsUpMidway sends more than fits, as one batch and as lines. What
// the answer counts must be what is in the trail.
func TestTheTrailFillsUpMidway(t *testing.T) {
	for _, form := range []string{client.TypeBatch, client.TypeLines} {
		t.Run(form, func(t *testing.T) {
			o := trailtest.SQLite(t)
			o.MaxPoolEvents = 50 // so that one request takes many transactions
			s := serve(t, o)
			err := s.trail.Write(t.Context(), func(tx *sqlx.Tx) error {
				var used int
				if err := tx.Get(&used, "PRAGMA page_count"); err != nil {
					return err
				}
				_, err := tx.Exec(fmt.Sprintf("PRAGMA max_page_count = %d", used+120))
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			var evs []string
			for i := range 1000 {
				evs = append(evs, event(fmt.Sprint(i), `"data":"`+strings.Repeat("x", 1000)+`"`))
			}
			body, first := strings.Join(evs, "\n"), 1
			if form == client.TypeBatch {
				body, first = "["+strings.Join(evs, ",")+"]", 0
			}
			p := problem(t, s.post(form, body), http.StatusInsufficientStorage)
			head, err := s.trail.Head(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			stored := int(head.Size) - 1
			if stored == 0 || stored == len(evs) {
				t.Fatalf("%d stored, which proves nothing", stored)
			}
			if p.Summary == nil || p.Summary.Accepted != stored || p.Summary.StoppedAt != first+stored || len(p.Summary.Results) != stored {
				t.Fatalf("%d stored; accepted %d, stopped at %d", stored, p.Summary.Accepted, p.Summary.StoppedAt)
			}
			if strings.Contains(p.Detail, "nothing was recorded") || !strings.Contains(p.Detail, fmt.Sprintf("%d on was recorded", first+stored)) {
				t.Fatalf("%s", p.Detail)
			}
		})
	}
}
