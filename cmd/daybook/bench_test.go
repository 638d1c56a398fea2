package main

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"
)

// Each benchmark runs, prints what it measured, and leaves nothing behind. How
// fast it was is nobody's business here.
func TestBench(t *testing.T) {
	for _, name := range []string{"append", "http", "projections", "report", "verify", "prove"} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			var out, errs bytes.Buffer
			if code := run([]string{"bench", name, "--duration", "20ms", "--events", "2000", "--dir", dir, "--json"}, strings.NewReader(""), &out, &errs); code != exitDone {
				t.Fatalf("exit %d: %s", code, errs.String())
			}
			var said struct{ Measures []measure }
			if err := json.Unmarshal(out.Bytes(), &said); err != nil || len(said.Measures) == 0 {
				t.Fatalf("%v: %s", err, out.String())
			}
			for i, m := range said.Measures {
				if m.PerSecond == nil || *m.PerSecond <= 0 || m.Database != "sqlite" {
					t.Errorf("measured %+v", m)
				}
				limited := name != "report" && name != "prove" && (name != "verify" || i < 2)
				if limited && (m.Raw == nil || m.Ratio == nil || m.RawWhat == "") {
					t.Errorf("no raw limit beside %+v", m)
				}
			}
			if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
				t.Errorf("left behind: %v, %v", left, err)
			}
		})
	}
}
