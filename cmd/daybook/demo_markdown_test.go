package main

import (
	"bytes"
	"strings"
	"testing"
)

func TestPrintMarkdown(t *testing.T) {
	md := strings.Join([]string{
		`# Postmortem: a \*rule\*`,
		``,
		`<!-- daybook:begin header -->`,
		`**27 minutes.** Found \<soon\> &amp; stopped.`,
		`<!-- daybook:end header -->`,
		``,
		``,
		`| Time | Event |`,
		`|---|---|`,
		`| 13:42 | **Impact** a\|b |`,
		`| 9:00 | x |`,
		`- [ ] todo`,
		"\u202eevil \x1b[31m",
	}, "\n")
	var b bytes.Buffer
	if err := printMarkdown(&b, []byte(md)); err != nil {
		t.Fatal(err)
	}
	want := strings.Join([]string{
		`Postmortem: a *rule*`,
		`====================`,
		``,
		`27 minutes. Found <soon> & stopped.`,
		``,
		`  Time   Event`,
		`  ─────  ──────────`,
		`  13:42  Impact a|b`,
		`  9:00   x`,
		`- [ ] todo`,
		`evil [31m`,
		``,
	}, "\n")
	if b.String() != want {
		t.Errorf("got:\n%s\nwant:\n%s", b.String(), want)
	}
}

func TestPrintMarkdownBreaksLines(t *testing.T) {
	long := strings.Repeat("word ", 40)
	var b bytes.Buffer
	md := "- [ ] **gate** " + long + "\n\n| A | B |\n|---|---|\n| " + long + "| **x**, y |\n_ask_\n---\n"
	if err := printMarkdown(&b, []byte(md)); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(b.String()) {
		if n := len([]rune(strings.TrimRight(line, "\n"))); n > markdownWidth {
			t.Errorf("%d characters wide: %s", n, line)
		}
	}
	for _, want := range []string{"- [ ] gate word", "\n      word", "x, y\n", "\nask\n"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is not in:\n%s", want, b.String())
		}
	}
}
