package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"os"
	"runtime"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/daybookhq/daybook/events/trail"
)

// A benchmark measures on a ledger of its own, made for it and thrown away.
type benchmark struct {
	settings settings
	out      io.Writer
	duration time.Duration // of each measurement
	events   int64         // in the trails that are made to be read
	dir      string        // where the temporary directories are made
	trail    string        // data directory of a trail to read, instead of making one
}

// A measure is one line of what a benchmark prints. Figures that a measurement
// does not have are absent, never zero.
type measure struct {
	What      string   `json:"what"`
	Database  string   `json:"database"`
	Events    int64    `json:"events,omitempty"`
	Seconds   float64  `json:"seconds"`
	PerSecond *float64 `json:"per_second,omitempty"`
	Raw       *float64 `json:"raw_per_second,omitempty"` // the limit, measured in the same process
	RawWhat   string   `json:"raw_what,omitempty"`
	Ratio     *float64 `json:"ratio,omitempty"` // ours of the raw limit
	P50       *float64 `json:"p50_ms,omitempty"`
	P90       *float64 `json:"p90_ms,omitempty"`
	P99       *float64 `json:"p99_ms,omitempty"`
	Max       *float64 `json:"max_ms,omitempty"`
	Note      string   `json:"note,omitempty"`
}

func newBenchCmd() *cobra.Command {
	b := &benchmark{}
	command := func(name, short, long, example string, run func(*benchmark, context.Context) error) *cobra.Command {
		return &cobra.Command{
			Use: name, Short: short, Long: long, Example: example,
			Args: arguments(0, 0, "no arguments"),
			RunE: func(cmd *cobra.Command, _ []string) error {
				b.settings, b.out = settingsOf(cmd), cmd.OutOrStdout()
				if b.settings.Server != "" {
					return usagef("bench measures on a ledger of its own; leave --server out")
				}
				if b.duration <= 0 || b.events < 1 {
					return usagef("--duration and --events must be more than nothing")
				}
				return run(b, cmd.Context())
			},
		}
	}
	reading := func(c *cobra.Command) *cobra.Command {
		c.Flags().StringVar(&b.trail, "trail", "", "data directory with a trail to read, instead of making one; --database-url, if any, goes with it")
		return c
	}
	c := group(&cobra.Command{
		Use:   "bench",
		Short: "Measure how fast this machine records and reads, and how fast it could",
		Long: `Bench makes a ledger in a temporary directory (or a database of its own on the
Postgres of --database-url), measures, and removes it. Beside each figure stands
the raw limit: the same bytes stored by the plainest means of the same database
with the same durability, without keys, hashes or checks. It passes and fails
nothing; figures of different machines, or of a busy one, say little together.`,
		Example: `  daybook bench append
  daybook bench verify --events 1000000 --json`,
	},
		command("append", "Record events in process, from many callers",
			`Append records events of about 600 bytes with an actor and four keys. A caller
gets its answer when they are durable and under a signed checkpoint. The raw
limit inserts the same bytes in transactions of the same mean size. Two of the
loads are run without sealing as well, to tell what that costs.`,
			"  daybook bench append\n  daybook bench append --database-url 'postgres://postgres@localhost/postgres?sslmode=disable' --duration 10s --json",
			(*benchmark).append),
		command("http", "Record events over HTTP, client on the same machine",
			`HTTP sends events to the API over loopback: checked, stored, answered with
receipts. Stream and projections do not run. The raw limit is the same server
library reading the same requests and storing nothing.`,
			"  daybook bench http --duration 10s", (*benchmark).http),
		command("projections", "Post a whole trail to all read models, from position 0",
			"Projections fills a trail and posts it. The raw limit reads the same rows and does nothing.",
			"  daybook bench projections --events 1000000", (*benchmark).projections),
		command("report", "Render the postmortem of a story of 1,000 events in a large trail",
			"Report fills a trail, lets the read models catch up, and renders one document again and again. There is no raw limit to hold it against.",
			"  daybook bench report --events 1000000", (*benchmark).report),
		command("start", "Start a server on a large trail, until it is ready",
			"Start fills a trail and runs `daybook serve` on it, until /readyz says yes; it prints the server's memory then (Linux only).",
			"  daybook bench start --events 1000000", (*benchmark).start),
		reading(command("verify", "Verify a whole trail",
			`Verify fills a trail, or takes the one in --trail, and verifies it: all of it, and
what is sealed alone. The raw limit reads the same bytes and hashes them. It also
says how much memory that took, for a tenth of the events and for all.`,
			"  daybook bench verify --events 1000000\n  daybook bench verify --trail daybook-data", (*benchmark).verify)),
		reading(command("prove", "Prove single events of a large trail",
			`Prove fills a trail, or takes the one in --trail, and makes inclusion proofs of
its events for the newest tree. There is no raw limit to hold it against.`,
			"  daybook bench prove --events 1000000", (*benchmark).prove)),
	)
	f := c.PersistentFlags()
	f.DurationVar(&b.duration, "duration", 5*time.Second, "how long each measurement takes")
	f.Int64Var(&b.events, "events", 200_000, "size of the trails that are made to be read")
	f.StringVar(&b.dir, "dir", os.TempDir(), "where temporary directories are made: the disk that is measured")
	return c
}

