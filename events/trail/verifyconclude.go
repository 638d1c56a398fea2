package trail

import (
	"fmt"
	"strings"
)

// conclude says what all this means.
func (v *verification) conclude() {
	r := &v.report
	r.CheatedBy = v.cheatedBy()
	r.NotProved = v.notProved()
	if r.OK() {
		r.Proved = v.proved()
	}
}

func (v *verification) proved() []string {
	r := &v.report
	signer := r.PublicKey
	if len(r.Keys) > 1 {
		signer = "the log"
	}
	proved := []string{
		fmt.Sprintf("the %d events stand at positions %d to %d without a gap, in an order that ledger time agrees with", r.Size-r.From, r.From, r.Size-1),
		fmt.Sprintf("their stored bytes are those that were sealed: the tree over them has the root in the checkpoint at size %d", r.Size),
		fmt.Sprintf("all %d kept checkpoints from there on carry a good signature of %s and agree with that one tree", r.Checkpoints, signer),
	}
	if r.From == 0 {
		proved[2] = fmt.Sprintf("all %d kept checkpoints carry a good signature of %s and agree with that one tree", r.Checkpoints, signer)
	} else {
		proved[1] = fmt.Sprintf("their stored bytes are those that were sealed: the tree over them and over the hashes kept of the %d events before has the root in the checkpoint at size %d", r.From, r.Size)
	}
	if n := len(r.Keys); n > 1 {
		times := "once"
		if n > 2 {
			times = fmt.Sprintf("%d times", n-1)
		}
		proved = append(proved, fmt.Sprintf("its key was rotated %s, each time recorded and signed under both keys, from %s to %s; each checkpoint is signed by the key that was right for its size", times, r.Keys[0].Public, r.Keys[n-1].Public))
	}
	if !v.opts.NoIndex {
		proved = append(proved, "no source and id stands for two events, and columns and key index agree with the bytes")
	}
	if r.Erased > 0 {
		proved[1] = strings.Replace(proved[1], "their stored bytes are", "their stored bytes, but of those that were erased, are", 1)
		proved = append(proved, r.erasedText())
	}
	if r.Elsewhere > 0 {
		proved = append(proved, fmt.Sprintf("the trail continues every checkpoint from elsewhere (%d): nothing up to them was changed or cut off", r.Elsewhere))
	}
	return proved
}

// cheatedBy says who could have made it fit.
func (v *verification) cheatedBy() []string {
	by := []string{"whoever holds the signing key and the database: they can write and sign another history; a checkpoint that somebody else holds, or a witness's co-signature, tells"}
	if v.opts.PublicKey == "" {
		by = append(by, "whoever holds the database alone: the public key was taken from the trail itself and may be theirs; give the one you know")
	} else if len(v.opts.Elsewhere) == 0 {
		by = append(by, "whoever holds the database alone can put an older, shorter state of it back; a checkpoint that was kept elsewhere tells")
	}
	if len(v.report.Keys) > 1 {
		by = append(by, "whoever stole a key before it was replaced: with the database they can rewrite what comes after the newest checkpoint that somebody else holds, the rotation included")
	}
	return append(by, "whoever controls this computer or this program: verify elsewhere, or with another program on the log's tiles")
}

func (v *verification) notProved() []string {
	r := &v.report
	not := []string{"that producers recorded everything that happened, or told the truth"}
	if r.Elsewhere == 0 {
		not = append(not, "that no events were cut off the end: give a checkpoint that was kept elsewhere")
	} else {
		not = append(not, "that no events were cut off behind the newest checkpoint from elsewhere")
	}
	if v.opts.PublicKey == "" {
		not = append(not, "that the key is the log's: it was taken from the trail itself; give the one you know")
	}
	if r.Erased > 0 {
		not = append(not, fmt.Sprintf("what the %d erased events said", r.Erased))
	}
	if r.From > 0 {
		not = append(not, fmt.Sprintf("that the bytes of the %d events before #%d are still there and unchanged, or their tiles: only the hashes that the tree is built on were used", r.From, r.From))
	}
	if v.opts.NoIndex {
		not = append(not, "that the columns and the indexes beside the bytes agree with them: what a search finds may be incomplete or wrong")
	}
	return not
}
