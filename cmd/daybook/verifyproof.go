package main

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/events/client"
	"github.com/daybookhq/daybook/events/seal"
	"github.com/daybookhq/daybook/events/witness"
)

var proofFile = fileKind{
	what:   "a proof file",
	is:     func(head []byte) bool { return bytes.HasPrefix(head, []byte("c2sp.org/tlog-proof@")) },
	verify: verifyProof,
}

// verifyProof checks the proof of one event, and its co-signatures where a
// witness policy says which count.
func verifyProof(cmd *cobra.Command, name, public string) error {
	var policy *witness.Policy
	var err error
	if name := settingsOf(cmd).Elsewhere.Policy; name != "" {
		if policy, err = witness.LoadPolicy(name); err != nil {
			return err
		}
	}
	file, err := readSmall(name, seal.MaxEventProofBytes)
	if err != nil {
		return err
	}
	r := &fileReport{File: name, Kind: "proof", PublicKey: public}
	p, err := seal.ParseEventProof(file)
	if err != nil {
		r.fault("it is no proof file: %v", err)
		r.NotProved = []string{"anything"}
		var at *seal.LineError
		fields := map[string]any{}
		if errors.As(err, &at) {
			fields["line"] = at.Line
		}
		return r.print(cmd, fields)
	}
	fields := proofFields(p, name)
	c, err := p.Check(public)
	if err != nil {
		r.fault("%v", err)
	}
	origin, _ := p.Claims()
	cosigners := cosignersOf(p.Checkpoint, origin)
	fields["cosigners"] = cosigners
	if r.Holds() && policy != nil {
		ring, err := seal.NewKeyring(public, p.Rotations...)
		if err == nil {
			err = policy.ForLog(slices.Compact([]string{ring.First(), ring.Current()})...)
		}
		if err != nil {
			return fmt.Errorf("the witness policy: %w", err)
		}
		if !policy.Satisfied(p.Checkpoint) {
			r.fault("its checkpoint has not the co-signatures that the witness policy asks for; it has %s", several(cosigners))
		}
	}
	if r.Holds() {
		fields["root"] = client.Hash(c.Root)
		proofLines(r, p, c)
		if policy != nil && !policy.Satisfied(nil) {
			r.Proved = append(r.Proved, "enough witnesses, as the policy says, co-signed the checkpoint: they saw no other history of the log")
		}
	}
	r.NotProved = []string{
		"that what the event says is true, or that no later event corrects or retracts it",
		"that the trail still goes on from there: hold it against the checkpoint, daybook verify --checkpoint",
	}
	if p.Event == nil {
		r.NotProved = append(r.NotProved, "that its content was erased: so says the file, and the log says it only in the redaction.applied that names the event; ask for the proof of that one, or for a bundle")
	}
	switch {
	case policy != nil && policy.Satisfied(nil):
		r.NotProved = append(r.NotProved, "that anybody but the log saw this history: the witness policy asks for no co-signature")
	case policy != nil:
	case len(cosigners) > 0:
		r.NotProved = append(r.NotProved, fmt.Sprintf("that anybody but the log saw this history: the co-signatures under it (%s) count for who trusts them, give --witness-policy", several(cosigners)))
	default:
		r.NotProved = append(r.NotProved, "that the log showed everybody this history: nobody else co-signed the checkpoint")
	}
	return r.print(cmd, fields)
}

// proofLines says what a proof that holds is about, and what it proves.
func proofLines(r *fileReport, p *seal.EventProof, c seal.Checkpoint) {
	r.line("log        %s, as of its first %d events", c.Origin, c.Size)
	r.line("root       %s", client.Hash(c.Root))
	if p.Event == nil {
		r.line("event      #%d, erased; its leaf hash was %s", p.Position, client.Hash(p.Leaf))
		r.Proved = append(r.Proved, fmt.Sprintf("place proved, content erased: the log has something at position %d whose hash is this, and nothing tells what it said", p.Position))
		return
	}
	if e, err := events.ParseRecorded(p.Event); err == nil {
		r.line("event      #%d %s", e.Position, e.Short())
		r.line("happened   %s", e.TimeText())
		r.line("recorded   %s by %s", e.LedgerTime.Format(events.LedgerTimeFormat), e.Writer)
		r.line("source     %s", e.Source)
		r.line("id         %s", e.ID)
	}
	r.Proved = append(r.Proved, fmt.Sprintf("the log has this event at position %d, byte for byte as it was recorded: whoever holds its key signed the tree of %d events that it is in", p.Position, c.Size))
	if n := len(p.Rotations); n > 0 {
		r.Proved = append(r.Proved, fmt.Sprintf("the key that signed is the log's: %s of the key lead to it from the one that was given", many(int64(n), "rotation")))
	}
}

// cosignersOf names who signed a checkpoint besides the log, as it says itself.
func cosignersOf(signed []byte, origin string) []string {
	names := []string{}
	_, signatures, _ := bytes.Cut(signed, []byte("\n\n"))
	for line := range strings.Lines(string(signatures)) {
		if part := strings.Fields(line); len(part) == 3 && part[1] != origin && !slices.Contains(names, part[1]) {
			names = append(names, part[1])
		}
	}
	return names
}

func several(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}
