package main

import (
	"fmt"
	"io"
	"log/slog"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/daybookhq/daybook/events/trail"
)

// successorOptions say where the log that takes over lives.
type successorOptions struct {
	dir, databaseURL, origin, reason string
}

func (o *successorOptions) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&o.dir, "successor", "", "data directory of the log that takes over; must not hold one")
	f.StringVar(&o.databaseURL, "successor-database-url", "", "postgres://… database of the log that takes over; empty is SQLite in its data directory")
	f.StringVar(&o.origin, "successor-origin", "", "name of the log that takes over; default a random one")
	f.StringVar(&o.reason, "reason", "", "why the old log cannot go on, for the record")
}

func (o *successorOptions) check(s settings) error {
	if o.dir == "" {
		if o.databaseURL != "" || o.origin != "" || o.reason != "" {
			return usagef("--successor-database-url, --successor-origin and --reason go with --successor DIR")
		}
		return nil
	}
	if o.reason == "" {
		return usagef("a successor says for ever why the old log could not go on: give --reason")
	}
	if o.databaseURL == "" && s.DatabaseURL != "" {
		return usagef("the log is on Postgres: give the one that takes over an empty database too, with --successor-database-url")
	}
	if o.databaseURL != "" && o.databaseURL == s.DatabaseURL {
		return usagef("--successor-database-url is the database of the old log; give an empty one")
	}
	old, err := filepath.Abs(s.DataDir)
	if err != nil {
		return err
	}
	if next, err := filepath.Abs(o.dir); err != nil || next == old {
		return usagef("--successor takes a directory of its own, not that of the old log")
	}
	return nil
}

// recoveredToNext is the successor, as recover shows it.
type recoveredToNext struct {
	DataDir   string `json:"data_dir"`
	Old       string `json:"old_data_dir"`
	Origin    string `json:"origin,omitempty"`
	PublicKey string `json:"public_key,omitempty"`
	Position  int64  `json:"position"` // of its log.continued
}

func (n *recoveredToNext) lines(done bool) []string {
	if !done {
		return []string{fmt.Sprintf("A successor would be started in %s, and the old log closed.", n.DataDir)}
	}
	return []string{
		fmt.Sprintf("The log goes on as %s in %s; its event #%d names the old one.", n.Origin, n.DataDir, n.Position),
		fmt.Sprintf("  public key  %s", n.PublicKey),
		"  to do       serve it, issue new tokens, give it sinks, witnesses and a broker account of its own, and set its policy again",
		fmt.Sprintf("  the old one stays where it is, for reading: daybook trail list --data-dir %s, daybook verify --data-dir %s", n.Old, n.Old),
	}
}

// succeed starts the successor, or says that it would.
func succeed(cmd *cobra.Command, s settings, r *trail.Recovery, o recoverOptions, out *recovered) error {
	out.Successor = &recoveredToNext{DataDir: o.successor.dir, Old: s.DataDir, Position: 1}
	if !o.apply {
		return nil
	}
	before := out.Plan
	if _, err := r.Plan(cmd.Context(), o.unproved); err != nil { // from what was brought back just now
		return err
	}
	next := s
	next.DataDir, next.DatabaseURL, next.Origin, next.SigningKey = o.successor.dir, o.successor.databaseURL, o.successor.origin, ""
	lock, err := tryLock(next.DataDir, "recover")
	if err != nil {
		return err
	}
	defer lock.release()
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	made, err := r.Succeed(cmd.Context(), trailOptions(next, log), "local/"+accountName(), o.successor.reason)
	if err != nil {
		return err
	}
	out.Plan = before
	out.Successor.Origin, out.Successor.PublicKey, out.Successor.Position = made.Origin, made.PublicKey, made.Position
	return nil
}
