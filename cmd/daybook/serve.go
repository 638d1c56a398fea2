package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/spf13/cobra"
)

func newServeCmd() *cobra.Command {
	var verbose bool
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the server, until interrupted",
		Long: `Serve opens the data directory (or the Postgres database), brings its schema up
to date, and answers on --listen and on a socket in the data directory, which
only your account may use. On the very first start it prints a token for an
administrator, once.

An interrupt (Ctrl-C) lets requests under way finish; a second one stops at once.`,
		Example: `  daybook serve
  daybook serve --listen 0.0.0.0:7733 --data-dir /var/lib/daybook
  daybook serve --database-url postgres://daybook@db/daybook --nats-url nats://broker:4222
  daybook serve --checkpoint-sink /mnt/elsewhere/checkpoint --witness-policy policy.txt`,
		Args: arguments(0, 0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			level := slog.LevelInfo
			if verbose {
				level = slog.LevelDebug
			}
			log := slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), &slog.HandlerOptions{Level: level}))
			return serve(cmd.Context(), settingsOf(cmd), log, cmd.OutOrStdout())
		},
	}
	cmd.Flags().BoolVar(&verbose, "verbose", false, "log every request")
	return cmd
}

// serve runs a server until ctx is done.
func serve(ctx context.Context, s settings, log *slog.Logger, out io.Writer) error {
	collectLess()
	srv, err := openServer(ctx, s, log)
	if err != nil {
		return err
	}
	if err := srv.Listen(); err != nil {
		return errors.Join(err, srv.Close())
	}
	srv.announce(out)
	err = srv.Wait(ctx)
	log.Info("stopping", "hint", "a second interrupt stops at once")
	return errors.Join(err, srv.Close())
}

// announce says where the server is, and who may use it.
func (s *Server) announce(out io.Writer) {
	where := s.settings.DataDir
	if s.settings.DatabaseURL != "" {
		where = "Postgres, with the keys and the socket in " + where
	}
	fmt.Fprintf(out, "Daybook %s is open: %s\n", s.trail.Origin(), s.URL())
	fmt.Fprintf(out, "  data:    %s\n", where)
	fmt.Fprintf(out, "  record:  POST %s/v1/events\n", s.URL())
	fmt.Fprintf(out, "  read:    GET  %s/v1/events, /v1/stories/…, /v1/stats/…, /v1/reports/…\n", s.URL())
	if s.settings.PublicLog {
		fmt.Fprintf(out, "  log:     GET  %s/checkpoint, /tile/…, by anybody, without a token\n", s.URL())
	}
	fmt.Fprintf(out, "  health:  GET  %s/healthz, /readyz\n", s.URL())
	if s.AdminToken != "" {
		fmt.Fprintf(out, "  token:   %s\n", s.AdminToken)
		fmt.Fprintf(out, "           an administrator's, shown this once; use it as DAYBOOK_TOKEN, issue others with: daybook token issue\n")
	}
}
