package main

import (
	"cmp"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/daybookhq/daybook/events/seal"
	"github.com/daybookhq/daybook/events/trail"
)

func newKeysCreateCmd() *cobra.Command {
	var next bool
	cmd := &cobra.Command{
		Use:   "create [FILE]",
		Short: "Make a signing key ahead of time",
		Long: `Create makes a new Ed25519 key in a file that only your account can read, and
prints its public key. It never replaces a file. It works on files alone, so it
also runs where no server is.

FILE is by default where the server looks for its key. Give --origin the name that
the log shall have; the first start on an empty database takes name and key from
the file. With --next it is the key that takes over at the next "keys rotate", for
the log whose key is there now.`,
		Example: `  daybook keys create --origin logs.example.com/payments
  daybook keys create /secure/payments.key --origin logs.example.com/payments
  daybook keys create --next`,
		Args: arguments(0, 1, "at most one FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			s := settingsOf(cmd)
			if s.Server != "" {
				return usagef("keys create makes a file here, not on a server; leave --server out")
			}
			current := cmp.Or(s.SigningKey, filepath.Join(s.DataDir, trail.SigningKeyFile))
			path, origin := current, s.Origin
			if next {
				path = seal.NextKeyFile(current)
				if key, err := seal.LoadKey(current); err == nil {
					if origin != "" && origin != key.Origin() {
						return fmt.Errorf("the key in %s is for log %q, not %q", current, key.Origin(), origin)
					}
					origin = key.Origin()
				} else if origin == "" {
					return fmt.Errorf("whose next key? give --origin, or the file of the key in use with --signing-key: %w", err)
				}
			}
			if len(args) == 1 {
				path = args[0]
			}
			if origin == "" {
				return usagef("give the log a name with --origin, as in --origin logs.example.com/payments")
			}
			if err := seal.CheckOrigin(origin); err != nil {
				return usagef("--origin: %w", err)
			}
			key, err := seal.GenerateKey(rand.Reader, origin)
			if err != nil {
				return err
			}
			if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
				return fmt.Errorf("making the directory of the key: %w", err)
			}
			if err := key.Save(path); errors.Is(err, fs.ErrExist) {
				return fmt.Errorf("there is a file %s already, and a key is never replaced; name another, or move that one away", path)
			} else if err != nil {
				return err
			}
			if s.JSON {
				return printJSON(cmd.OutOrStdout(), map[string]string{"file": path, "origin": origin, "public_key": key.Public()})
			}
			fmt.Fprintf(cmd.ErrOrStderr(), "made %s for log %s; keep a copy of it in a safe place. Its public key:\n", clean(path), clean(origin))
			_, err = fmt.Fprintln(cmd.OutOrStdout(), key.Public())
			return err
		},
	}
	cmd.Flags().BoolVar(&next, "next", false, "make the key that takes over at the next rotation")
	return cmd
}
