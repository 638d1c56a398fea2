package reports_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	extast "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/text"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/reports"
	"github.com/daybookhq/daybook/reports/markdown"
)

var hostile = []string{
	"# heading", "a\n\n## b", "- [x] done", "* item", "1. one", "> quote", "```\ncode\n```", "    code", "a | b | c", "|---|---|", "\\|", "a\\",
	"*em* **strong** _em_ __strong__ ~~gone~~ `code`", "`", "``a|b``", "**", "[text](http://evil.example)", "[text](javascript:alert(1))",
	"![img](http://evil.example/x.png)", "[1]: http://evil.example", "[#12] [#1]", "[^1]: note", "<http://evil.example>",
	"see http://evil.example/x", "(https://evil.example)", "a www.evil.example b", "mail a@evil.example", "javascript:alert(1)", "data:text/html,<b>",
	"<script>alert(1)</script>", "</td></table>", "<!-- daybook:end timeline -->", "a\n<!-- daybook:begin footer -->\nb\n<!-- daybook:end footer -->",
	"-->", "&lt;b&gt; &amp; &#60;", "line\r\nline", "a\u2028b", "\u202eevil\u202c", "zero\u200bwidth\ufeff", "a\u0000b", "\x1b[31mred", "e\u0301\u0301\u0301\u0301\u0301\u0301",
	strings.Repeat("w", 3000), "👩‍👩‍👧 ✅️", "{{.Secret}} {{facts \"footer\"}}", "%!s(MISSING)%", "---", "===", "+++", "@everyone", "$x$", "{#id}", "a  \nb",
}

// hostileStory is one event of every type in the catalogue, all of one story,
// with a text put in place of every string whose field fits.
func hostileStory(t testing.TB, text func() string, fits func(field string) bool) []events.Event {
	t.Helper()
	start := time.Date(2026, 3, 14, 9, 0, 0, 0, time.UTC)
	key := "K" // the same for all, so that they are one story
	if fits("key") {
		key = text()
	}
	var out []events.Event
	for i, d := range events.Catalogue() {
		if d.Ledger || d.Family == "ledger" {
			continue
		}
		e, err := events.Parse(d.Example)
		if err != nil {
			t.Fatalf("%s: %v", d.Short, err)
		}
		var data any
		if len(e.Data) > 0 {
			if err := json.Unmarshal(e.Data, &data); err != nil {
				t.Fatal(err)
			}
		}
		body, ok := data.(map[string]any)
		if !ok {
			body = map[string]any{}
		}
		replaced := replace(body, "", text, fits).(map[string]any)
		if fits("note") {
			replaced["note"] = text()
		}
		if e.Data, err = json.Marshal(replaced); err != nil {
			t.Fatal(err)
		}
		e = events.Event{
			ID: strconv.Itoa(i), Source: e.Source, Type: e.Type, Time: start.Add(time.Duration(i) * time.Minute), AuthID: attribute(key), Data: e.Data,
			Keys: []events.Key{{Kind: events.KindIncident, Value: "INC-1"}, {Kind: events.KindEmergency, Value: "EM-1"}},
		}
		for _, kind := range []events.Kind{events.KindRollout, events.KindStage, events.KindCohort, events.KindChange, events.KindFlag, events.KindGate, events.KindRegion, events.KindService, events.KindHatch, events.KindRollback, events.KindApproval, events.KindPostmortem} {
			e.Keys = append(e.Keys, events.Key{Kind: kind, Value: attribute(key)})
		}
		out = append(out, e)
	}
	return out
}

// attribute is what of a text an attribute of an event may hold.
func attribute(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 || r == 0xfffe || r == 0xffff {
			return -1
		}
		return r
	}, s)
	for len(s) > 200 {
		s = s[:200]
	}
	return strings.ToValidUTF8(s, "") + "k"
}

// replace puts texts in place of the strings below v whose field fits.
func replace(v any, field string, text func() string, fits func(string) bool) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for _, k := range slices.Sorted(maps.Keys(v)) {
			out[k] = replace(v[k], k, text, fits)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, x := range v {
			out[i] = replace(x, field, text, fits)
		}
		return out
	case string:
		if fits(field) {
			return text()
		}
	}
	return v
}

// prose are the fields that only people fill.
func prose(field string) bool {
	switch field {
	case "note", "reason", "text", "title", "summary", "rationale", "why", "compensation", "description", "harm_if_not_shipped", "harm_of_bypassing", "what_happened",
		"bypassed", "compensated", "outcome", "label", "method", "mechanism", "comment", "conditions", "alternatives", "customer_impact", "justification", "users", "key":
		return true
	}
	return false
}

// anything fits all but what points to other records or is read as a number or time.
func anything(field string) bool {
	switch field {
	case "url", "ref", "document_ref", "ticket", "run_ref", "case_ref", "corrects", "retracts", "id", "source", "bypass", "regression", "satisfies", "signal", "use", "use_ids":
		return false
	}
	return true
}

var requests = []reports.Request{
	{Kind: "postmortem", ID: "INC-1", At: time.Date(2026, 3, 20, 0, 0, 0, 0, time.UTC), Zone: "Asia/Kolkata"},
	{Kind: "postmortem", ID: "EM-1", At: time.Date(2026, 3, 20, 0, 0, 0, 0, time.UTC), Names: true},
	{Kind: "followup", ID: "EM-1", At: time.Date(2026, 3, 20, 0, 0, 0, 0, time.UTC)},
	{Kind: "emergencies", ID: "2026-03", At: time.Date(2026, 3, 20, 0, 0, 0, 0, time.UTC)},
}

