package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/daybookhq/daybook/events/client"
	"github.com/daybookhq/daybook/events/trail"
)

// exportTiles writes the log as static files, under the checkpoint that
// outsiders are shown: with a witness policy, the newest that satisfies it.
func exportTiles(cmd *cobra.Command, dir string) error {
	s := settingsOf(cmd)
	if s.Server != "" {
		return usagef("--tiles reads the database itself; from a server elsewhere, fetch /checkpoint and /tile/… with any client of tlog-tiles")
	}
	if err := s.exists(); err != nil {
		return err
	}
	return with(cmd, true, func(ctx context.Context, c *session) error {
		resp, err := c.Do(ctx, client.Request{Path: "/checkpoint", Accept: "text/plain"})
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		checkpoint, err := io.ReadAll(resp.Body)
		if err != nil {
			return fmt.Errorf("reading the checkpoint: %w", err)
		}
		o := trailOptions(s, slog.New(slog.DiscardHandler))
		o.ReadOnly = true
		tr, err := trail.Open(ctx, o)
		if err != nil {
			return err
		}
		defer tr.Close()
		bar := exportBar(cmd)
		done, err := tr.ExportTiles(ctx, dir, checkpoint, func(done, total int64) {
			bar.ChangeMax64(total)
			bar.Set64(done)
		})
		bar.Finish()
		if err != nil {
			return err
		}
		if s.JSON {
			return printJSON(cmd.OutOrStdout(), map[string]any{"dir": dir, "origin": tr.Origin(), "from": done.From, "size": done.Size, "files": done.Files})
		}
		_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: the log's first %s in %s written now; it held %d before\n",
			clean(dir), many(done.Size, "event"), many(int64(done.Files), "file"), done.From)
		return err
	})
}
