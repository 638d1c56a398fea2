package main

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/daybookhq/daybook/events/trail"
)

func newMigrateCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "migrate",
		Short: "Bring the database's schema up to date, as its owner",
		Long: `Migrate applies the migrations that are built in, and nothing else. serve does
this by itself where it may; on Postgres it should run as a role that may not
change what is recorded, so there migrate runs first, as the owner.`,
		Example: `  daybook migrate
  daybook migrate --database-url postgres://owner@db/daybook`,
		Args: arguments(0, 0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			s := settingsOf(cmd)
			if s.Server != "" {
				return usagef("migrate works on a database, not through a server; leave --server out")
			}
			lock, err := waitLock(cmd.Context(), s.DataDir, "migrate", patience)
			var held *errHeld
			if errors.As(err, &held) && s.DatabaseURL == "" {
				return err
			}
			if lock != nil {
				defer func() { err = errors.Join(err, lock.release()) }()
			} else if held == nil {
				return err
			}
			log := slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), nil))
			if err := trail.Migrate(cmd.Context(), trailOptions(s, log)); err != nil {
				return err
			}
			if s.JSON {
				return printJSON(cmd.OutOrStdout(), map[string]string{"schema": "up to date"})
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), "the schema is up to date")
			return err
		},
	}
}
