package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/daybookhq/daybook/events/client"
)

func newTokenCmd() *cobra.Command {
	return group(&cobra.Command{
		Use:   "token",
		Short: "Issue, list and revoke access tokens",
		Long: `A token lets a program or person speak to the server. It is random, shown once,
and stored only as a hash. Issuing and revoking are events of the trail.

Roles: recorder (write events of the sources it is given), reader (read events,
statistics and documents), auditor (a reader who also exports, which is written
down, and sees the state of the ledger), admin (everything).`,
		Example: `  daybook token issue ci --role recorder --source '/ci/*' --expires 90d
  daybook token list
  daybook token revoke ci`,
	}, newTokenIssueCmd(), newTokenListCmd(), newTokenRevokeCmd())
}

func newTokenIssueCmd() *cobra.Command {
	var req client.TokenRequest
	var expires string
	cmd := &cobra.Command{
		Use:   "issue NAME",
		Short: "Make a token and show it, once",
		Example: `  daybook token issue ci --role recorder --source '/ci/*' --type 'change.*' --type 'gate.*'
  daybook token issue grafana --role reader --expires 365d`,
		Args: arguments(1, 1, "one NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			req.Name = args[0]
			if expires != "" {
				at, err := expiry(expires, time.Now())
				if err != nil {
					return err
				}
				req.Expires = &at
			}
			return with(cmd, false, func(ctx context.Context, c *session) error {
				var t client.Token
				if err := c.Post(ctx, "/v1/tokens", req, &t); err != nil {
					return err
				}
				if settingsOf(cmd).JSON {
					return printJSON(cmd.OutOrStdout(), t)
				}
				fmt.Fprintf(cmd.ErrOrStderr(), "Token %q, role %s. It is shown this once; keep it where secrets are kept:\n", t.Name, t.Role)
				_, err := fmt.Fprintln(cmd.OutOrStdout(), t.Secret)
				return err
			})
		},
	}
	f := cmd.Flags()
	f.StringVar(&req.Role, "role", "recorder", "recorder, reader, auditor or admin")
	f.StringArrayVar(&req.Sources, "source", nil, "for a recorder: a source it may write, * standing for anything (repeatable)")
	f.StringArrayVar(&req.Types, "type", nil, "for a recorder: a type it may write, as in 'change.*' (repeatable; default any)")
	f.StringVar(&expires, "expires", "", "when it ends: a day (2027-01-31), a time, or how long from now (90d, 12h); default never")
	return cmd
}

// expiry reads when a token is to end.
func expiry(s string, now time.Time) (time.Time, error) {
	if days, ok := strings.CutSuffix(s, "d"); ok {
		var n int
		if _, err := fmt.Sscanf(days, "%d", &n); err == nil && n > 0 && fmt.Sprint(n) == days {
			return now.AddDate(0, 0, n).UTC(), nil
		}
	}
	if d, err := time.ParseDuration(s); err == nil && d > 0 {
		return now.Add(d).UTC(), nil
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, usagef("--expires: %q is no time; write 90d, 12h, 2027-01-31 or 2027-01-31T12:00:00Z", s)
}

func newTokenListCmd() *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "Show the tokens, never their secrets",
		Example: "  daybook token list\n  daybook token list --all --json",
		Args:    arguments(0, 0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return with(cmd, true, func(ctx context.Context, c *session) error {
				var list []client.Token
				if err := c.JSON(ctx, client.Request{Path: "/v1/tokens"}, &list); err != nil {
					return err
				}
				shown := make([]client.Token, 0, len(list))
				for _, t := range list {
					if all || t.Revoked == nil {
						shown = append(shown, t)
					}
				}
				if settingsOf(cmd).JSON {
					return printJSON(cmd.OutOrStdout(), shown)
				}
				rows := make([][]string, len(shown))
				for i, t := range shown {
					rows[i] = []string{t.ID, t.Name, t.Role, strings.Join(t.Sources, " "), strings.Join(t.Types, " "),
						t.Created.Format(time.DateOnly), stateOf(t, time.Now()), moment(t.Used, "never")}
				}
				return table(cmd.OutOrStdout(), []string{"ID", "NAME", "ROLE", "SOURCES", "TYPES", "ISSUED", "STATE", "USED"}, rows)
			})
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "show revoked ones too")
	return cmd
}

func stateOf(t client.Token, now time.Time) string {
	switch {
	case t.Revoked != nil:
		return "revoked " + t.Revoked.Format(time.DateOnly)
	case t.Expires == nil:
		return "in use"
	case !now.Before(*t.Expires):
		return "expired " + t.Expires.Format(time.DateOnly)
	}
	return "until " + t.Expires.Format(time.DateOnly)
}

func moment(t *time.Time, otherwise string) string {
	if t == nil {
		return otherwise
	}
	return t.UTC().Format("2006-01-02 15:04")
}

func newTokenRevokeCmd() *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use:     "revoke NAME|ID",
		Short:   "Make a token useless, at once",
		Example: "  daybook token revoke ci --reason 'replaced by workload identity'",
		Args:    arguments(1, 1, "the NAME or ID of one token"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return with(cmd, true, func(ctx context.Context, c *session) error {
				r := client.Request{Method: http.MethodDelete, Path: "/v1/tokens/" + url.PathEscape(args[0])}
				if reason != "" {
					r.Query = url.Values{"reason": {reason}}
				}
				var t client.Token
				if err := c.JSON(ctx, r, &t); err != nil {
					return err
				}
				if settingsOf(cmd).JSON {
					return printJSON(cmd.OutOrStdout(), t)
				}
				_, err := fmt.Fprintf(cmd.OutOrStdout(), "token %s (%s) is revoked\n", t.Name, t.ID)
				return err
			})
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why, for the record")
	return cmd
}
