package trail

import (
	"cmp"
	"context"
	"crypto/rand"
	"io"
	"log/slog"
	"path/filepath"
	"time"
)

// Names of what a data directory holds.
const (
	DatabaseFile   = "daybook.db"  // the SQLite database
	SigningKeyFile = "signing.key" // the key that checkpoints are signed with
)

// LedgerSource and LedgerWriter mark the events that the ledger writes itself.
const (
	LedgerSource = "daybook:ledger"
	LedgerWriter = "ledger"
)

// Options say which trail to open, and how. Only DataDir is required.
type Options struct {
	// DatabaseURL is a postgres:// URL. Empty means SQLite in DataDir.
	DatabaseURL string

	// DataDir holds the SQLite database and, unless SigningKey says otherwise,
	// the signing key. It is made if missing.
	DataDir string

	// Origin names the log in its checkpoints: a URL without a scheme that
	// nobody else uses. It is fixed by the first start; later it may be left
	// empty, and must be the same where it is given. Default: daybook.local/
	// and 16 random hex digits.
	Origin string

	// SigningKey is the file with the Ed25519 key. It is made on the first
	// start. All servers of one trail need the same. Default: DataDir/signing.key.
	SigningKey string

	// ReadOnly opens an existing trail without key and without appending. It
	// works beside a running server.
	ReadOnly bool

	// Compare is called before an empty database becomes a trail under a key
	// that was there already. If it finds, by [Trail.Compare], that others hold
	// more of that log, the trail is not made.
	Compare func(context.Context, *Trail)

	// NoMigrate refuses to start on a schema that is not up to date instead of
	// bringing it up to date.
	NoMigrate bool

	// AllowOwner accepts a Postgres role that could change or remove events.
	// For trials and tests. SQLite has no roles; there it means nothing.
	AllowOwner bool

	// Clock gives the ledger's time. Default: time.Now.
	Clock func() time.Time

	// Rand gives salts and keys. Default: crypto/rand.Reader.
	Rand io.Reader

	// Logger receives what an operator should know. Default: none.
	Logger *slog.Logger

	// MaxPoolEvents and MaxPoolBytes bound what is written in one transaction,
	// and what waits while one is being written. Callers beyond that wait.
	// Defaults: 4,096 events, 8 MiB.
	MaxPoolEvents int
	MaxPoolBytes  int

	// ListEvery is how many events the key index may lack before they are added
	// to it, together; ListAfter is after which time fewer are. Until then
	// searches look through them, and longer ones hold up one append for longer.
	// Defaults: 2,048 events, 2 s.
	ListEvery int
	ListAfter time.Duration

	// RetryFor is how long an append keeps trying while the database cannot be
	// reached, before its callers get an error. Default: 10 s.
	RetryFor time.Duration

	// Poll is how often Wait looks for what other servers appended.
	// Default: 250 ms.
	Poll time.Duration
}

func (o Options) withDefaults() Options {
	if o.DataDir == "" {
		o.DataDir = "daybook-data"
	}
	if o.SigningKey == "" {
		o.SigningKey = filepath.Join(o.DataDir, SigningKeyFile)
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	o.MaxPoolEvents = cmp.Or(o.MaxPoolEvents, 4096)
	o.MaxPoolBytes = cmp.Or(o.MaxPoolBytes, 8<<20)
	o.ListEvery = cmp.Or(o.ListEvery, 2048)
	o.ListAfter = cmp.Or(o.ListAfter, 2*time.Second)
	o.RetryFor = cmp.Or(o.RetryFor, 10*time.Second)
	o.Poll = cmp.Or(o.Poll, 250*time.Millisecond)
	return o
}
