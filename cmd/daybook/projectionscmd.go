package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/daybookhq/daybook/events/client"
)

func newProjectionsCmd() *cobra.Command {
	list := &cobra.Command{
		Use:     "list",
		Short:   "Show how far each read model has come, and which have stopped",
		Example: "  daybook projections list --json",
		Args:    arguments(0, 0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return with(cmd, true, func(ctx context.Context, c *session) error {
				var list []client.Projection
				if err := c.JSON(ctx, client.Request{Path: "/v1/projections"}, &list); err != nil {
					return err
				}
				if settingsOf(cmd).JSON {
					return printJSON(cmd.OutOrStdout(), list)
				}
				rows := make([][]string, len(list))
				for i, p := range list {
					rows[i] = []string{p.Name, p.Version, strconv.FormatInt(p.Checkpoint, 10), strconv.FormatInt(p.Behind, 10), p.State, shorten(oneLine(p.Error), 80)}
				}
				return table(cmd.OutOrStdout(), []string{"NAME", "VERSION", "CHECKPOINT", "BEHIND", "STATE", "ERROR"}, rows)
			})
		},
	}
	rebuild := &cobra.Command{
		Use:     "rebuild NAME",
		Short:   "Build a read model anew, beside the one in use",
		Example: "  daybook projections rebuild emergencies",
		Args:    arguments(1, 1, "one NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return with(cmd, true, func(ctx context.Context, c *session) error {
				var p client.Projection
				r := client.Request{Method: http.MethodPost, Path: "/v1/projections/" + url.PathEscape(args[0]) + "/rebuild"}
				if err := c.JSON(ctx, r, &p); err != nil {
					return err
				}
				if settingsOf(cmd).JSON {
					return printJSON(cmd.OutOrStdout(), p)
				}
				_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s is built anew, from %d events\n", p.Name, p.Checkpoint)
				return err
			})
		},
	}
	return group(&cobra.Command{
		Use:   "projections",
		Short: "Look after the read models that are posted from the trail",
		Example: `  daybook projections list
  daybook projections rebuild emergencies`,
	}, list, rebuild)
}
