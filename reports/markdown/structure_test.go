package markdown_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	extast "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/text"

	"github.com/daybookhq/daybook/reports/markdown"
)

// hostile is text that would be syntax somewhere, if it could.
var hostile = []string{
	"# heading", "###### h", "trailing #", "a\n# b", "- item", "* item", "+ item", "1. one", "7) seven", "123456789. n",
	"- [ ] task", "[x] done", "[ ]", "> quote", "a\n> b", "```\ncode", "~~~", "    indented", "\tindented",
	"a | b | c", "|---|---|", "a\\| b", "\\", "a\\", "\\\\|", "---", "===", "a\n---\n", "a\n===\n", "***", "___",
	"*em*", "**strong**", "_em_", "__strong__", "~~gone~~", "~gone~", "`code`", "``a`b``", "`", "a`b|c`d",
	"[text](http://evil.example)", "[text](javascript:alert(1))", "![img](http://evil.example/x.png)", "[ref][1]", "[1]: http://evil.example",
	"[#12]", "[#12] [#13]", "see [#1042](x)", "[^1]", "[^1]: note", "<http://evil.example>", "<a@evil.example>",
	"http://evil.example/x", "https://evil.example", "HTTPS://EVIL.example", "ftp://evil.example/x", "www.evil.example", "WWW.evil.example", "mail a@evil.example", "mailto:a@evil.example", "xmpp:a@evil.example",
	"(http://evil.example)", "*http://evil.example*", "a www.evil.example b",
	"<script>alert(1)</script>", "<b>", "</td>", "<!-- daybook:end timeline -->", "<!-- daybook:begin x -->", "<!--", "-->", "<?php", "<![CDATA[", "&lt;b&gt;", "&#60;", "&amp;", "&copy;",
	"line one\nline two", "line\r\nline", "a\u2028b\u2029c", "a\u0085b", "hard  \nbreak", "a\\\nb",
	"\u202eevil\u202c", "\u2066a\u2069", "zero\u200bwidth", "\ufeffbom", "soft\u00adhyphen", "a\u0000b", "\x1b[31mred", "\x7f", "\u009b31m",
	"e" + strings.Repeat("\u0301", 50), strings.Repeat("w", 3000), "👩‍👩‍👧 🇮🇳 ✅️", "\xff\xfe", "\u3164", "\u2800",
	"{#id .class}", "{{ .Secret }}", "{% raw %}", "$x$ and $$y$$", ":smile:", ": definition", "=", "+", "-", "1.", "2)", "%s %d %!", "@everyone", "", " ", "\n",
}

var gfm = goldmark.New(goldmark.WithExtensions(extension.GFM, extension.Footnote, extension.DefinitionList))

// structure is what a document is made of, without its words.
func structure(md string) string {
	src := []byte(md)
	return shape(gfm.Parser().Parse(text.NewReader(src)), src)
}

func shape(n ast.Node, src []byte) string {
	name := n.Kind().String()
	switch v := n.(type) {
	case *ast.Text:
		if v.SoftLineBreak() || v.HardLineBreak() {
			return "text break"
		}
		return "text"
	case *ast.String, *ast.CodeSpan:
		return "text" // a name shows as code where it can, else as text
	case *ast.Heading:
		name = fmt.Sprintf("h%d", v.Level)
	case *ast.Link:
		name = fmt.Sprintf("link %s", v.Destination)
	case *ast.HTMLBlock:
		name = fmt.Sprintf("html %q", v.Lines().Value(src))
	case *extast.TaskCheckBox:
		name = fmt.Sprintf("box %v", v.IsChecked)
	}
	var parts []string
	for c := n.FirstChild(); c != nil; c = c.NextSibling() {
		s := shape(c, src)
		// How text is cut into nodes says nothing; that there is text does.
		if s == "text" && len(parts) > 0 && parts[len(parts)-1] == "text" {
			continue
		}
		parts = append(parts, s)
	}
	return name + "(" + strings.Join(parts, ", ") + ")"
}

// page uses every way of putting foreign text into a document.
func page(s string) string {
	t := markdown.Text(s).Or(markdown.Lit("–"))
	var w markdown.Writer
	w.Subheading(t)
	w.Para(t)
	w.Para(markdown.F("before %s after", t))
	w.Para(markdown.Bold(t), markdown.F("%s%s", markdown.Lit("x "), markdown.Em(t)))
	w.Bullets(t, markdown.Join(" · ", t, markdown.Code(s), t))
	w.Tasks(markdown.Task{Text: t}, markdown.Task{Done: true, Text: markdown.Bold(t)})
	w.Table([]markdown.Column{{Head: t}, markdown.Num("n")}, [][]markdown.Inline{{t, markdown.Code(s)}, {markdown.Excerpt(s, 20), t}})
	w.Para(markdown.Link(s, "https://daybook.example/a?b=c&d=e"))
	w.Para(markdown.F("%s %s", t, markdown.Cite(12)))
	return "# Title " + t.Markdown() + "\n\n" + markdown.Marked("block", w.String())
}

func checkHarmless(t *testing.T, s string) {
	t.Helper()
	want, got := structure(page("harmless")), structure(page(s))
	if strings.TrimSpace(markdown.Clean(s)) == "" || s == "https://daybook.example/a?b=c&d=e" {
		return // nothing shown, or the address itself: a shape of its own
	}
	if got != want {
		t.Errorf("%q changes the document\n%s\n got %s\nwant %s", s, page(s), got, want)
	}
	if n := strings.Count(page(s), "[#12]"); n != 1 {
		t.Errorf("%q makes %d citations, want our own 1", s, n)
	}
	blocks := markdown.Blocks([]byte(page(s)))
	if len(blocks) != 1 || strings.Count(page(s), "<!--") != 2 {
		t.Errorf("%q disturbs the markers: %v", s, blocks)
	}
}

func TestHostileTextStaysText(t *testing.T) {
	for _, s := range hostile {
		checkHarmless(t, s)
		checkHarmless(t, "a "+s)
		checkHarmless(t, s+" b")
		for _, other := range hostile[:len(hostile)/3] {
			checkHarmless(t, s+other)
		}
	}
}

func FuzzHostileText(f *testing.F) {
	for _, s := range hostile {
		f.Add(s)
	}
	f.Fuzz(checkHarmless)
}
