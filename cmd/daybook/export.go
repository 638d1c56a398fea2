package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/events/bundle"
	"github.com/daybookhq/daybook/events/client"
)

func newExportCmd() *cobra.Command {
	var s search
	var story, out, tiles string
	cmd := &cobra.Command{
		Use:   "export [key=value …]",
		Short: "Write events into a file that proves itself, for whoever trusts neither you nor the server",
		Long: `Export writes a bundle: one text file with the events that fit all filters, or
with a story, each as it was recorded and with the proof that it is in the log,
what corrects or retracts them, what was asked for and what the file covers. It
says itself how to check it by hand; daybook verify FILE checks all of it.

That it was made is an event of the trail (export.created), with the digest of
what was given out. Exporting needs the role auditor or admin.

With --tiles it writes instead the whole log as static files (checkpoint and
tile/…, C2SP tlog-tiles), which any web server can serve and tools that know
nothing of daybook can audit. The next time, it adds what is new.`,
		Example: `  daybook export incident=INC-7 -o inc-7.daybook
  daybook export --story incident/INC-7 --as-of 2026-04-01 -o inc-7.daybook
  daybook export --type 'emergency.*' --from 2026-03-01 --to 2026-04-01 -o march.daybook
  daybook export -o everything.daybook --json
  daybook export --tiles /var/www/log`,
		Args: arguments(0, -1, "key=value pairs"),
		RunE: func(cmd *cobra.Command, args []string) error {
			q, err := s.query(args)
			if err != nil {
				return err
			}
			if tiles != "" {
				if len(q) > 0 || story != "" || out != "" {
					return usagef("--tiles takes the whole log: leave out what narrows it, and -o")
				}
				return exportTiles(cmd, tiles)
			}
			if story != "" {
				kind, key, ok := strings.Cut(story, "/")
				if !ok || key == "" || !events.Kind(kind).IsCorrelation() {
					return usagef("--story: %q is not KIND/KEY, as in incident/INC-7 (kinds: %s)", story, kindNames())
				}
				q.Set("story", story)
			}
			if out == "" && settingsOf(cmd).JSON {
				return usagef("--json says what was exported, so the bundle itself has to go elsewhere: give -o FILE")
			}
			if _, err := os.Lstat(out); out != "" && !errors.Is(err, fs.ErrNotExist) {
				return usagef("%s is there already; an export never replaces one, name another file", out)
			}
			return with(cmd, true, func(ctx context.Context, c *session) error {
				return exportBundle(ctx, cmd, c, q, out)
			})
		},
	}
	s.filters(cmd)
	f := cmd.Flags()
	f.StringVar(&story, "story", "", "everything that belongs to one KIND/KEY, as in incident/INC-7")
	f.StringVarP(&out, "output", "o", "", "file to write; default standard output")
	f.StringVar(&tiles, "tiles", "", "directory to write the whole log to, as static files")
	return cmd
}

// exportBundle has a bundle made and checks it as it comes in: what does not
// hold is not kept.
func exportBundle(ctx context.Context, cmd *cobra.Command, c *session, q url.Values, out string) error {
	resp, err := c.Do(ctx, client.Request{Path: "/v1/export", Query: q, Accept: client.TypeBundle})
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if out == "" {
		_, err := checkedCopy(cmd, cmd.OutOrStdout(), resp.Body)
		return err
	}
	var report bundle.Report
	err = writeNew(out, func(w io.Writer) error {
		report, err = checkedCopy(cmd, w, resp.Body)
		return err
	})
	if err != nil {
		return err
	}
	if settingsOf(cmd).JSON {
		return printJSON(cmd.OutOrStdout(), map[string]any{
			"file": out, "asked": report.Asked, "size": report.Coverage.Size, "root": report.Coverage.Root,
			"events": report.Coverage.Events, "coverage": report.Coverage, "receipt": report.Receipt,
			"origin": report.Origin, "public_key": report.PublicKey,
		})
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: %s of the first %d, written down as #%d; asked for: %s\n",
		clean(out), many(report.Coverage.Events, "event"), report.Coverage.Size, report.Receipt.Position, clean(report.Asked))
	return err
}

// checkedCopy copies a bundle and checks that it holds by its own key.
func checkedCopy(cmd *cobra.Command, w io.Writer, r io.Reader) (bundle.Report, error) {
	bar := exportBar(cmd)
	defer bar.Finish()
	report, err := bundle.Verify(io.TeeReader(r, w), bundle.VerifyOptions{Progress: func(position, size int64) {
		bar.ChangeMax64(size)
		bar.Set64(position)
	}})
	var fault *bundle.Fault
	if errors.As(err, &fault) {
		return report, fmt.Errorf("the server broke off, or sent what does not hold (%w); run daybook verify there", fault)
	}
	return report, err
}

// writeNew makes a file that is there whole or not at all, and replaces none.
func writeNew(name string, write func(io.Writer) error) (err error) {
	f, err := os.CreateTemp(filepath.Dir(name), ".export-*") // mode 0600
	if err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	defer func() {
		f.Close()
		os.Remove(f.Name())
	}()
	if err := write(f); err != nil {
		return err
	}
	if err = f.Sync(); err == nil {
		err = os.Link(f.Name(), name) // fails where one exists, unlike a rename
	}
	if err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	return nil
}

// exportBar shows progress where a person is looking.
func exportBar(cmd *cobra.Command) *progressbar.ProgressBar {
	w := cmd.ErrOrStderr()
	return progressbar.NewOptions64(-1,
		progressbar.OptionSetWriter(w),
		progressbar.OptionSetDescription("exporting"),
		progressbar.OptionShowCount(),
		progressbar.OptionThrottle(100e6),
		progressbar.OptionClearOnFinish(),
		progressbar.OptionSetVisibility(isTerminal(w) && !settingsOf(cmd).JSON),
	)
}

// many says how many there are of something.
func many(n int64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
