package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"

	"github.com/daybookhq/daybook/events/sink"
	"github.com/daybookhq/daybook/events/trail"
)

// recoverOptions are the flags of recover.
type recoverOptions struct {
	from        []string
	checkpoints []string
	unproved    bool
	apply       bool
	successor   successorOptions
}

func newRecoverCmd() *cobra.Command {
	var o recoverOptions
	cmd := &cobra.Command{
		Use:   "recover",
		Short: "Bring back events that an old backup or a failover lost, or continue without them",
		Long: `A database that was restored from a backup, or that lost what was committed last,
is behind what others hold of the log: its sinks, its witnesses, the stream. A
server on it is read-only. Recover looks for the recorded events that are missing
and appends them again, byte for byte, each at its place with its time and salt.
Nothing is written before all of it leads to a checkpoint that the log signed.

Where to look (--from, repeatable; the stream where none is given):
  stream            what the broker still holds of what it was told
  DIR               another data directory, or a log as files (export --tiles)
  postgres://…      another copy of the database
  FILE              a bundle (daybook export), or one recorded event a line
The held checkpoints come from there, from --checkpoint-sink and
--witness-policy as the server has them, and from --checkpoint.

It only shows what it would do, until --apply is given. Stop all servers on the
database first, or leave them read-only on Postgres, where they find out by
themselves that it is whole again. It may be stopped at any moment and run again.

Where events are lost for good, --successor DIR starts the log that takes over: a
new trail in a new data directory, with a key and an origin of its own, whose
first event names the last checkpoint of the old log that anybody holds. The old
one keeps what is left, is closed, and can be read and verified where it is.`,
		Example: `  daybook recover
  daybook recover --apply --checkpoint-sink /mnt/elsewhere/checkpoint
  daybook recover --from /backup/newer --from inc-7.daybook --apply
  daybook recover --successor /var/lib/daybook-2 --reason 'disk lost, #4096 to #4102 are nowhere' --apply`,
		Args: arguments(0, 0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error { return recoverTrail(cmd, o) },
	}
	f := cmd.Flags()
	f.StringArrayVar(&o.from, "from", nil, "where to look: stream, a directory, a postgres:// URL or a file (repeatable; default stream)")
	f.StringArrayVar(&o.checkpoints, "checkpoint", nil, "file or directory with signed checkpoints that were kept elsewhere (repeatable)")
	f.BoolVar(&o.unproved, "unproved", false, "also bring back what goes on beyond the last held checkpoint, though nothing proves it")
	f.BoolVar(&o.apply, "apply", false, "do it; without this nothing is changed")
	o.successor.flags(cmd)
	return cmd
}

// A recovered is what recover says about it.
type recovered struct {
	trail.Plan
	Sources    []recoverSource  `json:"sources"`
	Claims     []recoverClaim   `json:"claims,omitempty"` // sizes without a checkpoint that shows them
	Warnings   []string         `json:"warnings,omitempty"`
	Applied    bool             `json:"applied"`
	Afterwards []string         `json:"afterwards,omitempty"` // what is left to do
	Successor  *recoveredToNext `json:"successor,omitempty"`
}

type recoverSource struct {
	Name    string `json:"name"`
	Found   int64  `json:"found"`
	Strange int64  `json:"strange,omitempty"` // what could not be of this log
}

type recoverClaim struct {
	Who  string `json:"who"`
	Size int64  `json:"size"`
}

func recoverTrail(cmd *cobra.Command, o recoverOptions) (err error) {
	ctx, s := cmd.Context(), settingsOf(cmd)
	if s.Server != "" {
		return usagef("recover works on a database, not through a server; leave --server out")
	}
	if err := o.successor.check(s); err != nil {
		return err
	}
	if err := recoverable(s); err != nil {
		return err
	}
	lock, err := waitLock(ctx, s.DataDir, "recover", patience)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.release()) }()
	log := slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	r, err := trail.OpenRecovery(ctx, trailOptions(s, log))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	var out recovered
	if err := gatherHeld(ctx, s, r, o, &out); err != nil {
		return err
	}
	if err := gatherTails(cmd, s, r, o, &out); err != nil {
		return err
	}
	if out.Plan, err = r.Plan(ctx, o.unproved); err != nil {
		return err
	}
	if o.successor.dir != "" && out.whole() && out.Reach > out.Size {
		return usagef("nothing is lost for good: recover without --successor, which brings back all of it")
	}
	if o.apply && out.Reach > out.Size {
		bar := recoverBar(cmd, "bringing back")
		err := r.Apply(ctx, func(done, total int64) { bar.ChangeMax64(total); bar.Set64(done) })
		bar.Finish()
		if err != nil {
			return err
		}
		out.Applied = true
	}
	if o.apply && out.Reach > 0 {
		if out.Afterwards, err = afterRecovery(ctx, r.Trail()); err != nil {
			return fmt.Errorf("the events are there, but not all that follows from them was done, run this again: %w", err)
		}
	}
	if o.successor.dir != "" {
		if err := succeed(cmd, s, r, o, &out); err != nil {
			return err
		}
	}
	if s.JSON {
		err = printJSON(cmd.OutOrStdout(), out)
	} else {
		err = out.print(cmd.OutOrStdout(), o)
	}
	if err == nil && !out.whole() && out.Successor == nil {
		err = errors.New("not everything can be brought back from there; look elsewhere with --from, or continue without it with --successor")
	}
	return err
}

