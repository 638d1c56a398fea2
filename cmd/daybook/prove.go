package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/daybookhq/daybook/events/client"
	"github.com/daybookhq/daybook/events/seal"
)

func newProveCmd() *cobra.Command {
	var out string
	cmd := &cobra.Command{
		Use:   "prove POSITION",
		Short: "Write all that proves one event into a file, for whoever knows the log's public key",
		Long: `Prove writes a proof file (C2SP tlog-proof): the event as it was recorded, the
hashes that lead from it to the root of the log, and the checkpoint that commits
to the root, with the log's signature and those of witnesses. Whoever gets it
checks it without asking anybody, with daybook verify FILE or another tool for
such proofs; it shows that the log holds this event, at this position.

Of an event whose content was erased, the place is proved.`,
		Example: `  daybook prove 42 -o event-42.tlog-proof
  daybook prove 42 --json | jq -r .checkpoint
  daybook verify event-42.tlog-proof --public-key log.pub`,
		Args: arguments(1, 1, "one POSITION"),
		RunE: func(cmd *cobra.Command, args []string) error {
			position, err := strconv.ParseInt(strings.TrimPrefix(args[0], "#"), 10, 64)
			if err != nil || position < 0 {
				return usagef("%q is no position; positions are 0, 1, 2 …", args[0])
			}
			var file []byte
			err = with(cmd, true, func(ctx context.Context, c *session) error {
				resp, err := c.Do(ctx, client.Request{Path: fmt.Sprintf("/v1/proofs/event/%d", position), Accept: "text/plain"})
				if err != nil {
					return err
				}
				defer resp.Body.Close()
				file, err = io.ReadAll(io.LimitReader(resp.Body, seal.MaxEventProofBytes+1))
				return err
			})
			if err != nil {
				return err
			}
			p, err := seal.ParseEventProof(file)
			if err != nil {
				return fmt.Errorf("the server sent no proof file: %w", err)
			}
			if p.Position != position {
				return fmt.Errorf("the server sent the proof of #%d", p.Position)
			}
			if out != "" {
				if err := replaceFile(out, file, 0o644); err != nil {
					return err
				}
			}
			w := cmd.OutOrStdout()
			switch {
			case settingsOf(cmd).JSON:
				return printJSON(w, proofFields(p, out))
			case out != "":
				origin, size := p.Claims()
				_, err := fmt.Fprintf(w, "%s: #%d of %s, under its checkpoint of %d events\n", clean(out), p.Position, clean(origin), size)
				return err
			}
			_, err = w.Write(file)
			return err
		},
	}
	cmd.Flags().StringVarP(&out, "output", "o", "", "file to write; default standard output")
	return cmd
}

// proofFields are what a proof file says, for a program to read.
func proofFields(p *seal.EventProof, file string) map[string]any {
	origin, size := p.Claims()
	hashes := make([]client.Hash, len(p.Hashes))
	for i, h := range p.Hashes {
		hashes[i] = client.Hash(h)
	}
	fields := map[string]any{
		"origin": origin, "position": p.Position, "size": size, "leaf_hash": client.Hash(p.Leaf),
		"proof": hashes, "checkpoint": string(p.Checkpoint), "erased": p.Event == nil,
	}
	if json.Valid(p.Event) {
		fields["event"] = json.RawMessage(p.Event)
	}
	if len(p.Rotations) > 0 {
		fields["rotations"] = p.Rotations
	}
	if file != "" {
		fields["file"] = file
	}
	return fields
}
