package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"github.com/daybookhq/daybook/events/client"
)

func newStatsCmd() *cobra.Command {
	var asOf, at, zone, from, to string
	cmd := &cobra.Command{
		Use:   "stats [NAME]",
		Short: "Show statistics: emergencies a month, escape-hatch rate, decision latency …",
		Long: `Stats shows one set of figures, each with the events behind it. What the trail
does not know is said, and never counted as zero. Without a NAME it lists what
there is.`,
		Example: `  daybook stats
  daybook stats emergencies --zone Asia/Kolkata
  daybook stats hatch --as-of 2026-01-19T09:00:00Z --json`,
		Args: arguments(0, 1, "at most one NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return with(cmd, true, func(ctx context.Context, c *session) error {
				if len(args) == 0 {
					return listStats(ctx, cmd, c)
				}
				q := url.Values{}
				for name, v := range map[string]string{"as-of": asOf, "at": at, "zone": zone, "from": from, "to": to} {
					if v != "" {
						q.Set(name, v)
					}
				}
				r := client.Request{Path: "/v1/stats/" + url.PathEscape(args[0]), Query: q, Accept: "text/plain"}
				if settingsOf(cmd).JSON {
					r.Accept = client.TypeJSON
				}
				resp, err := c.Do(ctx, r)
				if err != nil {
					return err
				}
				defer resp.Body.Close()
				b, err := io.ReadAll(resp.Body)
				if err != nil {
					return err
				}
				if settingsOf(cmd).JSON {
					return printJSON(cmd.OutOrStdout(), json.RawMessage(b))
				}
				_, err = fmt.Fprintln(cmd.OutOrStdout(), strings.TrimRight(cleanLines(string(b)), "\n"))
				return err
			})
		},
	}
	f := cmd.Flags()
	f.StringVar(&asOf, "as-of", "", "only what was recorded by this time, or the first N events")
	f.StringVar(&at, "at", "", "the time that counts as now, for what is open or overdue")
	f.StringVar(&zone, "zone", "", "time zone that months are cut in, as in Europe/Berlin; default UTC")
	f.StringVar(&from, "from", "", "from this day on")
	f.StringVar(&to, "to", "", "until before this day")
	return cmd
}

func listStats(ctx context.Context, cmd *cobra.Command, c *session) error {
	var list []client.StatName
	if err := c.JSON(ctx, client.Request{Path: "/v1/stats"}, &list); err != nil {
		return err
	}
	if settingsOf(cmd).JSON {
		return printJSON(cmd.OutOrStdout(), list)
	}
	rows := make([][]string, len(list))
	for i, s := range list {
		rows[i] = []string{s.Name, s.Meaning}
	}
	return table(cmd.OutOrStdout(), []string{"NAME", "WHAT IT SHOWS"}, rows)
}
