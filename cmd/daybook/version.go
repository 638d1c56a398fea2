package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// version says what was built, from what the toolchain wrote into the binary.
func version() map[string]string {
	v := map[string]string{"version": "unknown", "go": runtime.Version(), "platform": runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	if info.Main.Version != "" {
		v["version"] = info.Main.Version
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			v["commit"] = s.Value
		case "vcs.time":
			v["committed"] = s.Value
		case "vcs.modified":
			v["modified"] = s.Value
		}
	}
	return v
}

func newVersionCmd() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print what this program was built from",
		Example: "  daybook version --json",
		Args:    arguments(0, 0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			v := version()
			if settingsOf(cmd).JSON {
				return printJSON(cmd.OutOrStdout(), v)
			}
			line := "daybook " + v["version"]
			if c := v["commit"]; c != "" {
				line += " (" + c[:min(12, len(c))] + ")"
			}
			_, err := fmt.Fprintln(cmd.OutOrStdout(), line, v["go"], v["platform"])
			return err
		},
	}
}
