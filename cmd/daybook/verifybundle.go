package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/daybookhq/daybook/events/bundle"
	"github.com/daybookhq/daybook/events/witness"
)

var bundleFile = fileKind{what: "a bundle", is: bundle.Is, verify: verifyBundle, keyless: true}

// verifyBundle checks a bundle, however large, in one pass, and the signatures
// of others in it where a witness policy says which count.
func verifyBundle(cmd *cobra.Command, name, public string) error {
	var policy *witness.Policy
	if named := settingsOf(cmd).Elsewhere.Policy; named != "" {
		var err error
		if policy, err = witness.LoadPolicy(named); err != nil {
			return err
		}
	}
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	bar := verifyBar(cmd)
	b, err := bundle.Verify(f, bundle.VerifyOptions{PublicKey: public, Progress: func(position, size int64) {
		bar.ChangeMax64(size)
		bar.Set64(position)
	}})
	bar.Finish()
	r := &fileReport{File: name, Kind: "bundle", PublicKey: b.PublicKey}
	fields := map[string]any{"asked": b.Asked}
	var fault *bundle.Fault
	switch {
	case errors.As(err, &fault):
		r.fault("%v", fault)
		fields["line"] = fault.Line
		if fault.Position >= 0 {
			fields["position"] = fault.Position
		}
	case err != nil:
		return err
	case policy != nil:
		if err := policy.ForLog(b.PublicKey); err != nil {
			return fmt.Errorf("the witness policy: %w", err)
		}
		if !policy.Satisfied(b.Note) {
			r.fault("it has no checkpoint with the co-signatures that the witness policy asks for; it has those of %s", several(b.Cosigners))
		}
	}
	if r.Holds() {
		fields["bundle"] = b
		bundleLines(r, &b)
		bundleProved(r, &b, policy != nil)
	}
	bundleNotProved(r, &b, policy != nil)
	return r.print(cmd, fields)
}

// bundleLines says what is in a bundle that holds.
func bundleLines(r *fileReport, b *bundle.Report) {
	c := &b.Coverage
	r.line("asked for  %s", b.Asked)
	r.line("log        %s, as of its first %d events", b.Origin, c.Size)
	r.line("root       %s", c.Root)
	r.line("events     %d", c.Events)
	if c.Erased > 0 {
		r.line("erased     %d of them: place proved, content erased", c.Erased)
	}
	if c.FirstRecorded != "" {
		r.line("recorded   %s to %s", c.FirstRecorded, c.LastRecorded)
		r.line("happened   %s to %s", c.FirstHappened, c.LastHappened)
	}
	for i, s := range b.Sources {
		if i == 20 {
			r.line("           and %d further sources", len(b.Sources)-i)
			break
		}
		r.line("source     %s (%d)", s.Source, s.Events)
	}
	if c.Unlisted > 0 {
		r.line("           and sources that are not listed (%d)", c.Unlisted)
	}
	if c.Amendments > 0 {
		r.line("amended    %s shown: corrections, retractions or erasures", many(c.Amendments, "event"))
	}
	if c.Gaps > 0 {
		r.line("gaps       %s of the log that say what is missing", many(c.Gaps, "event"))
	}
	r.line("exported   by %s, recorded %s as #%d", b.Receipt.Actor, b.Receipt.Recorded.UTC().Format(time.RFC3339), b.Receipt.Position)
	if b.Cosigned > 0 {
		r.line("co-signed  at %d events, as the file says by %s", b.Cosigned, strings.Join(b.Cosigners, ", "))
	}
}

func bundleProved(r *fileReport, b *bundle.Report, witnessed bool) {
	c := &b.Coverage
	proved := func(format string, args ...any) { r.Proved = append(r.Proved, fmt.Sprintf(format, args...)) }
	if b.OwnKey {
		proved("nothing about the log you may have in mind: without --public-key, what follows is about the log whose key the file itself names")
	}
	switch n := c.Events - c.Erased; n {
	case 0:
	case 1:
		proved("the event is in the log, at its position, byte for byte as it was recorded")
	default:
		proved("each of the %d events is in the log, at its position, byte for byte as it was recorded", n)
	}
	if c.Erased > 0 {
		proved("%s of the log had a content that was erased: place proved, content erased", many(c.Erased, "place"))
	}
	if c.Whole {
		proved("nothing is left out: these are all of the log's first %d events", c.Size)
	}
	if c.Amendments > 0 {
		proved("the corrections, retractions and erasures shown are in the log and are about the events they stand under")
	}
	proved("the counts, times and sources that the file states are those of the events in it")
	proved("the log itself, at #%d, says that %s was given exactly this as the answer to exactly that question", b.Receipt.Position, b.Receipt.Actor)
	switch {
	case b.Cosigned > 0 && witnessed:
		proved("enough witnesses, as the policy says, co-signed the log at %d events, which is the same history: %s", b.Cosigned, seen(b))
	case b.Cosigned > 0:
		proved("the checkpoint at %d events, which others are said to have co-signed, is of the same history", b.Cosigned)
	}
}

// seen says how much of the prefix the witnesses saw.
func seen(b *bundle.Report) string {
	if b.Cosigned >= b.Coverage.Size {
		return "they saw no other, and it covers all that this file was made of"
	}
	return fmt.Sprintf("they saw no other of its first %d events", b.Cosigned)
}

func bundleNotProved(r *fileReport, b *bundle.Report, witnessed bool) {
	c := &b.Coverage
	not := func(text string) { r.NotProved = append(r.NotProved, text) }
	if r.Holds() {
		if b.OwnKey {
			not("that this is the log you mean: whoever made the file can have made the key; get the key from elsewhere and give --public-key")
		}
		if !c.Whole {
			not(fmt.Sprintf("that nothing else in the log fits what was asked for: %d of its first %d events are not in the file, and proofs of what is there say nothing of what is not; an export of everything would", c.Size-c.Events, c.Size))
		}
		if c.Cut > 0 {
			not(fmt.Sprintf("what else amends %s, of which not all is shown", many(c.Cut, "event")))
		}
		if b.Late > 0 {
			not(fmt.Sprintf("why %s are erased: that was recorded after the prefix that was exported", many(b.Late, "event")))
		}
		switch {
		case witnessed && b.Cosigned < c.Size:
			not(fmt.Sprintf("that others were shown the same log from event %d on", b.Cosigned))
		case !witnessed && b.Cosigned > 0:
			not(fmt.Sprintf("that others were shown the same log: the co-signatures of %s count for who trusts them, give --witness-policy", several(b.Cosigners)))
		case !witnessed:
			not("that others were shown the same log: compare the checkpoint with one that somebody else holds")
		}
	}
	not("that events recorded later do not correct or retract these")
	not("that what the producers said is true, or all they should have said")
}
