package markdown_test

import (
	"strings"
	"testing"

	"github.com/daybookhq/daybook/reports/markdown"
)

func TestTextIsReadableAsSource(t *testing.T) {
	for in, want := range map[string]string{
		"redaction seen in 200 of 200 sampled answers": "redaction seen in 200 of 200 sampled answers",
		"version 2026.03.14-2, support_agent; 5 > 3":   "version 2026.03.14-2, support_agent; 5 > 3",
		"at 14:07 (UTC): A & B":                        "at 14:07 (UTC): A & B",
		"a | b":                                        `a \| b`,
		"# not a heading":                              `\# not a heading`,
		"see [#12]":                                    `see \[# 12\]`,
		"http://x.example":                             `http\://x.example`,
		"two\nlines\tand  spaces ":                     "two lines and spaces",
		"left\u202eright":                              "left⟨U+202E⟩right",
		"in\u200bvisible":                              "invisible",
		"nul\x00":                                      "nul\ufffd",
		"esc\x1b[0m":                                   `esc␛\[0m`,
		"👩‍👧 stays":                                    "👩‍👧 stays",
	} {
		if got := markdown.Text(in).Markdown(); got != want {
			t.Errorf("Text(%q)\n got %s\nwant %s", in, got, want)
		}
	}
}

func TestLinksGoToWebPagesOnly(t *testing.T) {
	for _, c := range []struct{ label, url, want string }{
		{"graph", "https://grafana.example/d/1?from=2&to=3", "[graph (grafana.example)](https://grafana.example/d/1?from=2&amp;to=3)"},
		{"", "https://x.example/a_(b)", "[x.example/a\\_(b)](https://x.example/a_%28b%29)"},
		{"https://bank.example", "https://evil.example", `[https\://bank.example (evil.example)](https://evil.example)`},
		{"", "javascript:alert(1)", "javascript:alert(1)"},
		{"click", "javascript:alert(1)", "click (javascript:alert(1))"},
		{"", "data:text/html,x", "data:text/html,x"},
		{"", "https://user:pw@x.example", `https\://user:pw\@x.example`},
		{"", "https://xn--80ak6aa92e.com/\u202e", `https\://xn--80ak6aa92e.com/⟨U+202E⟩`},
		{"", "https://аррӏе.com", `https\://аррӏе.com`},
		{"run", "ci/1234", "run (ci/1234)"},
	} {
		if got := markdown.Link(c.label, c.url).Markdown(); got != c.want {
			t.Errorf("Link(%q, %q)\n got %s\nwant %s", c.label, c.url, got, c.want)
		}
	}
}

func TestExcerptEndsAtAWord(t *testing.T) {
	if got := markdown.Excerpt("the quick brown fox jumps over", 20).Markdown(); got != "the quick brown fox…" {
		t.Errorf("got %q", got)
	}
	if got := markdown.Excerpt(strings.Repeat("w", 50), 10).Markdown(); got != "wwwwwwwwww…" {
		t.Errorf("got %q", got)
	}
}

func TestCitationsAreCountedWhereTheyAreMany(t *testing.T) {
	if got := markdown.Cite(3, 1, 3).Markdown(); got != "[#3] [#1]" {
		t.Errorf("got %q", got)
	}
	if got := markdown.Cite(1, 2, 3, 4, 5, 6, 7, 8).Markdown(); got != "[#1] [#2] [#3] [#4] [#5] [#6] and 2 more" {
		t.Errorf("got %q", got)
	}
}

func TestBlocksAreFoundWhateverStandsAround(t *testing.T) {
	md := "# T\n\n" + markdown.Marked("one", "a\n") + "\nmine <!-- daybook:begin two -->\n<!-- daybook:end two -->\n" + markdown.Marked("three", "b\nc\n")
	got := markdown.Blocks([]byte(md))
	if len(got) != 2 || got[0] != (markdown.Block{Name: "one", Body: "a\n"}) || got[1] != (markdown.Block{Name: "three", Body: "b\nc\n"}) {
		t.Errorf("got %q", got)
	}
}
