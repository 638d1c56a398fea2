package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/daybookhq/daybook/events"
)

func newTrailShowCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "show POSITION…",
		Short: "Show events whole; with --json, the very bytes that are stored and hashed",
		Example: `  daybook trail show 42
  daybook trail show 42 --json | sha256sum`,
		Args: arguments(1, -1, "one POSITION or more"),
		RunE: func(cmd *cobra.Command, args []string) error {
			positions, err := positionsOf(args)
			if err != nil {
				return err
			}
			return with(cmd, true, func(ctx context.Context, c *session) error {
				for i, n := range positions {
					e, err := c.Event(ctx, n)
					if err != nil {
						return err
					}
					if settingsOf(cmd).JSON {
						_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s\n", e.Served())
					} else {
						if i > 0 {
							fmt.Fprintln(cmd.OutOrStdout())
						}
						err = showEvent(cmd.OutOrStdout(), &e)
					}
					if err != nil {
						return err
					}
				}
				return nil
			})
		},
	}
}

func showEvent(w io.Writer, e *events.Recorded) error {
	if e.Erased != nil {
		return showErased(w, e)
	}
	fmt.Fprintln(w, paint(w, bold, fmt.Sprintf("#%d %s", e.Position, clean(e.Short()))))
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(w, "  %-11s %s\n", name, clean(value))
		}
	}
	if d, ok := events.Lookup(e.Type); ok {
		line("meaning", d.Meaning)
	}
	line("happened", e.TimeText())
	line("recorded", e.LedgerTime.Format(events.LedgerTimeFormat)+" by "+e.Writer)
	line("actor", e.AuthID)
	line("source", e.Source)
	line("id", e.ID)
	line("subject", e.Subject)
	line("caused by", e.CausationID)
	for _, k := range e.Keys {
		line(string(k.Kind), k.Value)
	}
	for _, x := range e.Extensions {
		line(x.Name, x.JSON)
	}
	if len(e.Data) > 0 {
		var b bytes.Buffer
		if json.Indent(&b, e.Data, "  ", "  ") == nil {
			fmt.Fprintf(w, "  data\n  %s\n", cleanLines(b.String()))
		}
	}
	line("leaf hash", leafHash(e.Bytes).String())
	for _, m := range events.Missing(&e.Event) {
		line("lacks", spoken(m.Field)+" ("+strings.TrimPrefix(m.Reason, "missing: ")+")")
	}
	return nil
}