func documents(t testing.TB, text func() string, fits func(string) bool) []string {
	t.Helper()
	m := remember(t, time.Date(2026, 3, 19, 0, 0, 0, 0, time.UTC), hostileStory(t, text, fits)...)
	var out []string
	for _, req := range requests {
		out = append(out, string(render(t, m, req).Markdown))
	}
	return out
}

var gfm = goldmark.New(goldmark.WithExtensions(extension.GFM, extension.Footnote, extension.DefinitionList))

// shape is what a document is made of, one part a line, without its words.
func shape(md string) []string {
	src := []byte(md)
	var out []string
	_ = ast.Walk(gfm.Parser().Parse(text.NewReader(src)), func(n ast.Node, in bool) (ast.WalkStatus, error) {
		if !in {
			return ast.WalkContinue, nil
		}
		switch v := n.(type) {
		case *ast.Text:
			if v.SoftLineBreak() || v.HardLineBreak() {
				out = append(out, "break")
			}
		case *ast.String, *ast.CodeSpan:
			return ast.WalkSkipChildren, nil
		case *ast.Emphasis: // an empty text is not set in bold
			return ast.WalkContinue, nil
		case *ast.Heading:
			out = append(out, fmt.Sprintf("h%d", v.Level))
		case *ast.Link:
			out = append(out, "link "+string(v.Destination))
		case *ast.HTMLBlock:
			out = append(out, "html "+strings.TrimSpace(string(v.Lines().Value(src))))
		case *extast.TaskCheckBox:
			out = append(out, fmt.Sprintf("box %v", v.IsChecked))
		default:
			out = append(out, n.Kind().String())
		}
		return ast.WalkContinue, nil
	})
	return out
}

func always(s string) func() string { return func() string { return s } }

func checkHostile(t *testing.T, s string, text func() string, fits func(string) bool, want []string) {
	t.Helper()
	for i, md := range documents(t, text, fits) {
		w, g := shape(want[i]), shape(md)
		for j := range max(len(w), len(g)) {
			if j >= len(w) || j >= len(g) || w[j] != g[j] {
				t.Errorf("%q changes %s %s at part %d: got %.5q, want %.5q", s, requests[i].Kind, requests[i].ID, j, g[min(j, len(g)):], w[min(j, len(w)):])
				break
			}
		}
		if got, was := strings.Count(md, "<!--"), strings.Count(want[i], "<!--"); got != was {
			t.Errorf("%q makes %d markers of %d in %s", s, got, was, requests[i].Kind)
		}
		if got, was := len(markdown.Blocks([]byte(md))), len(markdown.Blocks([]byte(want[i]))); got != was {
			t.Errorf("%q makes %d blocks of %d in %s", s, got, was, requests[i].Kind)
		}
		if got, was := citations(md), citations(want[i]); got != was {
			t.Errorf("%q makes %d citations of %d in %s", s, got, was, requests[i].Kind)
		}
		checkPage(t, string(reports.HTML([]byte(md))))
	}
}

var citation = regexp.MustCompile(`\[#[0-9]+\]`)

func citations(md string) int { return len(citation.FindAllString(md, -1)) }

// checkPage holds for every page, whatever its source says.
func checkPage(t *testing.T, page string) {
	t.Helper()
	_, body, _ := strings.Cut(page, "<body>")
	lower := strings.ToLower(body)
	for _, bad := range []string{"<script", "<style", "<img", "<iframe", "<object", " onerror", " style=", "href=\"javascript:", "href=\"data:", "<!--", "\x00"} {
		if strings.Contains(lower, bad) {
			t.Errorf("the page contains %q", bad)
		}
	}
}

// TestHostileProse puts another text in each field of prose, and goes on until
// each has stood in many.
func TestHostileProse(t *testing.T) {
	want := documents(t, always("harmless"), prose)
	for round := range 12 {
		n := round * 7
		next := func() string { n++; return hostile[n%len(hostile)] }
		t.Run("", func(t *testing.T) { checkHostile(t, fmt.Sprintf("round %d", round), next, prose, want) })
	}
}

// TestHostileEverywhere puts one text in every field, keys and identifiers of
// the catalogue included, so that what is equal stays equal.
func TestHostileEverywhere(t *testing.T) {
	want := documents(t, always("harmless"), anything)
	for _, s := range hostile {
		t.Run("", func(t *testing.T) { checkHostile(t, s, always(s), anything, want) })
	}
}

// TestHostileLinks puts text where addresses belong: only web pages become links.
func TestHostileLinks(t *testing.T) {
	addresses := func(field string) bool { return !anything(field) && field != "id" && field != "source" }
	want := documents(t, always("harmless"), addresses)
	for round := range 12 {
		n := round * 7
		next := func() string { n++; return hostile[n%len(hostile)] }
		t.Run("", func(t *testing.T) { checkHostile(t, fmt.Sprintf("round %d", round), next, addresses, want) })
	}
}

func FuzzHostileDocuments(f *testing.F) {
	for _, s := range hostile[:5] { // the rest has its own tests
		f.Add(s)
	}
	want := documents(f, always("harmless"), prose)
	f.Fuzz(func(t *testing.T, s string) {
		if u, err := url.Parse(s); err == nil && u.Host != "" {
			t.Skip() // a link where links belong
		}
		if len(s) > 1000 || strings.TrimSpace(markdown.Clean(s)) == "" {
			t.Skip() // an empty text is left out, as it should be
		}
		checkHostile(t, s, always(s), prose, want)
	})
}
