package bundle_test

import (
	"bytes"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/events/bundle"
	"github.com/daybookhq/daybook/events/trail"
	"github.com/daybookhq/daybook/events/trail/trailtest"
)

var update = flag.Bool("update", false, "rewrite the bundle in testdata")

// TestSameBytesOnBothDatabases also holds the file against the one that this
// version always made: what an auditor kept must be readable for ever.
func TestSameBytesOnBothDatabases(t *testing.T) {
	golden := filepath.Join("testdata", "incident.bundle")
	trailtest.Each(t, func(t *testing.T, o trail.Options) {
		tr := filled(t, o)
		h, err := tr.Head(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		b, made := export(t, tr, bundle.Request{Asked: incident("INC-7")})
		if *update {
			if err := os.WriteFile(golden, b, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(b, want) {
			t.Errorf("not the bytes of %s: %s", golden, apart(b, want))
		}
		r := check(t, b, publicKey(t))
		c := r.Coverage
		if made.Events != 4 || c.Events != 4 || c.Size != h.Size || c.Whole || c.Amendments != 2 || c.Gaps != 1 || c.NotBefore != 1 ||
			c.NotBefore+c.NotBetween+c.NotAfter+c.Events != c.Size || c.FirstHappened != "2026-03-14T12:00:00Z" || c.LastHappened != "2026-03-14T12:09:00Z" {
			t.Errorf("%+v", c)
		}
		if len(r.Sources) != 3 || r.Sources[1].Source != "/ci" || r.Sources[1].Events != 2 {
			t.Errorf("%+v", r.Sources)
		}
		if r.Receipt.Position != h.Size || r.Receipt.Actor != "auditor-1" || r.Receipt.Digest != made.Digest || r.OwnKey {
			t.Errorf("%+v", r.Receipt)
		}

		// Once more, with more in the trail and other pages: the same up to the receipt.
		again, _ := export(t, tr, bundle.Request{Asked: incident("INC-7"), Size: h.Size})
		if body := cut(b); !bytes.Equal(body, cut(again)) || bytes.Equal(b, again) {
			t.Errorf("the same request over the same prefix: %s", apart(again, b))
		}
		check(t, again, publicKey(t))
	})
}

// apart names the first line in which two files differ.
func apart(got, want []byte) string {
	g, w := strings.Split(string(got), "\n"), strings.Split(string(want), "\n")
	for i := range g {
		if i >= len(w) || g[i] != w[i] {
			return "line " + strconv.Itoa(i+1) + " is " + g[i] + ", not " + w[min(i, len(w)-1)]
		}
	}
	return "it is shorter"
}

func cut(b []byte) []byte { return b[:bytes.Index(b, []byte("\nreceipt "))] }

// TestEverySizeAndFilter exports all there is of a trail at many sizes, and
// parts of it.
func TestEverySizeAndFilter(t *testing.T) {
	tr := filled(t, trailtest.SQLite(t))
	for size := int64(1); size <= 157; size += 1 + size/16 {
		b, made := export(t, tr, bundle.Request{Size: size})
		r := check(t, b, publicKey(t))
		if !r.Coverage.Whole || made.Events != size || r.Coverage.Events != size || r.Asked != bundle.Everything {
			t.Fatalf("%d: %+v", size, r)
		}
	}
	key := func(kind events.Kind, value string) []events.Key { return []events.Key{{Kind: kind, Value: value}} }
	for text, c := range map[string]struct {
		asked bundle.Asked
		count int64
	}{
		`type=rollback.*`:         {bundle.Asked{Filter: trail.Filter{Types: []string{"rollback.*"}}}, 1},
		`source="/chat room"`:     {bundle.Asked{Filter: trail.Filter{Keys: key(events.KindSource, "/chat room")}}, 1},
		`text="é\n"`:              {bundle.Asked{Filter: trail.Filter{Text: "é\n"}}, 0},
		`text="–"`:                {bundle.Asked{Filter: trail.Filter{Text: "–"}}, 1},
		`incident=none`:           {incident("none"), 0},
		`type=note.* type=event*`: {bundle.Asked{Filter: trail.Filter{Types: []string{"note.*", "event*"}}}, 152},
	} {
		b, made := export(t, tr, bundle.Request{Asked: c.asked, Size: 157})
		r := check(t, b, publicKey(t))
		if r.Asked != text || made.Asked != text || made.Events != c.count || r.Coverage.Events != c.count {
			t.Errorf("%s: %d events of %s", text, made.Events, made.Asked)
		}
	}
}

// TestByHand runs what the file itself says that its reader can do.
func TestByHand(t *testing.T) {
	for _, tool := range []string{"sh", "sed", "awk", "openssl", "base64", "cut"} {
		if _, err := exec.LookPath(tool); err != nil {
			leaveOut(t, "%s is not here", tool)
		}
	}
	if v, err := exec.CommandContext(t.Context(), "openssl", "version").Output(); err != nil || !bytes.HasPrefix(v, []byte("OpenSSL 3")) {
		leaveOut(t, "it takes OpenSSL 3, this is %s", v)
	}
	b, err := os.ReadFile(filepath.Join("testdata", "incident.bundle"))
	if err != nil {
		t.Fatal(err)
	}
	run := func(b []byte, position int) string {
		t.Helper()
		dir := t.TempDir()
		var script strings.Builder
		for line := range strings.Lines(string(b)) {
			if command, ok := strings.CutPrefix(line, "#   "); ok {
				script.WriteString(command)
			}
		}
		if err := os.WriteFile(filepath.Join(dir, "bundle"), b, 0o600); err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(t.Context(), "sh", "-c", script.String())
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "FILE=bundle", "KEY="+publicKey(t), "P="+strconv.Itoa(position))
		out, err := cmd.CombinedOutput()
		if err != nil && len(out) == 0 {
			t.Fatal(err)
		}
		return string(out)
	}
	r := check(t, b, publicKey(t))
	for _, position := range []int{1, 39, 40, 156} {
		out := run(b, position)
		for _, want := range []string{"Signature Verified Successfully", "event " + strconv.Itoa(position) + " is in the log", strings.TrimPrefix(r.Receipt.Digest, "sha256:")} {
			if !strings.Contains(out, want) {
				t.Errorf("%q is missing of %d:\n%s", want, position, out)
			}
		}
	}
	changed := bytes.Replace(b, []byte("note-2"), []byte("note-3"), 1)
	if out := run(changed, 40); strings.Contains(out, "is in the log") {
		t.Errorf("a changed event:\n%s", out)
	}
	changed = bytes.Replace(b, []byte("checkpoint 157"), []byte("checkpoint 158"), 1)
	if out := run(changed, 40); strings.Contains(out, "Verified Successfully") {
		t.Errorf("a changed checkpoint:\n%s", out)
	}
}

// leaveOut skips a test for want of a tool, which CI must not.
func leaveOut(t *testing.T, format string, args ...any) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf(format, args...)
	}
	t.Skipf("LEFT OUT: "+format, args...)
}
