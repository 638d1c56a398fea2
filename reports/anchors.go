package reports

import (
	"strconv"

	"github.com/yuin/goldmark/ast"
	extast "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"

	"github.com/daybookhq/daybook/reports/markdown"
)

// On a page, a citation leads to the row of the timeline that tells its event.

var (
	kindCitation = ast.NewNodeKind("Citation")
	kindScroller = ast.NewNodeKind("Scroller")
)

// A citation is "[#12]" that is not escaped.
type citation struct {
	ast.BaseInline
	position string
	anchored bool // there is a row to lead to
}

func (*citation) Kind() ast.NodeKind { return kindCitation }

func (c *citation) Dump(src []byte, level int) {
	ast.DumpHelper(c, src, level, map[string]string{"Position": c.position}, nil)
}

// A scroller holds a table, so that the table can be wider than the page.
type scroller struct{ ast.BaseBlock }

func (*scroller) Kind() ast.NodeKind { return kindScroller }

func (s *scroller) Dump(src []byte, level int) { ast.DumpHelper(s, src, level, nil, nil) }

type citationParser struct{}

func (citationParser) Trigger() []byte { return []byte{'['} }

func (citationParser) Parse(_ ast.Node, block text.Reader, _ parser.Context) ast.Node {
	line, _ := block.PeekLine()
	if len(line) < 4 || line[1] != '#' {
		return nil
	}
	i := 2
	for i < len(line) && i < 21 && '0' <= line[i] && line[i] <= '9' {
		i++
	}
	if i == 2 || i >= len(line) || line[i] != ']' {
		return nil
	}
	c := &citation{position: string(line[2:i])}
	block.Advance(i + 1)
	return c
}

// anchors gives the timeline's rows their ids, wraps tables, and keeps links
// from telling where they were followed from.
type anchors struct{}

func (anchors) Transform(doc *ast.Document, reader text.Reader, _ parser.Context) {
	src := reader.Source()
	rows := map[string]bool{}
	var tables []*extast.Table
	var cites []*citation
	block := ""
	_ = ast.Walk(doc, func(n ast.Node, in bool) (ast.WalkStatus, error) {
		if !in {
			return ast.WalkContinue, nil
		}
		switch n := n.(type) {
		case *ast.HTMLBlock:
			if name, begins, ok := markdown.Marker(n.Lines().Value(src)); ok && begins {
				block = name
			} else if ok {
				block = ""
			}
		case *extast.Table:
			tables = append(tables, n)
			if block == "timeline" {
				anchorRows(n, rows)
			}
		case *ast.Link:
			n.SetAttributeString("rel", []byte("noopener noreferrer nofollow"))
		case *ast.AutoLink:
			n.SetAttributeString("rel", []byte("noopener noreferrer nofollow"))
		case *citation:
			cites = append(cites, n)
		}
		return ast.WalkContinue, nil
	})
	for _, c := range cites {
		c.anchored = rows[c.position]
	}
	for _, t := range tables {
		s := &scroller{}
		t.Parent().ReplaceChild(t.Parent(), t, s)
		s.AppendChild(s, t)
	}
}

// anchorRows names each row of a timeline after the event it tells: the first
// that its last cell cites.
func anchorRows(t *extast.Table, rows map[string]bool) {
	t.SetAttributeString("class", []byte("timeline"))
	for row := t.FirstChild(); row != nil; row = row.NextSibling() {
		if _, ok := row.(*extast.TableRow); !ok || row.LastChild() == nil {
			continue
		}
		if n := row.ChildCount(); n > 3 { // event, who, evidence
			nth(row, n-3).SetAttributeString("class", []byte("what"))
		}
		for n := row.LastChild().FirstChild(); n != nil; n = n.NextSibling() {
			if c, ok := n.(*citation); ok {
				if !rows[c.position] {
					rows[c.position] = true
					row.SetAttributeString("id", []byte("event:"+c.position))
				}
				break
			}
		}
	}
}

func nth(n ast.Node, i int) ast.Node {
	c := n.FirstChild()
	for ; i > 0; i-- {
		c = c.NextSibling()
	}
	return c
}

func renderCitation(w util.BufWriter, _ []byte, n ast.Node, in bool) (ast.WalkStatus, error) {
	if !in {
		return ast.WalkContinue, nil
	}
	c := n.(*citation)
	text := "[#" + c.position + "]"
	if c.anchored {
		_, _ = w.WriteString(`<a class="cite" href="#event:` + c.position + `">` + text + "</a>")
	} else {
		_, _ = w.WriteString(`<span class="cite">` + text + "</span>")
	}
	return ast.WalkContinue, nil
}

func renderScroller(w util.BufWriter, _ []byte, n ast.Node, in bool) (ast.WalkStatus, error) {
	if in {
		cols := 0
		if t, ok := n.FirstChild().(*extast.Table); ok {
			cols = len(t.Alignments)
		}
		_, _ = w.WriteString(`<div class="scroll" role="region" tabindex="0" aria-label="Table with ` + strconv.Itoa(cols) + ` columns">` + "\n")
	} else {
		_, _ = w.WriteString("</div>\n")
	}
	return ast.WalkContinue, nil
}
