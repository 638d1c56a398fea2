package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// settingsShown are the shared settings that the --help of a command and of those
// under it shows; nil is all of them. Every command takes every setting, since
// where no server runs it does itself what a server would, but seldom needs it.
var settingsShown = map[string][]string{
	"serve": nil, "demo": nil, "recover": nil,
	"bench":       {"database-url", "json"},
	"events":      {"json"},
	"keys":        {"data-dir", "server", "database-url", "signing-key", "json"},
	"keys create": {"data-dir", "signing-key", "origin", "json"},
	"migrate":     {"data-dir", "database-url"},
	"redact":      {"data-dir", "database-url", "signing-key", "json"},
	"verify":      {"data-dir", "database-url", "signing-key", "witness-policy", "json"},
	"version":     {"json"},
	"witness":     {"json"},
}

// settingsCommon are those of every other command.
var settingsCommon = []string{"data-dir", "server", "database-url", "json"}

// helpShows leaves out of the help of a command what it has no use for.
func helpShows(root *cobra.Command) {
	whole := root.HelpFunc()
	root.SetHelpFunc(func(cmd *cobra.Command, args []string) {
		shown := settingsCommon
		path := strings.TrimPrefix(cmd.CommandPath(), root.Name()+" ")
		for name := path; name != ""; name = name[:max(strings.LastIndex(name, " "), 0)] {
			if s, ok := settingsShown[name]; ok {
				shown = s
				break
			}
		}
		if cmd == root || shown == nil {
			whole(cmd, args)
			return
		}
		root.PersistentFlags().VisitAll(func(f *pflag.Flag) {
			f.Hidden = f.Hidden || !slices.Contains(shown, f.Name)
		})
		whole(cmd, args)
		if slices.Contains(shown, "server") {
			fmt.Fprintln(cmd.OutOrStdout(), "\nThe settings of a server, which also count where none is running: daybook serve --help")
		}
	})
}