// fresh returns the settings of a new, empty ledger, and what removes it.
func (b *benchmark) fresh(ctx context.Context) (settings, func() error, error) {
	dir, err := os.MkdirTemp(b.dir, "daybook-bench-")
	if err != nil {
		return settings{}, nil, err
	}
	s := settings{DataDir: dir, Listen: "127.0.0.1:0", Origin: "bench.daybook.local/" + strconv.Itoa(os.Getpid())}
	remove := func() error { return os.RemoveAll(dir) }
	if b.settings.DatabaseURL == "" {
		return s, remove, nil
	}
	drop, err := b.freshDatabase(ctx, &s)
	if err != nil {
		return settings{}, nil, errors.Join(err, remove())
	}
	return s, func() error { return errors.Join(drop(), remove()) }, nil
}

// freshDatabase makes a database of its own, so that nothing in the given one
// is touched.
func (b *benchmark) freshDatabase(ctx context.Context, s *settings) (drop func() error, err error) {
	if err := trail.CheckDatabaseURL(b.settings.DatabaseURL); err != nil {
		return nil, usagef("%w", err) // url.Parse's own would tell the password
	}
	u, err := url.Parse(b.settings.DatabaseURL)
	if err != nil {
		return nil, err
	}
	db, err := sql.Open("postgres", b.settings.DatabaseURL)
	if err != nil {
		return nil, err
	}
	name := fmt.Sprintf("daybook_bench_%d_%d", os.Getpid(), time.Now().UnixNano())
	if _, err := db.ExecContext(ctx, `CREATE DATABASE `+name+` ENCODING 'UTF8' TEMPLATE template0`); err != nil {
		db.Close()
		return nil, fmt.Errorf("making a database to measure in: %w; give a role that may", err)
	}
	u.Path = "/" + name
	s.DatabaseURL, s.AllowOwner = u.String(), true
	return func() error {
		defer db.Close()
		_, err := db.Exec(`DROP DATABASE ` + name + ` WITH (FORCE)`)
		return err
	}, nil
}

// with runs f on a fresh ledger that it may open.
func (b *benchmark) with(ctx context.Context, f func(settings) error) (err error) {
	s, remove, err := b.fresh(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, remove()) }()
	return f(s)
}

// ledger runs f on a fresh, open ledger.
func (b *benchmark) ledger(ctx context.Context, f func(*ledger) error) error {
	return b.with(ctx, func(s settings) (err error) {
		l, err := openLedger(ctx, s, "bench", slog.New(slog.DiscardHandler))
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, l.Close()) }()
		return f(l)
	})
}

func (b *benchmark) database() string {
	if b.settings.DatabaseURL != "" {
		return "postgres"
	}
	return "sqlite"
}

func (b *benchmark) print(measures []measure) error {
	if b.settings.JSON {
		return printJSON(b.out, map[string]any{"processors": runtime.GOMAXPROCS(0), "measures": measures})
	}
	number := func(format string, v *float64) string {
		if v == nil {
			return "-"
		}
		return fmt.Sprintf(format, *v)
	}
	milliseconds := func(v *float64) string {
		if v != nil && *v < 1 {
			return number("%.4f", v) // some take microseconds
		}
		return number("%.1f", v)
	}
	rows := make([][]string, len(measures))
	for i, m := range measures {
		rows[i] = []string{m.What, m.Database, number("%.0f", m.PerSecond), number("%.0f", m.Raw), number("%.2f", m.Ratio),
			milliseconds(m.P50), milliseconds(m.P90), milliseconds(m.P99), milliseconds(m.Max)}
	}
	if err := table(b.out, []string{"WHAT", "DATABASE", "PER SECOND", "RAW LIMIT", "RATIO", "P50 MS", "P90 MS", "P99 MS", "MAX MS"}, rows); err != nil {
		return err
	}
	var said []string
	for _, m := range measures {
		for _, text := range []string{m.RawWhat, m.Note} {
			if text != "" && !slices.Contains(said, text) {
				said = append(said, text)
				if _, err := fmt.Fprintf(b.out, "%s\n", text); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// percentiles fills in how long single calls took.
func (m *measure) percentiles(took []time.Duration) {
	if len(took) == 0 {
		return
	}
	slices.Sort(took)
	at := func(q float64) *float64 {
		return new(float64(took[min(int(q*float64(len(took))), len(took)-1)].Nanoseconds()) / 1e6)
	}
	m.P50, m.P90, m.P99, m.Max = at(0.50), at(0.90), at(0.99), at(1)
}

func (m *measure) limit(perSecond float64, what string) {
	m.Raw, m.RawWhat = &perSecond, what
	if m.PerSecond != nil && perSecond > 0 {
		m.Ratio = new(*m.PerSecond / perSecond)
	}
}
