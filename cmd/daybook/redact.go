package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/events/client"
	"github.com/daybookhq/daybook/events/stream"
	"github.com/daybookhq/daybook/events/trail"
)

func newRedactCmd() *cobra.Command {
	var ask trail.Redaction
	var yes bool
	cmd := &cobra.Command{
		Use:   "redact POSITION…",
		Short: "Erase the content of events for good; their places and hashes stay",
		Long: `Redact takes away what events say, as when a name must not be kept. It first
records a redaction.applied for each, with its position, its hash, the basis and
who did it, then erases the bytes and everything that was made of them: the key
index, the read models, the message in the stream. The place stays and is proved
as before; verify says "place proved, content erased". If it is cut off in
between, the same command goes on where it was.

It is for the owner of the database, not for the service: on Postgres give the URL
of the role that owns the tables; with a data directory, stop the server first.

Copies elsewhere are not reached: backups, exports, what consumers were told,
Postgres's own write-ahead log and replicas. What else is known of them is printed
when it is done. #0, redactions and changes of the key cannot be erased, since
everything else is read by them.`,
		Example: `  daybook redact 318 --basis 'erasure request of 2026-03-02, GDPR article 17'
  daybook redact 318 319 --basis 'GDPR article 17' --actor dpo-1 --yes
  daybook redact 318 --basis '…' --database-url postgres://daybook_owner@db/daybook`,
		Args: arguments(1, -1, "one POSITION or more"),
		RunE: func(cmd *cobra.Command, args []string) error {
			var err error
			if ask.Positions, err = positionsOf(args); err != nil {
				return err
			}
			if ask.Basis = strings.TrimSpace(ask.Basis); ask.Basis == "" {
				return usagef("--basis says why the content has to go; it is recorded")
			}
			ask.Actor = cmp.Or(ask.Actor, local(accountName()).Name)
			return redact(cmd, ask, yes)
		},
	}
	f := cmd.Flags()
	f.StringVar(&ask.Basis, "basis", "", "the legal basis; it is recorded, so name nobody in it")
	f.StringVar(&ask.Actor, "actor", "", "who erases; default the account this runs as")
	f.BoolVar(&ask.Unlinked, "unlinked", false, "do not name in the record the incident, emergency, rollout or drill that the event belonged to")
	f.BoolVar(&yes, "yes", false, "do not ask")
	return cmd
}

// positionsOf reads positions as people write them.
func positionsOf(args []string) (list []int64, err error) {
	for _, a := range args {
		n, err := strconv.ParseInt(strings.TrimPrefix(a, "#"), 10, 64)
		if err != nil || n < 0 {
			return nil, usagef("%q is no position; positions are 0, 1, 2 …", a)
		}
		list = append(list, n)
	}
	return list, nil
}

