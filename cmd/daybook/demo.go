package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/daybookhq/daybook/events/client"
)

func newDemoCmd() *cobra.Command {
	var once bool
	var out string
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Enter real histories, print three documents, and serve",
		Long: `Demo enters the histories that the project carries (published incidents, worked
examples, and what public version control tells) into the data directory, and
prints three documents from them: a postmortem, the follow-up of an emergency
with a gate still to run, and a monthly report. They are written to --output too,
as Markdown and HTML.

Then it serves like "daybook serve", with the address and a token printed, until
Ctrl-C. Run again, it finds what is already there and goes on. Use a data
directory of its own: what is in a trail stays there.`,
		Example: `  daybook demo
  daybook demo --once -o /tmp/documents --data-dir /tmp/daybook`,
		Args: arguments(0, 0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			s := settingsOf(cmd)
			if s.Server != "" {
				return usagef("demo works on a data directory, not on --server: its histories would stay in that trail for ever")
			}
			d := &demo{settings: s, dir: out, out: cmd.OutOrStdout(), progress: cmd.ErrOrStderr()}
			if once {
				return with(cmd, false, func(ctx context.Context, c *session) error { return d.show(ctx, c.Client) })
			}
			return d.serve(cmd)
		},
	}
	cmd.Flags().BoolVar(&once, "once", false, "write the documents and exit instead of serving")
	cmd.Flags().StringVarP(&out, "output", "o", "daybook-out", "directory for the documents")
	return cmd
}

// A demo enters histories into a ledger and shows what comes of them.
type demo struct {
	settings settings
	dir      string // for the documents
	out      io.Writer
	progress io.Writer // gets something only if it is a terminal
}

// show enters the histories and prints the documents.
func (d *demo) show(ctx context.Context, c *client.Client) error {
	if err := d.enter(ctx, c); err != nil {
		return err
	}
	return d.render(ctx, c)
}

// serve shows, and then serves until the context ends. Where a server has the
// directory already, it shows through that one and leaves serving to it.
func (d *demo) serve(cmd *cobra.Command) error {
	ctx := cmd.Context()
	if hc, ok := socketClient(d.settings.DataDir); ok {
		c, err := overHTTP(d.settings.DataDir, hc, func() error { hc.CloseIdleConnections(); return nil })
		if err != nil {
			return err
		}
		defer c.close()
		if err := d.show(ctx, c.Client); err != nil {
			return err
		}
		fmt.Fprintf(d.out, "\nA server is already running on %s, so this one ends here.\n", d.settings.DataDir)
		return nil
	}
	log := slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	srv, err := openServer(ctx, d.settings, log)
	if err != nil {
		return err
	}
	err = d.serveWith(cmd, srv)
	if cerr := srv.Close(); err == nil {
		err = cerr
	}
	return err
}

func (d *demo) serveWith(cmd *cobra.Command, srv *Server) error {
	ctx := cmd.Context()
	moved, err := listenSomewhere(srv, cmd.Flags().Changed("listen") || os.Getenv(variableOf("listen")) != "")
	if err != nil {
		return err
	}
	hc, ok := socketClient(d.settings.DataDir)
	if !ok {
		return fmt.Errorf("the socket in %s does not answer", d.settings.DataDir)
	}
	c, err := overHTTP(d.settings.DataDir, hc, func() error { hc.CloseIdleConnections(); return nil })
	if err != nil {
		return err
	}
	defer c.close()
	if err := d.show(ctx, c.Client); err != nil {
		if ctx.Err() != nil {
			return nil // interrupted while it worked; what is entered stays
		}
		return err
	}
	token := srv.AdminToken
	if token == "" {
		if token, err = newDemoToken(ctx, c.Client); err != nil {
			return err
		}
	}
	d.welcome(srv.URL(), token, moved)
	if err := srv.Wait(ctx); err != nil {
		return err
	}
	fmt.Fprintf(d.out, "\nStopping. What was entered stays in %s.\n", d.settings.DataDir)
	return nil
}

// listenSomewhere opens the server's doors. Unless the address was chosen by
// the user, a busy one is replaced by a free one, and that is said.
func listenSomewhere(srv *Server, chosen bool) (moved string, err error) {
	err = srv.Listen()
	if !errors.Is(err, syscall.EADDRINUSE) || chosen {
		return "", err
	}
	busy := srv.settings.Listen
	host, _, err := net.SplitHostPort(busy)
	if err != nil {
		return "", err
	}
	srv.settings.Listen = net.JoinHostPort(host, "0")
	return busy, srv.Listen()
}

// newDemoToken issues a token for this run and revokes that of the run before,
// whose secret nobody has any more.
func newDemoToken(ctx context.Context, c *client.Client) (string, error) {
	err := c.JSON(ctx, client.Request{Method: http.MethodDelete, Path: "/v1/tokens/demo"}, nil)
	var p *client.Problem
	if err != nil && (!errors.As(err, &p) || p.Status != http.StatusNotFound) {
		return "", fmt.Errorf("revoking the token of the run before: %w", err)
	}
	var t client.Token
	err = c.JSON(ctx, client.Request{
		Method: http.MethodPost, Path: "/v1/tokens", Type: client.TypeJSON, Body: []byte(`{"name":"demo","role":"admin"}`),
	}, &t)
	if err != nil {
		return "", fmt.Errorf("issuing a token: %w", err)
	}
	return t.Secret, nil
}

// welcome says where the server is and what can be done with it.
func (d *demo) welcome(url, token, moved string) {
	self := "daybook"
	if strings.ContainsRune(os.Args[0], filepath.Separator) {
		self = "./" + filepath.Base(os.Args[0])
	}
	dir := ""
	if d.settings.DataDir != "daybook-data" {
		dir = " --data-dir " + d.settings.DataDir
	}
	w := d.out
	fmt.Fprintf(w, "\n%s\n\n", paint(w, bold, "Daybook is running on "+d.settings.DataDir+"."))
	if moved != "" {
		fmt.Fprintf(w, "  (%s is taken by another program, so another port was chosen.)\n", moved)
	}
	fmt.Fprintf(w, "  address  %s\n", url)
	fmt.Fprintf(w, "  token    %s   (administrator; shown once)\n", token)
	fmt.Fprintf(w, `
In another terminal:

  export DAYBOOK_TOKEN=%s
  curl -H "Authorization: Bearer $DAYBOOK_TOKEN" %s/v1/reports/postmortem/INC-2019-07-02?format=md
  %s trail list --newest --limit 5%s
  %s record flag.flipped flag=new-checkout environment=production from=off to=on --actor u-7%s

`, token, url, self, dir, self, dir)
	fmt.Fprintln(w, "Ctrl-C stops it; run again, it goes on with the same data.")
}
