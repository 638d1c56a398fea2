package reports_test

import (
	"errors"
	"flag"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/daybookhq/daybook/events/histories"
	"github.com/daybookhq/daybook/events/trail"
	"github.com/daybookhq/daybook/events/trail/trailtest"
	"github.com/daybookhq/daybook/projections"
	"github.com/daybookhq/daybook/reports"
	"github.com/daybookhq/daybook/reports/markdown"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// A golden is one document from the library, as it stood when a history had
// been entered.
type golden struct {
	file    string
	after   string // the history
	request reports.Request
}

func at(s string) time.Time {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		panic(err)
	}
	return t
}

var goldens = []golden{
	{"postmortem-shakespeare-2015-10-21", "shakespeare-2015-10-21", reports.Request{Kind: "postmortem", ID: "INC-465", At: at("2015-10-22T09:00:00Z"), Zone: "America/Los_Angeles"}},
	{"postmortem-gitlab-2017-01-31", "gitlab-2017-01-31", reports.Request{Kind: "postmortem", ID: "INC-2017-01-31", At: at("2017-02-11T09:00:00Z"), Zone: "Europe/Amsterdam"}},
	{"postmortem-cloudflare-2019-07-02", "cloudflare-2019-07-02", reports.Request{Kind: "postmortem", ID: "INC-2019-07-02", At: at("2019-07-13T09:00:00Z")}},
	{"postmortem-jwt-seed", "jwt-seed", reports.Request{Kind: "postmortem", ID: "INC-JWT", At: at("2024-05-15T09:00:00Z")}},
	{"postmortem-jwt-publisher", "jwt-publisher", reports.Request{Kind: "postmortem", ID: "INC-JWT-CLOCK", At: at("2024-05-16T09:00:00Z")}},
	{"postmortem-lockdown", "lockdown-rollout", reports.Request{Kind: "postmortem", ID: "lockdown", At: at("2026-02-02T09:00:00Z")}},
	{"postmortem-em-12", "emergency-pii", reports.Request{Kind: "postmortem", ID: "EM-12", At: at("2026-03-15T20:30:00Z"), Zone: "Asia/Kolkata"}},
	{"followup-em-12", "emergency-pii", reports.Request{Kind: "followup", ID: "EM-12", At: at("2026-03-15T20:30:00Z"), Zone: "Asia/Kolkata"}},
	{"followup-em-13", "emergencies-2026-03", reports.Request{Kind: "followup", ID: "EM-13", At: at("2026-04-02T09:00:00Z")}},
	{"followup-em-14", "emergencies-2026-03", reports.Request{Kind: "followup", ID: "EM-14", At: at("2026-04-02T09:00:00Z")}},
	{"postmortem-inc-31", "emergencies-2026-03", reports.Request{Kind: "postmortem", ID: "INC-31", At: at("2026-04-02T09:00:00Z"), Names: true}},
	{"emergencies-2026-03", "emergencies-2026-03", reports.Request{Kind: "emergencies", ID: "2026-03", At: at("2026-04-01T00:00:00Z")}},
	{"emergencies-2026-01", "emergencies-2026-03", reports.Request{Kind: "emergencies", ID: "2026-01", At: at("2026-04-02T09:00:00Z"), Zone: "Asia/Kolkata"}},
}

// library enters the histories in the order in which they happened, each soon
// after, in a trail whose clock and salts are fixed, so that the roots, too, are
// always the same. It says how many events there were after each.
func library(t testing.TB, o trail.Options) (*trail.Trail, map[string]int64) {
	t.Helper()
	now := at("2015-10-22T08:00:00Z")
	o.Clock = func() time.Time { return now }
	o.Rand = rand.NewChaCha8([32]byte{1})
	tr := trailtest.Open(t, o)
	sizes := map[string]int64{}
	for _, h := range []struct{ name, entered string }{
		{"shakespeare-2015-10-21", "2015-10-22T08:00:00Z"}, {"gitlab-2017-01-31", "2017-02-11T08:00:00Z"},
		{"cloudflare-2019-07-02", "2019-07-13T08:00:00Z"}, {"jwt-seed", "2024-05-15T08:00:00Z"}, {"jwt-publisher", "2024-05-16T08:00:00Z"},
		{"lockdown-rollout", "2026-02-02T08:00:00Z"}, {"emergency-pii", "2026-03-15T20:00:00Z"}, {"emergencies-2026-03", "2026-04-01T08:00:00Z"},
	} {
		evs, err := histories.Events(h.name)
		if err != nil {
			t.Fatal(err)
		}
		now = at(h.entered)
		trailtest.Append(t, tr, evs...)
		head, err := tr.Head(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		sizes[h.name] = head.Size
	}
	return tr, sizes
}

func TestGolden(t *testing.T) {
	trailtest.Each(t, func(t *testing.T, o trail.Options) {
		tr, sizes := library(t, o)
		posted := rows(t, tr)
		for _, g := range goldens {
			t.Run(g.file, func(t *testing.T) {
				g.request.Size = sizes[g.after]
				doc := render(t, tr, g.request)
				checkShape(t, doc)
				again, err := reports.New(reports.Deps{Trail: tr, Register: posted}).Render(t.Context(), g.request)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(string(doc.Markdown), string(again.Markdown)); diff != "" {
					t.Errorf("the posted rows give another document than a fold from zero (-folded +posted)\n%s", diff)
				}
				file := filepath.Join("testdata", g.file+".md")
				if *update {
					if err := os.WriteFile(file, doc.Markdown, 0o644); err != nil {
						t.Fatal(err)
					}
				}
				want, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(string(want), string(doc.Markdown)); diff != "" {
					t.Errorf("%s changed (-want +got); look at it and run go test ./reports -run TestGolden -update\n%s", file, diff)
				}
			})
		}
	})
}

// rows are what the projections have posted of a trail.
func rows(t testing.TB, tr *trail.Trail) *projections.Reader {
	t.Helper()
	runner, err := projections.Open(t.Context(), tr, projections.Options{})
	if err != nil {
		t.Fatal(err)
	}
	head, err := tr.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := runner.CatchUp(t.Context(), head.Size); err != nil {
		t.Fatal(err)
	}
	return runner.Reader()
}

// checkShape holds for every document whatever it says.
func checkShape(t testing.TB, doc reports.Document) {
	t.Helper()
	md := string(doc.Markdown)
	for _, bad := range []string{"%!", "<nil>", "NaN", "Inf", "0001-01-01", " ,", "..", "\n\n\n", "  ", "[#-"} {
		if strings.Contains(md, bad) {
			t.Errorf("the document contains %q:\n%s", bad, md)
		}
	}
	seen := map[string]bool{}
	for _, b := range markdown.Blocks(doc.Markdown) {
		if seen[b.Name] {
			t.Errorf("block %s stands twice", b.Name)
		}
		seen[b.Name] = true
	}
	if n := strings.Count(md, "<!-- daybook:"); n != 2*len(seen) {
		t.Errorf("%d markers for %d blocks", n, len(seen))
	}
	if !seen["footer"] {
		t.Error("there is no footer")
	}
}

func render(t testing.TB, tr keyed, req reports.Request) reports.Document {
	t.Helper()
	doc, err := reports.New(reports.Deps{Trail: tr, Register: folded{tr}}).Render(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func isRequest(err error) bool { return errors.Is(err, reports.ErrRequest) }

func isNotFound(err error) bool { return errors.Is(err, reports.ErrNotFound) }