func redact(cmd *cobra.Command, ask trail.Redaction, yes bool) (err error) {
	s := settingsOf(cmd)
	if s.Server != "" {
		return usagef("redact works on the database, as its owner, and not through a server; leave --server out")
	}
	if err := s.exists(); err != nil {
		return err
	}
	r, err := openRedaction(cmd.Context(), s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	plan, err := r.trail.PlanRedaction(cmd.Context(), ask)
	if err != nil {
		return err
	}
	if !s.JSON {
		tellPlan(cmd.ErrOrStderr(), plan, ask)
	}
	if !yes && !confirmed(cmd) {
		return errors.New("nothing was erased; give --yes, or answer yes")
	}
	done, err := r.trail.Redact(cmd.Context(), ask)
	if err != nil {
		return err
	}
	after, err := r.afterwards(cmd.Context(), done)
	if err != nil {
		return err
	}
	if s.JSON {
		return printJSON(cmd.OutOrStdout(), redactedJSON(done, after))
	}
	return tellDone(cmd.OutOrStdout(), done, after)
}

// confirmed asks a person, and takes nothing but yes for it.
func confirmed(cmd *cobra.Command) bool {
	fmt.Fprint(cmd.ErrOrStderr(), "Erase for good? Type yes: ")
	line, _ := bufio.NewReader(cmd.InOrStdin()).ReadString('\n')
	return strings.TrimSpace(line) == "yes"
}

func tellPlan(w io.Writer, plan []trail.Redacted, ask trail.Redaction) {
	for _, p := range plan {
		switch {
		case p.Erased:
			fmt.Fprintf(w, "#%d was erased already, by #%d\n", p.Position, p.By)
			continue
		case p.By >= 0:
			fmt.Fprintf(w, "#%d %s: announced by #%d and not erased yet\n", p.Position, clean(events.ShortType(p.Type)), p.By)
		default:
			fmt.Fprintf(w, "#%d %s: to be erased, basis: %s\n", p.Position, clean(events.ShortType(p.Type)), clean(ask.Basis))
		}
		if len(p.Linked) > 0 && p.By < 0 {
			fmt.Fprintf(w, "  the record of it will name %s (--unlinked leaves that out)\n", keyList(p.Linked))
		}
		if len(p.Naming) > 0 {
			fmt.Fprintf(w, "  these say something of it and may have to be erased too: %s\n", positionNames(p.Naming))
		}
	}
}

func keyList(keys []events.Key) string {
	names := make([]string, len(keys))
	for i, k := range keys {
		names[i] = clean(k.String())
	}
	return strings.Join(names, ", ")
}

func positionNames(positions []int64) string {
	names := make([]string, len(positions))
	for i, p := range positions {
		names[i] = "#" + strconv.FormatInt(p, 10)
	}
	return strings.Join(names, ", ")
}

// A redaction is a database opened for erasing.
type redaction struct {
	settings settings
	ledger   *ledger // of a data directory, with its read models
	lock     *dirLock
	trail    *trail.Trail
}

// openRedaction opens the database as its owner. With a data directory nobody
// else may have it open: a server keeps in memory, and in its stream, what is to
// go, and would hold free pages of the file.
func openRedaction(ctx context.Context, s settings) (*redaction, error) {
	log := slog.New(slog.DiscardHandler)
	r := &redaction{settings: s}
	if s.DatabaseURL == "" {
		l, err := openLedger(ctx, s, "redact", log)
		if held, ok := errors.AsType[*errHeld](err); ok && held.by.Command == "serve" {
			return nil, fmt.Errorf("daybook serve (process %d) has %s open; stop it, erase, and start it again: what it holds in memory and in the file's free pages cannot be erased beside it", held.by.PID, s.DataDir)
		}
		if err != nil {
			return nil, err
		}
		r.ledger, r.trail = l, l.trail
	} else {
		o := trailOptions(s, log)
		o.AllowOwner, o.NoMigrate = true, true
		t, err := trail.Open(ctx, o)
		if err != nil {
			return nil, err
		}
		r.trail = t
	}
	// It appends, which a trail that is behind must not.
	if err := compareNow(ctx, r.trail, s, log); err != nil {
		return nil, errors.Join(err, r.close())
	}
	return r, nil
}

func (r *redaction) close() error {
	if r.ledger != nil {
		return r.ledger.Close()
	}
	return r.trail.Close()
}

// aftermath is what was done besides the trail itself.
type aftermath struct {
	Messages  int      `json:"messages"` // deleted from the stream
	Rebuilt   bool     `json:"read_models_rebuilt"`
	Cleaned   bool     `json:"file_cleaned"`
	NotErased []string `json:"not_erased"` // what this could not reach, and what to do about it
}

// afterwards erases what was made from the trail.
func (r *redaction) afterwards(ctx context.Context, done []trail.Redacted) (a aftermath, err error) {
	leaves := make([][32]byte, len(done))
	for i, d := range done {
		leaves[i] = d.Leaf
	}
	if r.ledger == nil {
		a.NotErased = append(a.NotErased,
			"read models: each server empties and rebuilds its own within seconds; where none runs, when one starts",
			"Postgres keeps old row versions until they are vacuumed: run VACUUM FULL events, keys, postings when the servers can wait for it; its write-ahead log, archives of it and replicas keep them longer")
	} else {
		if err := r.ledger.runner.CatchUp(ctx, 1); err != nil {
			return a, fmt.Errorf("the events are erased, but not what the read models hold; run it again: %w", err)
		}
		a.Rebuilt = true
	}
	if r.ledger != nil || r.settings.NATSURL != "" {
		o := stream.BrokerOptions{NATSURL: r.settings.NATSURL, Dir: stream.EmbeddedDir(r.settings.DataDir), Origin: r.trail.Origin(), Logger: slog.New(slog.DiscardHandler)}
		if a.Messages, err = stream.Purge(ctx, o, leaves); err != nil {
			a.NotErased = append(a.NotErased, fmt.Sprintf("the stream: %v; the server deletes the messages when it next tells the stream of the redaction", err))
		}
	} else {
		a.NotErased = append(a.NotErased, "the stream: the server that tells it deletes the messages when it tells of the redaction")
	}
	if r.ledger != nil {
		if err := r.trail.Wipe(ctx); err != nil {
			return a, fmt.Errorf("the events are erased, but traces may be left in the database file's free pages; run it again: %w", err)
		}
		a.Cleaned = true
	}
	a.NotErased = append(a.NotErased,
		"other events that repeat what these said: look for it with `daybook trail list --text`",
		"backups and snapshots of the database, and what a disk keeps of blocks that were overwritten",
		"exports, proof files and documents that were given out, and what consumers and webhooks were told",
		"entry bundles of the log's tiles that somebody fetched or cached",
		"the identity of source and id, a hash, which stays so that the event is not recorded again")
	return a, nil
}

func tellDone(w io.Writer, done []trail.Redacted, a aftermath) error {
	var b strings.Builder
	for _, d := range done {
		if d.Erased {
			fmt.Fprintf(&b, "#%d was erased already, by #%d\n", d.Position, d.By)
			continue
		}
		fmt.Fprintf(&b, "#%d is erased, as #%d says; its leaf hash %s stays\n", d.Position, d.By, client.Hash(d.Leaf))
		if len(d.Gone) > 0 {
			fmt.Fprintf(&b, "  with it %d %s that no other event has\n", len(d.Gone), plural(len(d.Gone), "key", "keys"))
		}
		if len(d.Naming) > 0 {
			fmt.Fprintf(&b, "  still there, and saying something of it: %s\n", positionNames(d.Naming))
		}
	}
	if a.Rebuilt {
		fmt.Fprintln(&b, "the read models were emptied and are built anew")
	}
	if a.Messages > 0 {
		fmt.Fprintf(&b, "%d %s deleted from the stream\n", a.Messages, plural(a.Messages, "message was", "messages were"))
	}
	if a.Cleaned {
		fmt.Fprintln(&b, "the database file was written anew without its free pages")
	}
	fmt.Fprintln(&b, "Not erased:")
	for _, n := range a.NotErased {
		fmt.Fprintf(&b, "  - %s\n", clean(n))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

func redactedJSON(done []trail.Redacted, a aftermath) any {
	type erased struct {
		Position int64    `json:"position"`
		LeafHash string   `json:"leaf_hash"` // hex
		By       int64    `json:"by"`
		Already  bool     `json:"already"`
		Linked   []string `json:"linked,omitempty"`
		Naming   []int64  `json:"naming,omitempty"`
	}
	out := struct {
		Erased []erased `json:"erased"`
		aftermath
	}{aftermath: a}
	for _, d := range done {
		e := erased{Position: d.Position, LeafHash: hex.EncodeToString(d.Leaf[:]), By: d.By, Already: d.Erased, Naming: d.Naming}
		for _, k := range d.Linked {
			e.Linked = append(e.Linked, k.String())
		}
		out.Erased = append(out.Erased, e)
	}
	return out
}

// erasedText says why an event's content is not there.
func erasedText(e *events.Recorded) string {
	return fmt.Sprintf("content erased on %s by #%d, basis: %s", e.Erased.At.UTC().Format("2006-01-02"), e.Erased.By, e.Erased.Basis)
}

func showErased(w io.Writer, e *events.Recorded) error {
	fmt.Fprintln(w, paint(w, bold, fmt.Sprintf("#%d erased", e.Position)))
	fmt.Fprintf(w, "  %-11s %s\n", "recorded", e.LedgerTime.Format(events.LedgerTimeFormat))
	fmt.Fprintf(w, "  %-11s %s\n", "why", clean(erasedText(e)))
	_, err := fmt.Fprintf(w, "  %-11s %s\n", "leaf hash", client.Hash(e.Erased.Leaf))
	return err
}
