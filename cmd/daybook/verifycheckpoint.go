package main

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/daybookhq/daybook/events/seal"
	"github.com/daybookhq/daybook/events/witness"
)

// checkpointFile is a file of saved checkpoints, one or many.
var checkpointFile = fileKind{
	what: "saved checkpoints",
	is: func(head []byte) bool {
		// The second line of a checkpoint is a size, whatever is first.
		lines := bytes.SplitN(bytes.TrimLeft(head, "\r\n"), []byte("\n"), 3)
		if len(lines) < 3 {
			return false
		}
		size := bytes.TrimSuffix(lines[1], []byte("\r"))
		return len(size) > 0 && len(bytes.Trim(size, "0123456789")) == 0
	},
	verify: verifyCheckpoints,
}

// savedCheckpoint is one of a file, as its report tells it.
type savedCheckpoint struct {
	Origin string `json:"origin"`
	Size   int64  `json:"size"`
	Root   string `json:"root"`
}

// verifyCheckpoints checks the signatures of saved checkpoints. Whether a trail
// fits them is what verify --checkpoint says.
func verifyCheckpoints(cmd *cobra.Command, name, public string) error {
	b, err := readSmall(name, seal.MaxSavedBytes)
	if err != nil {
		return err
	}
	ring, err := savedKeyring(cmd, public)
	if err != nil {
		return err
	}
	var policy *witness.Policy
	if named := settingsOf(cmd).Elsewhere.Policy; named != "" {
		if policy, err = witness.LoadPolicy(named); err != nil {
			return err
		}
		if err := policy.ForLog(slices.Compact([]string{ring.First(), ring.Current()})...); err != nil {
			return fmt.Errorf("the witness policy: %w", err)
		}
	}
	r := fileReport{File: name, Kind: "checkpoints", PublicKey: public, NotProved: []string{
		"that the trail fits: hold it against them with daybook verify --checkpoint",
		"that the log showed everybody the same: ask whoever else holds a checkpoint of it",
	}}
	notes, err := seal.SplitCheckpoints(b)
	if err != nil {
		r.fault("%v", err)
	}
	var saved []savedCheckpoint
	roots := map[int64]seal.Hash{}
	for i, note := range notes {
		c, err := ring.Open(note)
		if errors.Is(err, seal.ErrUnknownKey) && len(ring.Spans()) == 1 {
			err = fmt.Errorf("%w; if the log rotated its key, give --rotations, from daybook keys --rotations", err)
		}
		if err != nil {
			r.fault("the checkpoint number %d: %v", i+1, err)
			continue
		}
		if root, ok := roots[c.Size]; ok && root != c.Root {
			r.fault("the checkpoint number %d: the log signed two different trees of %d events; it holds two histories", i+1, c.Size)
		}
		roots[c.Size] = c.Root
		if policy != nil && !policy.Satisfied(note) {
			r.fault("the checkpoint number %d, at %d events, has not the co-signatures that the witness policy asks for; it has %s", i+1, c.Size, several(cosignersOf(note, c.Origin)))
		}
		saved = append(saved, savedCheckpoint{c.Origin, c.Size, base64.StdEncoding.EncodeToString(c.Root[:])})
	}
	if r.Holds() {
		r.Proved = []string{fmt.Sprintf("the holder of the key signed %s: the log had that many events, under that root", plural(len(saved), "the checkpoint", fmt.Sprintf("each of the %d checkpoints", len(saved))))}
		for _, c := range saved {
			r.line("%s at %d events, root %s", c.Origin, c.Size, c.Root)
		}
	}
	return r.print(cmd, map[string]any{"checkpoints": saved})
}

// savedKeyring is the known key and what --rotations says came after it.
// Checkpoints carry nothing of that themselves.
func savedKeyring(cmd *cobra.Command, public string) (*seal.Keyring, error) {
	name, _ := cmd.Flags().GetString("rotations")
	if name == "" {
		return seal.NewKeyring(public)
	}
	b, err := readSmall(name, seal.MaxRotations*seal.MaxRotationBytes)
	if err != nil {
		return nil, fmt.Errorf("reading the rotations of the key: %w", err)
	}
	chain, err := seal.ParseRotations(b)
	if err != nil {
		return nil, fmt.Errorf("--rotations %s: %w", name, err)
	}
	ring, err := seal.NewKeyring(public, chain...)
	if err != nil {
		return nil, notHeld("--rotations %s: %w", name, err)
	}
	return ring, nil
}
