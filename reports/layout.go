package reports

import (
	"bytes"
	"embed"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"text/template"
	"text/template/parse"

	"github.com/daybookhq/daybook/reports/markdown"
)

//go:embed layouts/*.md.tmpl
var layouts embed.FS

// markup is Markdown that a layout puts into a document as it stands.
type markup string

// A layout is the text of a document around its generated blocks: headings,
// prompts, order. It is a text/template over the document's model, with
//
//	{{facts "timeline"}}              the generated block of that name, between its
//	                                  markers; nothing when it has nothing to say
//	{{section "Timeline" "timeline"}} the same under a heading of the second level;
//	                                  no heading either when there is nothing to say
//
// What an action prints is foreign text and escaped as such, whatever it is
// made of, except what facts and section return. Its first line names its
// version in a comment: {{/* postmortem/1 */}}.
type layout struct {
	file    string
	version string   // kind and version, from the first line
	blocks  []string // that it may ask for
	tmpl    *template.Template
}

// parseLayout reads a layout. Its error names the file and the line.
func parseLayout(file, text string, blocks []string) (*layout, error) {
	version := versionLine.FindStringSubmatch(text)
	if version == nil {
		return nil, fmt.Errorf("reading the layout %s:1: the first line must name its version, as in {{/* postmortem/1 */}}", file)
	}
	l := &layout{file: file, version: version[1], blocks: blocks}
	var err error
	l.tmpl, err = template.New(file).Option("missingkey=error").Funcs(l.funcs(nil)).Parse(text)
	if err != nil {
		return nil, fmt.Errorf("reading the layout: %w", err)
	}
	for _, part := range l.tmpl.Templates() {
		if part.Tree == nil {
			continue
		}
		if err := l.check(part.Tree, part.Tree.Root); err != nil {
			return nil, fmt.Errorf("reading the layout: %w", err)
		}
	}
	return l, nil
}

// funcs are the functions of a layout over what gives the body of a block.
func (l *layout) funcs(block func(name string) string) template.FuncMap {
	facts := func(name string) (markup, error) {
		if err := l.known(name); err != nil {
			return "", err
		}
		return markup(markdown.Marked(name, block(name))), nil
	}
	return template.FuncMap{
		"_text": inert,
		"facts": facts,
		"section": func(heading, name string) (markup, error) {
			body, err := facts(name)
			if body == "" || err != nil {
				return "", err
			}
			return "## " + markup(markdown.Text(heading).Markdown()) + "\n\n" + body, nil
		},
	}
}

func (l *layout) known(block string) error {
	if !slices.Contains(l.blocks, block) {
		return fmt.Errorf("there is no block %q; there are %s", block, strings.Join(l.blocks, ", "))
	}
	return nil
}

var versionLine = regexp.MustCompile(`^\{\{-? ?/\* ([a-z]+/[0-9]+)[ \n]`)

// readLayouts reads the layouts that come with the program.
func readLayouts() (map[string]*layout, error) {
	out := map[string]*layout{}
	for kind, blocks := range map[string][]string{KindPostmortem: postmortemBlocks, KindFollowUp: followUpBlocks, KindEmergencies: emergenciesBlocks} {
		file := "layouts/" + kind + ".md.tmpl"
		text, err := layouts.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("reading the layout: %w", err)
		}
		if out[kind], err = parseLayout(file, string(text), blocks); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// inert is what every action of a layout ends in.
func inert(v any) string {
	switch v := v.(type) {
	case markup:
		return string(v)
	case markdown.Inline:
		return v.Markdown()
	case nil:
		return ""
	default:
		return markdown.Text(fmt.Sprint(v)).Markdown()
	}
}

// check ends every action that prints in inert, and finds blocks that there are
// not.
func (l *layout) check(t *parse.Tree, n parse.Node) error {
	switch n := n.(type) {
	case *parse.ListNode:
		if n == nil {
			return nil
		}
		for _, c := range n.Nodes {
			if err := l.check(t, c); err != nil {
				return err
			}
		}
	case *parse.ActionNode:
		for _, c := range n.Pipe.Cmds {
			if err := l.checkCall(t, c); err != nil {
				return err
			}
		}
		if len(n.Pipe.Decl) == 0 {
			n.Pipe.Cmds = append(n.Pipe.Cmds, &parse.CommandNode{
				NodeType: parse.NodeCommand, Pos: n.Pos,
				Args: []parse.Node{parse.NewIdentifier("_text").SetTree(t).SetPos(n.Pos)},
			})
		}
	case *parse.IfNode:
		return l.checkBoth(t, n.List, n.ElseList)
	case *parse.RangeNode:
		return l.checkBoth(t, n.List, n.ElseList)
	case *parse.WithNode:
		return l.checkBoth(t, n.List, n.ElseList)
	}
	return nil
}

func (l *layout) checkBoth(t *parse.Tree, list, other *parse.ListNode) error {
	if err := l.check(t, list); err != nil {
		return err
	}
	return l.check(t, other)
}

// checkCall looks at a call of facts or section with a constant name.
func (l *layout) checkCall(t *parse.Tree, c *parse.CommandNode) error {
	id, ok := c.Args[0].(*parse.IdentifierNode)
	if !ok || id.Ident != "facts" && id.Ident != "section" {
		return nil
	}
	name, ok := c.Args[len(c.Args)-1].(*parse.StringNode)
	if !ok || len(c.Args) < 2 {
		return nil
	}
	if err := l.known(name.Text); err != nil {
		where, _ := t.ErrorContext(c)
		return fmt.Errorf("%s: %w", where, err)
	}
	return nil
}

var emptyLines = regexp.MustCompile(`\n{3,}`)

// render writes the document. block gives the body of a generated block, empty
// for nothing to say.
func (l *layout) render(model any, block func(name string) string) ([]byte, error) {
	t, err := l.tmpl.Clone()
	if err != nil {
		return nil, fmt.Errorf("rendering %s: %w", l.file, err)
	}
	var b bytes.Buffer
	if err := t.Funcs(l.funcs(block)).Execute(&b, model); err != nil {
		return nil, fmt.Errorf("rendering %s: %w", l.file, err)
	}
	out := emptyLines.ReplaceAll(bytes.TrimSpace(b.Bytes()), []byte("\n\n"))
	return append(out, '\n'), nil
}