// recoverable refuses a directory in which there is nothing of a log.
func recoverable(s settings) error {
	key := s.SigningKey
	if key == "" {
		key = filepath.Join(s.DataDir, trail.SigningKeyFile)
	}
	if _, err := os.Stat(key); err == nil {
		return nil
	}
	return s.exists()
}

// whole reports whether nothing that is known of is missing in the end.
func (r *recovered) whole() bool {
	for _, c := range r.Claims {
		if c.Size > r.Reach {
			return false
		}
	}
	return r.Plan.Whole()
}

// gatherHeld collects the checkpoints that are held elsewhere. Who does not
// answer is named, since they may hold a larger one.
func gatherHeld(ctx context.Context, s settings, r *trail.Recovery, o recoverOptions, out *recovered) error {
	warn := func(format string, args ...any) { out.Warnings = append(out.Warnings, fmt.Sprintf(format, args...)) }
	saved, err := savedElsewhere(o.checkpoints)
	if err != nil {
		return err
	}
	for _, c := range saved {
		if err := r.Hold(ctx, c.From, c.Note); err != nil {
			return err
		}
	}
	held, err := holders(s, r.Trail(), nil)
	if err != nil {
		return err
	}
	for _, h := range held {
		asking, cancel := context.WithTimeout(ctx, 10*time.Second)
		note, size, err := h.Latest(asking, r.Trail().Origin())
		cancel()
		switch {
		case errors.Is(err, sink.ErrNone), errors.Is(err, sink.ErrWriteOnly):
		case err != nil:
			warn("%s does not answer, and may hold more: %v", h.Name(), err)
		case note == nil:
			out.Claims = append(out.Claims, recoverClaim{h.Name(), size})
		default:
			if err := r.Hold(ctx, h.Name(), note); err != nil {
				warn("%v", err)
			}
		}
	}
	return nil
}

// recoverBar shows progress where a person is looking.
func recoverBar(cmd *cobra.Command, what string) *progressbar.ProgressBar {
	w := cmd.ErrOrStderr()
	visible := isTerminal(w) && !settingsOf(cmd).JSON
	return progressbar.NewOptions64(-1,
		progressbar.OptionSetWriter(w),
		progressbar.OptionSetDescription(shorten(clean(what), 40)),
		progressbar.OptionShowCount(),
		progressbar.OptionThrottle(100e6),
		progressbar.OptionClearOnFinish(),
		progressbar.OptionSetVisibility(visible),
	)
}

