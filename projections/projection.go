package projections

import (
	"context"

	"github.com/jmoiron/sqlx"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/events/trail"
)

// A model is one projection as the runner sees it. It belongs to one goroutine
// at a time. What it remembers between batches is only ever a faster way to
// what its tables hold: reset may come at any moment.
type model interface {
	// describe names the projection, its version and its tables.
	describe() description
	// reset forgets everything remembered; at is where its tables stand.
	reset(at int64)
	// post works out what the batch changes. It reads through q, which sees the
	// tables as of the model's checkpoint, and writes nothing.
	post(ctx context.Context, b *batch, q queryer) (changes, error)
	// committed is called once the changes that post returned last are durable.
	committed()
}

// changes write what a batch changes, in the transaction that moves the
// checkpoint.
type changes interface {
	write(ctx context.Context, w *writer) error
}

// nothing is written by a batch that does not concern a projection.
type nothing struct{}

func (nothing) write(context.Context, *writer) error { return nil }

// A description is what does not change about a projection.
type description struct {
	name   string
	fold   int // raised whenever the rows it makes from the same events change
	doc    string
	tables []*table
	views  []extraView
}

// An extraView is a view for people that is not simply one table.
type extraView struct {
	name    string
	doc     string
	columns []column
	sql     func(d trail.Dialect, p place) string
}

// version orders builds of a projection: a change of its fold, or of the
// catalogue it understands, makes a newer one.
func (d description) version() int { return d.fold*1000 + catalogueVersion() }

// catalogueVersion grows with every type the catalogue gains and every new
// version of one.
func catalogueVersion() int {
	n := 0
	for _, d := range events.Catalogue() {
		n += d.Version
	}
	return n
}

// A queryer reads a projection's tables.
type queryer struct {
	sqlx.QueryerContext
	dialect trail.Dialect
	place   place
	trail   *trail.Trail
}
