package main

import (
	"cmp"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
)

// settings are what all commands share: flags, each with its variable.
type settings struct {
	DataDir     string // embedded database, keys, socket
	Server      string // URL of a running server, instead of a data directory
	Token       string // for Server; only from DAYBOOK_TOKEN, since arguments show in process lists
	DatabaseURL string // postgres://…; empty is SQLite in DataDir
	NATSURL     string // nats://…; empty is embedded
	Listen      string
	Origin      string
	SigningKey  string
	AllowOwner  bool
	PublicLog   bool // anybody may fetch the log, by tlog-tiles
	JSON        bool
	Elsewhere   elsewhere
	Compare     string // what a start does where nobody who holds a checkpoint answers
}

const defaultListen = "127.0.0.1:7733"

func newRootCmd() *cobra.Command {
	root := &cobra.Command{
		Use:   "daybook",
		Short: "The book of original entry for rollouts, flags, emergencies and rollbacks",
		Long: `Daybook writes down what happens to production, once, in the order it becomes
known: flag flips, emergencies and what they bypassed, approvals, rollbacks. An
entry can never be changed unseen; postmortems, follow-ups and monthly reports
are posted from the entries.

Commands work on a data directory (--data-dir). If a server is running on it,
they talk to that server; with --server they talk to one elsewhere.`,
		Example: `  daybook serve
  daybook record flag.flipped flag=waf environment=production from=off to=on --actor u-7
  daybook import incident.txt
  daybook report postmortem INC-7`,
		SilenceErrors: true,
		SilenceUsage:  true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			return fromEnvironment(cmd)
		},
	}
	p := root.PersistentFlags()
	p.String("data-dir", "daybook-data", "directory of the embedded database, the keys and the socket [$DAYBOOK_DATA_DIR]")
	p.String("server", "", "URL of a running server; its token is read from $DAYBOOK_TOKEN [$DAYBOOK_SERVER]")
	p.String("database-url", "", "postgres://… database; empty is SQLite in the data directory [$DAYBOOK_DATABASE_URL]")
	p.String("nats-url", "", "nats://… JetStream server; empty is embedded [$DAYBOOK_NATS_URL]")
	p.String("listen", defaultListen, "address that serve answers on [$DAYBOOK_LISTEN]")
	p.Bool("public-log", false, "let anybody fetch the checkpoint, the tiles and the entries without a token: all that is recorded can then be read by all [$DAYBOOK_PUBLIC_LOG]")
	p.String("origin", "", "name of the log in its checkpoints, fixed by the first start [$DAYBOOK_ORIGIN]")
	p.String("signing-key", "", "file of the key that signs checkpoints; default DATA-DIR/signing.key [$DAYBOOK_SIGNING_KEY]")
	p.Bool("allow-owner", false, "accept a Postgres role that could change events, for a trial [$DAYBOOK_ALLOW_OWNER]")
	p.Bool("json", false, "print JSON")
	elsewhereFlags(root)
	p.String("compare", compareTry, "where nobody who holds a checkpoint answers at start: try goes on with a warning, must takes no events before one does [$DAYBOOK_COMPARE]")

	root.CompletionOptions.HiddenDefaultCmd = true
	helpShows(root)
	root.AddGroup(
		&cobra.Group{ID: "run", Title: "Run a ledger:"},
		&cobra.Group{ID: "write", Title: "Write things down:"},
		&cobra.Group{ID: "read", Title: "Read them:"},
		&cobra.Group{ID: "keep", Title: "Look after it:"},
	)
	for _, g := range []struct {
		id   string
		cmds []*cobra.Command
	}{
		{"run", []*cobra.Command{newServeCmd(), newDemoCmd(), newMigrateCmd(), newWitnessCmd()}},
		{"write", []*cobra.Command{newRecordCmd(), newNoteCmd(), newImportCmd()}},
		{"read", []*cobra.Command{newTrailCmd(), newProveCmd(), newExportCmd(), newReportCmd(), newStatsCmd(), newEventsCmd()}},
		{"keep", []*cobra.Command{newVerifyCmd(), newRedactCmd(), newKeysCmd(), newRecoverCmd(), newProjectionsCmd(), newTokenCmd(), newBenchCmd(), newVersionCmd()}},
	} {
		for _, c := range g.cmds {
			c.GroupID = g.id
			root.AddCommand(c)
		}
	}
	return root
}

// variableOf is the environment variable of a flag.
func variableOf(flag string) string {
	return "DAYBOOK_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// fromEnvironment gives flags that were not set the values of their variables.
func fromEnvironment(cmd *cobra.Command) error {
	for _, name := range []string{"data-dir", "server", "database-url", "nats-url", "listen", "public-log", "origin", "signing-key", "allow-owner", "checkpoint-every", "witness-policy", "witness-every", "compare"} {
		f := cmd.Flags().Lookup(name)
		if v, ok := os.LookupEnv(variableOf(name)); ok && v != "" && f != nil && !f.Changed {
			if err := f.Value.Set(v); err != nil {
				return usagef("%s: %w", variableOf(name), err)
			}
		}
	}
	return nil
}

// settingsOf reads the shared settings of a command that is running.
func settingsOf(cmd *cobra.Command) settings {
	text := func(name string) string { v, _ := cmd.Flags().GetString(name); return v }
	flag := func(name string) bool { v, _ := cmd.Flags().GetBool(name); return v }
	s := settings{
		DataDir: text("data-dir"), Server: text("server"), Token: os.Getenv("DAYBOOK_TOKEN"),
		DatabaseURL: text("database-url"), NATSURL: text("nats-url"), Listen: text("listen"),
		Origin: text("origin"), SigningKey: text("signing-key"), AllowOwner: flag("allow-owner"), PublicLog: flag("public-log"), JSON: flag("json"),
		Elsewhere: elsewhereOf(cmd), Compare: text("compare"),
	}
	s.DataDir = filepath.Clean(cmp.Or(s.DataDir, "daybook-data"))
	return s
}

// arguments checks how many arguments a command got, and says what they are.
func arguments(least, most int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) < least || (most >= 0 && len(args) > most) {
			return usagef("%s takes %s; see %s --help", cmd.CommandPath(), what, cmd.CommandPath())
		}
		return nil
	}
}

// group makes a command that only holds others; called alone or with a name
// that none of them has, it is a mistake of usage.
func group(c *cobra.Command, under ...*cobra.Command) *cobra.Command {
	c.AddCommand(under...)
	c.Args = cobra.ArbitraryArgs
	c.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			return usagef("%q is no command of %s; see %s --help", args[0], cmd.CommandPath(), cmd.CommandPath())
		}
		names := make([]string, 0, len(under))
		for _, u := range cmd.Commands() {
			names = append(names, u.Name())
		}
		return usagef("%s needs one of: %s", cmd.CommandPath(), strings.Join(names, ", "))
	}
	return c
}