// print says it to people.
func (r *recovered) print(out io.Writer, o recoverOptions) error {
	var b strings.Builder
	say := func(format string, args ...any) { fmt.Fprintln(&b, clean(fmt.Sprintf(format, args...))) }
	say("log       %s", r.Origin)
	say("database  %d events", r.Size)
	if r.Held > 0 {
		say("held      a checkpoint of %d, by %s", r.Held, r.HeldBy)
	} else {
		say("held      no checkpoint of more than that is known")
	}
	for _, c := range r.Claims {
		say("claimed   %d, by %s, who shows no checkpoint", c.Size, c.Who)
	}
	for _, s := range r.Sources {
		line := fmt.Sprintf("found     %d events in %s", s.Found, s.Name)
		if s.Strange > 0 {
			line += fmt.Sprintf(", besides %d things that are not of this log", s.Strange)
		}
		say("%s", line)
	}
	for _, w := range r.Warnings {
		say("warning   %s", w)
	}
	b.WriteString("\n")
	for _, line := range r.conclusion(o) {
		say("%s", line)
	}
	for _, line := range r.Afterwards {
		say("  - %s", line)
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// conclusion says what can be done, or was.
func (r *recovered) conclusion(o recoverOptions) (lines []string) {
	say := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	switch {
	case r.Forked > r.Size:
		say("NOTHING CAN BE BROUGHT BACK: %s checkpoints of %d events, both signed with the log's key.", r.ForkedBy, r.Forked)
	case r.Forked > 0:
		say("NOTHING CAN BE BROUGHT BACK: the database holds another history than %s: the checkpoint of %d events that they hold is not of what it holds.", r.ForkedBy, r.Forked)
	case r.Differs == 0:
		say("NOTHING CAN BE BROUGHT BACK: the database holds another event at #0: it was begun anew in place of the lost one. Move it away (keep the signing key) and recover into an empty one.")
	case r.Differs > 0:
		say("NOTHING CAN BE BROUGHT BACK: the database holds another event at #%d. It was written to after it was restored; restore a backup from before that, or continue without.", r.Differs)
	case r.Wrong > 0:
		say("What was found does not lead from the database to the checkpoint of %d: something of it is not as it was recorded, or the database was written to after it was restored.", r.Wrong)
	case r.Lacking > 0:
		say("%d events are nowhere in these places, from #%d on: %s.", r.Lacking, r.Missing[0].First, ranges(r.Missing))
	case r.Reach == r.Size && r.Held <= r.Size && r.whole():
		say("Nothing is known to be missing.")
	}
	if n := r.Reach - r.Size; n > 0 {
		how := "byte for byte, as the checkpoint that the log signed proves"
		if r.Reach == r.Unproved {
			how = "though nothing proves those after the last held checkpoint"
		}
		if r.Applied {
			say("%d events are back, #%d to #%d, %s.", n, r.Size, r.Reach-1, how)
		} else {
			say("%d events can be brought back, #%d to #%d, %s.", n, r.Size, r.Reach-1, how)
		}
	}
	if r.Unproved > r.Reach {
		say("%d more were found, up to #%d, that no checkpoint proves; --unproved takes them too.", r.Unproved-r.Reach, r.Unproved-1)
	}
	if r.Successor != nil {
		lines = append(lines, r.Successor.lines(r.Applied || o.apply)...)
	}
	if !o.apply && (r.Reach > r.Size || r.Successor != nil) {
		say("Nothing was changed; give --apply to do it.")
	}
	return lines
}

func ranges(list []trail.Range) string {
	parts := make([]string, len(list))
	for i, r := range list {
		parts[i] = fmt.Sprintf("#%d to #%d", r.First, r.Last)
		if r.First == r.Last {
			parts[i] = fmt.Sprintf("#%d", r.First)
		}
	}
	return strings.Join(parts, ", ")
}
