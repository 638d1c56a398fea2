package reports

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html"
	"strings"
	"sync"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/renderer"
	gmhtml "github.com/yuin/goldmark/renderer/html"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
)

//go:embed html.css
var styles string

// ContentSecurityPolicy is the policy that a rendered page holds to, for the
// header of whoever serves it: nothing is loaded, run or sent, and the one style
// sheet is named by its hash. The page says so itself as well.
func ContentSecurityPolicy() string {
	sum := sha256.Sum256([]byte(styles))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; img-src data:; base-uri 'none'; form-action 'none'"
}

// converter is made once: goldmark's is safe for concurrent use.
var converter = sync.OnceValue(func() goldmark.Markdown {
	return goldmark.New(
		goldmark.WithExtensions(
			extension.NewTable(extension.WithTableCellAlignMethod(extension.TableCellAlignAttribute)),
			extension.Strikethrough, extension.Linkify, extension.TaskList, extension.Footnote,
		),
		goldmark.WithParserOptions(
			parser.WithAutoHeadingID(),
			parser.WithInlineParsers(util.Prioritized(citationParser{}, 150)), // before links, at 200
			parser.WithASTTransformers(util.Prioritized(anchors{}, 500)),
		),
		goldmark.WithRendererOptions(
			renderer.WithNodeRenderers(util.Prioritized(pageRenderer{}, 100)),
		),
	)
})

// HTML renders a document as one self-contained page: its style sheet inside,
// no script, nothing fetched, raw HTML in the source left out. It holds under
// [ContentSecurityPolicy]. Tables scroll by themselves where they are wider than
// the page; a citation leads to the row of the timeline that tells the event.
func HTML(md []byte) []byte {
	src := text.NewReader(md)
	doc := converter().Parser().Parse(src)
	var body bytes.Buffer
	body.Grow(3 * len(md))
	if err := converter().Renderer().Render(&body, md, doc); err != nil {
		// A bytes.Buffer does not fail and our renderers return no errors.
		body.Reset()
		body.WriteString("<pre>" + html.EscapeString(string(md)) + "</pre>")
	}
	var page bytes.Buffer
	page.Grow(body.Len() + len(styles) + 1024)
	page.WriteString("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n")
	page.WriteString(`<meta http-equiv="Content-Security-Policy" content="` + html.EscapeString(ContentSecurityPolicy()) + "\">\n")
	page.WriteString("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta name=\"referrer\" content=\"no-referrer\">\n")
	page.WriteString("<title>" + html.EscapeString(title(doc, md)) + "</title>\n<style>" + styles + "</style>\n</head>\n<body>\n<main>\n")
	page.Write(body.Bytes())
	page.WriteString("</main>\n</body>\n</html>\n")
	return page.Bytes()
}

// title is the words of the first heading.
func title(doc ast.Node, src []byte) string {
	for n := doc.FirstChild(); n != nil; n = n.NextSibling() {
		if h, ok := n.(*ast.Heading); ok {
			return plainText(h, src)
		}
	}
	return "Daybook"
}

func plainText(n ast.Node, src []byte) string {
	var b strings.Builder
	_ = ast.Walk(n, func(n ast.Node, in bool) (ast.WalkStatus, error) {
		if t, ok := n.(*ast.Text); ok && in {
			b.Write(util.UnescapePunctuations(t.Segment.Value(src)))
		}
		return ast.WalkContinue, nil
	})
	return strings.TrimSpace(b.String())
}

// pageRenderer writes what goldmark would write in another way, or not at all.
type pageRenderer struct{}

func (pageRenderer) RegisterFuncs(r renderer.NodeRendererFuncRegisterer) {
	r.Register(kindCitation, renderCitation)
	r.Register(kindScroller, renderScroller)
	r.Register(ast.KindHTMLBlock, leaveOut)
	r.Register(ast.KindRawHTML, leaveOut)
	r.Register(ast.KindImage, renderImageText)
}

// leaveOut drops raw HTML: our own markers mean nothing on a page, and anything
// else must not be there.
func leaveOut(util.BufWriter, []byte, ast.Node, bool) (ast.WalkStatus, error) {
	return ast.WalkSkipChildren, nil
}

// renderImageText shows an image as what its author says it shows: a page
// loads nothing. An image inside the page (data:) is allowed.
func renderImageText(w util.BufWriter, src []byte, n ast.Node, in bool) (ast.WalkStatus, error) {
	if !in {
		return ast.WalkContinue, nil
	}
	img := n.(*ast.Image)
	alt := html.EscapeString(plainText(img, src))
	if dest := string(img.Destination); strings.HasPrefix(dest, "data:image/png;base64,") && !gmhtml.IsDangerousURL(img.Destination) {
		_, _ = w.WriteString(`<img src="` + html.EscapeString(dest) + `" alt="` + alt + `">`)
	} else {
		_, _ = w.WriteString("<em>" + alt + "</em>")
	}
	return ast.WalkSkipChildren, nil
}
