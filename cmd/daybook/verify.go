package main

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/daybookhq/daybook/events/trail"
)

func newVerifyCmd() *cobra.Command {
	var publicKey string
	var checkpoints []string
	cmd := &cobra.Command{
		Use:   "verify [FILE…]",
		Short: "Prove that the trail is what was recorded, or name the first position that is not",
		Long: `Verify reads every stored byte again, recomputes the whole Merkle tree, and holds
everything against it: tiles, every checkpoint that was ever signed, the index.
It opens the database for reading only, also beside a running server.

Give it a checkpoint that was kept elsewhere (GET /v1/head shows one), and it
proves besides that nothing was cut off or rewritten since.

Given files, it checks each of them instead, away from the trail and without a
network, with nothing but the log's public key: saved checkpoints.

The exit code is 3 when something does not fit.`,
		Example: `  daybook verify
  daybook verify --checkpoint last-month.txt --public-key 'daybook.example/3f9a+1f2e3d4c+AX…'
  daybook verify --public-key log.pub last-month.txt
  daybook verify --json`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, files []string) error {
			s := settingsOf(cmd)
			publicKey, err := publicKeyOf(publicKey)
			if err != nil {
				return err
			}
			if len(files) > 0 {
				if len(checkpoints) > 0 {
					return usagef("--checkpoint is what a trail is held against; a FILE is checked by itself")
				}
				return verifyFiles(cmd, files, publicKey)
			}
			if s.Server != "" {
				return usagef("verify reads the database itself, since a server could say anything; leave --server out")
			}
			if err := s.exists(); err != nil {
				return err
			}
			vo := trail.VerifyOptions{PublicKey: publicKey}
			for _, name := range checkpoints {
				b, err := os.ReadFile(name)
				if err != nil {
					return fmt.Errorf("reading the checkpoint: %w", err)
				}
				vo.Elsewhere = append(vo.Elsewhere, trail.Elsewhere{From: name, Note: b})
			}
			bar := verifyBar(cmd)
			vo.Progress = func(phase string, done, total int64) {
				bar.Describe("verifying " + phase)
				bar.ChangeMax64(total)
				bar.Set64(done)
			}
			report, err := trail.Verify(cmd.Context(), trailOptions(s, slog.New(slog.DiscardHandler)), vo)
			bar.Finish()
			if err != nil {
				return err
			}
			if s.JSON {
				err = printJSON(cmd.OutOrStdout(), report)
			} else {
				var b bytes.Buffer
				report.WriteTo(&b)
				_, err = io.WriteString(cmd.OutOrStdout(), cleanLines(strings.TrimRight(b.String(), "\n"))+"\n")
			}
			if err != nil {
				return err
			}
			if !report.OK() {
				return notHeld("the trail is not what was recorded; the first bad position is #%d", report.FirstBad())
			}
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&publicKey, "public-key", "", "the log's public key as you know it, or a file that holds it; for a trail, default that of the signing key, else the trail's own")
	f.StringArrayVar(&checkpoints, "checkpoint", nil, "file with a signed checkpoint that was kept elsewhere (repeatable)")
	return cmd
}
