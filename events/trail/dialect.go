package trail

import (
	"context"
	"database/sql"
	"io/fs"
	"strconv"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/events/seal"
	"github.com/jmoiron/sqlx"
	"github.com/pressly/goose/v3"
)

// A Dialect is the database that holds a trail.
type Dialect string

// The dialects.
const (
	SQLite   Dialect = "sqlite"
	Postgres Dialect = "postgres"
)

func (d Dialect) String() string { return string(d) }

// A store is all that differs between the databases. Its methods that take a
// transaction are called by the sequencer alone.
type store interface {
	dialect() Dialect
	migrations() (goose.Dialect, fs.FS)
	fault(error) fault

	// ready is called once before the first transaction, with the schema up to date.
	ready(context.Context) error
	// lockHead reads the head row and keeps it locked until the transaction ends.
	lockHead(context.Context, *sqlx.Tx) (headRow, error)
	// kept finds the events that are recorded already under those identities.
	kept(context.Context, *sqlx.Tx, []events.Identity) ([]keptRow, error)
	// write inserts everything of one pool and moves the head, if it still
	// stands where it was; otherwise moved is false.
	write(context.Context, *sqlx.Tx, *writing) (moved bool, err error)
	// list adds events to the key index and notes in the head that it has them.
	list(context.Context, *sqlx.Tx, *listing) error
}

type headRow struct {
	Size      int64  `db:"size"`
	LedgerUS  int64  `db:"ledger_us"`
	Root      []byte `db:"root"`
	Origin    string `db:"origin"`
	PublicKey string `db:"public_key"`
	Listed    int64  `db:"listed"`
	Redacted  int64  `db:"redacted"` // how many events are erased
}

const selectHead = `SELECT size, ledger_us, root, origin, public_key, listed,
	(SELECT coalesce(max(number), 0) FROM redactions) AS redacted FROM head WHERE id = 1`

type keptRow struct {
	Position int64  `db:"position"`
	Identity []byte `db:"identity"`
	LedgerUS int64  `db:"ledger_us"`
	Body     string `db:"body"`
}

// writing is what one pool adds to the trail.
type writing struct {
	from       int64 // the head before it
	listed     int64 // how many events the key index lists
	redacted   int64 // how many events are erased
	events     []eventRow
	tiles      []seal.Tile
	size       int64 // the head after it
	ledgerUS   int64
	root       seal.Hash
	checkpoint []byte
}

type eventRow struct {
	position   int64
	identity   events.Identity
	happenedUS int64
	body       string
	keys       []hashedKey // what it is found under
}

type keyRow struct {
	key   events.Key
	hash  int64
	first int64
}

// A postingRow is the positions of one key that are listed together.
type postingRow struct {
	hash   int64
	first  int64
	others []int32 // distances from first, ascending
}

// packed is the row's others as the database takes them, NULL for none: a list
// of numbers between the two brackets.
func (p *postingRow) packed(brackets string) sql.NullString {
	if len(p.others) == 0 {
		return sql.NullString{}
	}
	b := make([]byte, 0, 2+5*len(p.others))
	b = append(b, brackets[0])
	for i, o := range p.others {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(b, int64(o), 10)
	}
	b = append(b, brackets[1])
	return sql.NullString{String: string(b), Valid: true}
}
