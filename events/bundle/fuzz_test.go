package bundle_test

import (
	"bytes"
	"errors"
	"os"
	"testing"

	"github.com/daybookhq/daybook/events/bundle"
)

// FuzzVerify looks for bytes that are taken for a bundle of a log without being
// the one that the log made, and for any that end in a panic.
func FuzzVerify(f *testing.F) {
	raw, err := os.ReadFile("testdata/incident.bundle")
	if err != nil {
		f.Fatal(err)
	}
	good := linesOf(raw)
	f.Add(raw)
	f.Add(good.written().bytes())
	f.Add(good.without(good.at("event 156 "), 2).bytes())
	f.Add(good[:good.at("receipt ")].bytes())
	f.Add(good[:good.at("event ")].bytes())
	f.Add(good.swap("event 39 ", good[good.at("event 39 ")], "erased 39 4PlNbuZvUbuY/1pXMKxOnVr/nzzN3O2dzmFsGWQKFyM=\n").bytes())
	f.Add(good.swap("proof", "proof", "proof *1").bytes())
	f.Add(good.with(good.at("event "), good[good.at("checkpoint "):good.at("event ")]...).bytes())
	f.Add(good.with(good.at("asked "), `rotation {"record":"{}","proof":[],"checkpoint":""}`+"\n").bytes())
	f.Add([]byte(bundle.Magic + "\n"))
	f.Add([]byte{})
	key := publicKey(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		_, err := bundle.Verify(bytes.NewReader(b), bundle.VerifyOptions{PublicKey: key})
		if err == nil && !bytes.Equal(b, raw) {
			t.Fatalf("taken for a bundle of the log:\n%s", b)
		}
		if fault := (*bundle.Fault)(nil); err != nil && !errors.As(err, &fault) {
			t.Fatalf("no fault: %v", err)
		}
		bundle.Verify(bytes.NewReader(b), bundle.VerifyOptions{})
	})
}

// FuzzAsked holds every text that is read against what it says: there is one
// way to write it.
func FuzzAsked(f *testing.F) {
	for _, s := range []string{
		bundle.Everything, "incident=INC-7", `type=rollback.* type=note.* text="to be"`, "story=incident/INC-7",
		`source="/a b" actor=u-7 from=2026-03-01T00:00:00Z to=2026-03-02T00:00:00.5Z`, `text="\"\\\n\u0000é"`, "incident", "=", `text="`, "a=b=c",
		"recorded-from=2026-03-01T00:00:00Z recorded-to=2026-03-01T00:00:00+01:00",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := bundle.ParseAsked(s)
		if err != nil {
			return
		}
		again, err := a.Text()
		if err != nil || again != s {
			t.Fatalf("%q is written %q (%v)", s, again, err)
		}
	})
}
