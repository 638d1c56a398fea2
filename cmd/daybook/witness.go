package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/daybookhq/daybook/events/witness"
)

// What the directory of a witness holds.
const (
	witnessKeyFile  = "witness.key"
	witnessStateDir = "logs" // a file for each log
)

func newWitnessCmd() *cobra.Command {
	cmd := group(&cobra.Command{
		Use:   "witness",
		Short: "Co-sign the checkpoints of others' logs, so that none can show two histories",
		Long: `A witness remembers the largest checkpoint of each log that it has seen and
co-signs only what continues it. Run one for a log that somebody else runs, on a
machine that they do not control. It speaks C2SP tlog-witness, so it also serves
logs that are not Daybook's.

A witness needs little: a directory with its key and a small file for each log.
The directory must never be brought back from an older copy: the witness would
forget what it has signed.

The log's own server is told of its witnesses, and of how many are enough, by a
policy file (C2SP tlog-policy). Each witness prints its line, and the quorum of it
alone; of two witnesses, with either being enough, it is:

  witness w1 witness.example.com/w1+5a6b7c8d+BA… https://witness.example.com
  witness w2 other.example.org/w+1a2b3c4d+BA…    https://other.example.org
  group enough any w1 w2
  quorum enough`,
		Example: `  daybook witness serve --name witness.example.com/w1 --log "$(cat log.pub)"
  daybook witness show
  daybook serve --witness-policy policy.txt`,
	}, newWitnessServeCmd(), newWitnessShowCmd())
	cmd.PersistentFlags().String("witness-dir", "daybook-witness", "directory of the witness's key and state")
	return cmd
}

func witnessDir(cmd *cobra.Command) string {
	dir, _ := cmd.Flags().GetString("witness-dir")
	return filepath.Clean(dir)
}

// loadWitness reads the key and the state in a directory. The error is
// fs.ErrNotExist where there is no witness.
func loadWitness(dir string) (*witness.Key, *witness.State, error) {
	key, err := witness.LoadKey(filepath.Join(dir, witnessKeyFile))
	if err != nil {
		return nil, nil, err
	}
	state, err := witness.OpenState(filepath.Join(dir, witnessStateDir), key)
	return key, state, err
}

// makeWitness makes the key of a witness that is started for the first time.
func makeWitness(dir, name string) error {
	if name == "" {
		return usagef("there is no witness in %s yet; give it a name that nobody else uses: --name witness.example.com/w1", dir)
	}
	if held, _ := filepath.Glob(filepath.Join(dir, witnessStateDir, "*.json")); len(held) > 0 {
		return fmt.Errorf("%s holds the state of a witness but not its key; bring back %s", dir, witnessKeyFile)
	}
	key, err := witness.GenerateKey(rand.Reader, name)
	if err != nil {
		return &exitError{exitUsage, err}
	}
	return key.Save(filepath.Join(dir, witnessKeyFile))
}

func newWitnessShowCmd() *cobra.Command {
	var public bool
	cmd := &cobra.Command{
		Use:   "show [ORIGIN]",
		Short: "Show a witness's key and what it holds, or the checkpoint that it holds of one log",
		Example: `  daybook witness show
  daybook witness show --public > witness.pub
  daybook witness show logs.example.com/payments > checkpoint.txt`,
		Args: arguments(0, 1, "at most one ORIGIN"),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir := witnessDir(cmd)
			key, state, err := loadWitness(dir)
			if errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("there is no witness in %s; start one with: daybook witness serve --witness-dir %s --name …", dir, dir)
			}
			if err != nil {
				return err
			}
			out := cmd.OutOrStdout()
			if len(args) == 1 {
				st, held := state.Get(args[0])
				if !held {
					return fmt.Errorf("the witness has co-signed nothing of a log %q", args[0])
				}
				_, err := fmt.Fprintln(out, cleanLines(strings.TrimRight(st.Checkpoint, "\n")))
				return err
			}
			if public {
				_, err := fmt.Fprintln(out, key.Public())
				return err
			}
			all := state.All()
			if settingsOf(cmd).JSON {
				return printJSON(out, witnessShown(key, all))
			}
			if _, err := fmt.Fprintf(out, "witness %s\nkey     %s\n\n", key.Name(), key.Public()); err != nil {
				return err
			}
			rows := make([][]string, len(all))
			for i := range all {
				rows[i] = []string{all[i].Origin, fmt.Sprint(all[i].Size()), all[i].Root(), forksOf(&all[i])}
			}
			return table(out, []string{"LOG", "SIZE", "ROOT", "FORKS"}, rows)
		},
	}
	cmd.Flags().BoolVar(&public, "public", false, "print the public key alone, as policies take it")
	return cmd
}

// forksOf says at which sizes a log has signed two histories.
func forksOf(st *witness.Standing) string {
	if len(st.Forks) == 0 {
		return "none"
	}
	var sizes []string
	for _, f := range st.Forks {
		sizes = append(sizes, fmt.Sprint(f.Size))
	}
	return "TWO HISTORIES at " + strings.Join(sizes, ", ")
}

// witnessShown is what show prints as JSON: the evidence too.
func witnessShown(key *witness.Key, all []witness.Standing) any {
	type log struct {
		Origin     string         `json:"origin"`
		Size       int64          `json:"size"`
		Root       string         `json:"root"`
		Checkpoint string         `json:"checkpoint"`
		Forks      []witness.Fork `json:"forks"`
	}
	logs := make([]log, len(all))
	for i := range all {
		logs[i] = log{all[i].Origin, all[i].Size(), all[i].Root(), all[i].Checkpoint, append([]witness.Fork{}, all[i].Forks...)}
	}
	return map[string]any{"name": key.Name(), "key": key.Public(), "logs": logs}
}
