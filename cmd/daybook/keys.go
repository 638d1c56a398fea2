package main

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/daybookhq/daybook/events/client"
)

func newKeysCmd() *cobra.Command {
	var public, first, rotations bool
	cmd := group(&cobra.Command{
		Use:   "keys",
		Short: "Show, make and rotate the keys that checkpoints are signed with",
		Long: `A log signs its checkpoints with one Ed25519 key. Whoever wants to verify
anything needs its public key, from somebody they trust and not from the database.
The first public key is enough for ever: when the key is rotated, the old key and
the new one both sign the checkpoint that covers the key.rotated event, and
verifying follows from one to the other.

Without a command, keys shows the log's keys and where the private one is.`,
		Example: `  daybook keys
  daybook keys --public
  daybook keys --first > log.pub && daybook verify --public-key log.pub
  daybook keys --rotations > rotations.json
  daybook keys rotate --reason 'yearly'`,
	}, newKeysCreateCmd(), newKeysRotateCmd())
	unknown := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			return unknown(cmd, args)
		}
		if public && first || public && rotations || first && rotations {
			return usagef("--public prints the key in use, --first the first one, --rotations what leads from one to the other; give one of them")
		}
		return with(cmd, true, func(ctx context.Context, c *session) error {
			var keys client.Keys
			if err := c.JSON(ctx, client.Request{Path: "/v1/keys"}, &keys); err != nil {
				return err
			}
			out := cmd.OutOrStdout()
			var err error
			switch {
			case public:
				_, err = fmt.Fprintln(out, clean(keys.PublicKey))
			case first:
				_, err = fmt.Fprintln(out, clean(keys.FirstKey))
			case rotations:
				_, err = fmt.Fprintf(out, "%s\n", keys.Rotations)
			case settingsOf(cmd).JSON:
				err = printJSON(out, keys)
			default:
				err = printKeys(out, keys)
			}
			return err
		})
	}
	f := cmd.Flags()
	f.BoolVar(&public, "public", false, "print the public key in use, and nothing else")
	f.BoolVar(&first, "first", false, "print the log's first public key, and nothing else: the one to verify with")
	f.BoolVar(&rotations, "rotations", false, "print what proves each rotation, for verify --rotations")
	return cmd
}

func printKeys(out io.Writer, keys client.Keys) error {
	fmt.Fprintf(out, "log         %s\n", clean(keys.Origin))
	fmt.Fprintf(out, "public key  %s\n", clean(keys.PublicKey))
	if keys.FirstKey != keys.PublicKey {
		fmt.Fprintf(out, "first key   %s (enough to verify everything with)\n", clean(keys.FirstKey))
	}
	if f := keys.File; f != nil {
		fmt.Fprintf(out, "private key %s, mode %s\n", clean(f.Path), f.Mode)
		if f.Next != "" {
			fmt.Fprintf(out, "next key    %s (takes over at the next rotation)\n", clean(f.Next))
		}
	}
	if len(keys.Keys) < 2 {
		_, err := fmt.Fprintln(out, "\nIt was never rotated.")
		return err
	}
	fmt.Fprintln(out)
	var rows [][]string
	for _, k := range keys.Keys {
		row := []string{k.PublicKey, sizes(k), "-", "-", k.Actor, shorten(k.Reason, 40)}
		if k.Position != nil {
			row[2] = "#" + strconv.FormatInt(*k.Position, 10)
		}
		if k.Since != nil {
			row[3] = k.Since.UTC().Format(time.DateTime)
		}
		rows = append(rows, row)
	}
	return table(out, []string{"PUBLIC KEY", "SIGNS SIZES", "ROTATED AT", "WHEN (UTC)", "BY", "WHY"}, rows)
}

// sizes says which trees a key signs.
func sizes(k client.Key) string {
	if k.To == 0 {
		return fmt.Sprintf("from %d", k.From)
	}
	return fmt.Sprintf("%d to %d", k.From, k.To)
}

func newKeysRotateCmd() *cobra.Command {
	var req client.KeyRotation
	cmd := &cobra.Command{
		Use:   "rotate",
		Short: "Replace the signing key by a new one, from now on",
		Long: `Rotate makes a new key, or takes the one that "daybook keys create --next" made,
and records a key.rotated event; both keys sign the checkpoint that covers it, and
only the new one signs what comes later. Nobody has to be told: with the first
public key everything can still be verified. The old key file is kept beside the
new one, under a name that ends in its hash.

Several servers on one database: copy the new key file to the others. Until they
have it they record nothing, and say so; they need no restart. To rotate without
that, make the key beforehand with "keys create --next" and copy that file first.

Against a key that was stolen, rotating helps from then on only: a thief cannot
sign what continues this trail. It does not take back what they could sign before:
another history, up to now or with a rotation of their own. Who has the first key
alone cannot tell the two; who holds a checkpoint from after the rotation, or has a
witness's co-signature on one, can. Send one to them at once, and record the theft.

A key that was lost cannot be rotated, since it must sign for its successor. What
it signed stays verifiable; nothing can be added, and the log has to go on as
another one under a new name.`,
		Example: `  daybook keys rotate
  daybook keys rotate --reason 'yearly' --json
  daybook keys rotate --data-dir /var/lib/daybook --reason 'an administrator left'`,
		Args: arguments(0, 0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return with(cmd, true, func(ctx context.Context, c *session) error {
				var done client.KeyRotated
				if err := c.Post(ctx, "/v1/keys/rotate", req, &done); err != nil {
					return err
				}
				out := cmd.OutOrStdout()
				if settingsOf(cmd).JSON {
					return printJSON(out, done)
				}
				fmt.Fprintf(out, "the key was rotated at #%d; both keys signed the checkpoint at %d\n", done.Position, done.Position+1)
				fmt.Fprintf(out, "  public key  %s\n", clean(done.PublicKey))
				fmt.Fprintf(out, "  private key %s; keep a copy of it in a safe place, and give it to the other servers of this database\n", clean(done.File))
				if done.Retired != "" {
					fmt.Fprintf(out, "  old key     %s; keep it as safe: only daybook recover may need it, to bring back what a lost database held\n", clean(done.Retired))
				}
				_, err := fmt.Fprintln(out, "Witnesses of this log that are configured with its public key need this one too; until then they co-sign nothing later.")
				return err
			})
		},
	}
	cmd.Flags().StringVar(&req.Reason, "reason", "", "why, for the record")
	return cmd
}
