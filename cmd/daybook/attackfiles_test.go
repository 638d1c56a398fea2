package main

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/daybookhq/daybook/events/trail/trailtest"
)

// ask runs a command that must succeed on the victim's directory.
func (v victim) ask(t *testing.T, args ...string) {
	t.Helper()
	var out, errs bytes.Buffer
	if code := execute(t.Context(), append(args, "--data-dir", v.DataDir), strings.NewReader(""), &out, &errs); code != exitDone {
		t.Fatalf("daybook %q: code %d\n%s", args, code, errs.String())
	}
}

// TestAttacksOnFiles alters what an auditor was given to check away from the
// trail. Each is refused by the log's public key alone.
func TestAttacksOnFiles(t *testing.T) {
	var both [2]victim
	for i := range both {
		o := trailtest.SQLite(t) // of one name, but each with a key of its own
		o.Clock = time.Now
		both[i] = sealTrail(t, o)
	}
	v, other := both[0], both[1]
	proofs, bundles := map[int]string{}, map[string]string{}
	name := func(base string) string { return filepath.Join(v.dir, base) }
	text := func(base string) string {
		b, err := os.ReadFile(name(base))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	for _, p := range []int{41, 42} {
		v.ask(t, "prove", fmt.Sprint(p), "-o", name(fmt.Sprint(p)))
		proofs[p] = text(fmt.Sprint(p))
	}
	other.ask(t, "prove", "41", "-o", name("other"))
	v.ask(t, "export", "incident=p0", "-o", name("bundle"))
	bundles["ours"] = text("bundle")
	other.ask(t, "export", "incident=p0", "-o", name("bundle of another"))
	bundles["other"] = text("bundle of another")
	saved := text("saved.txt")

	extra := regexp.MustCompile(`(?m)^extra (.*)$`)
	replaced := func(s, old, new string) string {
		if !strings.Contains(s, old) {
			t.Fatalf("there is no %q in\n%s", old, s)
		}
		return strings.Replace(s, old, new, 1)
	}
	event := func(n int) string { // the lines of an event of the bundle
		return regexp.MustCompile(fmt.Sprintf(`(?m)^event %d .*\nproof .*\n`, n)).FindString(bundles["ours"])
	}
	for _, a := range []struct{ name, file, says string }{
		{"a proof: nothing", proofs[41], ""},
		{"a proof: a letter of the event", extra.ReplaceAllStringFunc(proofs[41], func(line string) string {
			b, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(line, "extra "))
			if err != nil {
				t.Fatal(err)
			}
			return "extra " + base64.StdEncoding.EncodeToString(bytes.Replace(b, []byte("note 30 of"), []byte("Note 30 of"), 1))
		}), "do not lead from the leaf at position 41 to the root"},
		{"a proof: another event", extra.ReplaceAllString(proofs[41], extra.FindString(proofs[42])), "do not lead from the leaf at position 41 to the root"},
		{"a proof: another position", replaced(proofs[41], "index 41\n", "index 42\n"), "do not lead from the leaf at position 42 to the root"},
		{"a proof: a position beyond the trail", replaced(proofs[41], "index 41\n", "index 9999\n"), "position 9999 is beyond the size"},
		{"a proof: a size beyond the trail", replaced(proofs[41], "\n621\n", "\n9621\n"), "its checkpoint or the signature under it was changed"},
		{"a proof: a hash left out", regexp.MustCompile(`(?m)^[A-Za-z0-9+/]{43}=\n`).ReplaceAllString(proofs[41], ""), "it is no proof file"},
		{"a proof: the end cut off", proofs[41][:len(proofs[41])/2], "the file ends here, though it must go on"},
		{"a proof: of another log", text("other"), "another key than the one given signed it"},
		{"a bundle: nothing", bundles["ours"], ""},
		{"a bundle: a letter of an event", replaced(bundles["ours"], "note 3 of", "Note 3 of"), "event #4: it is not the event that the log has there"},
		{"a bundle: an event left out", replaced(bundles["ours"], event(4), ""), "event #5: it is not the event that the log has there"},
		{"a bundle: an event twice", replaced(bundles["ours"], event(4), event(4)+event(4)), "it repeats hashes of the proof before"},
		{"a bundle: two events swapped", replaced(bundles["ours"], event(4)+event(5), event(5)+event(4)), "event #5: it is not the event that the log has there"},
		{"a bundle: what was asked for", replaced(bundles["ours"], "\nasked incident=p0\n", "\nasked incident=p1\n"), "it is not among what was asked for"},
		{"a bundle: what it covers", replaced(bundles["ours"], `"events":10`, `"events":11`), "but by the lines above it is 10"},
		{"a bundle: the end cut off", bundles["ours"][:len(bundles["ours"])*3/4], "it is cut off"},
		{"a bundle: of another log", bundles["other"], "it is of a log whose first key is"},
		{"checkpoints: nothing", saved, ""},
		{"checkpoints: a size", replaced(saved, "\n301\n", "\n302\n"), "the checkpoint number 1: checkpoint: invalid signature"},
		{"checkpoints: by another key", string(bytes.Join(other.notes, nil)), "not a key of this log"},
		{"checkpoints: the end cut off", saved[:len(saved)*3/5], "has no signature"},
	} {
		t.Run(a.name, func(t *testing.T) {
			write(t, name("altered"), []byte(a.file))
			want := exitNo
			if strings.HasSuffix(a.name, ": nothing") {
				want = exitDone
			}
			code, said := v.audit(t, name("altered"), "--public-key", v.public)
			if code != want || !strings.Contains(said, a.says) {
				t.Fatalf("code %d, wanted %d and %q:\n%s", code, want, a.says, said)
			}
			if code == exitNo && (!strings.Contains(said, "IT DOES NOT HOLD: ") || strings.Contains(said, "It holds")) {
				t.Errorf("it does not say so:\n%s", said)
			}
		})
	}
}
