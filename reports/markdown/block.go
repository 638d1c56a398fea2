package markdown

import (
	"bytes"
	"regexp"
	"strings"
)

// A Writer builds a run of blocks, with one empty line between them.
type Writer struct {
	buf   bytes.Buffer
	tight bool // the next block follows without an empty line
}

// Align is how a column's cells stand.
type Align uint8

// The alignments.
const (
	Left Align = iota
	Right
)

// A Column is the head of a table's column.
type Column struct {
	Head  Inline
	Align Align
}

// Col is a column of our own naming.
func Col(head literal) Column { return Column{Head: Lit(head)} }

// Num is a column of numbers, aligned right.
func Num(head literal) Column { return Column{Head: Lit(head), Align: Right} }

// Blank is a cell that stays empty because nothing belongs there.
var Blank = Inline{" "}

// A Task is a list item with a box.
type Task struct {
	Done bool
	Text Inline
}

func (w *Writer) next() {
	if w.buf.Len() > 0 && !w.tight {
		w.buf.WriteByte('\n')
	}
	w.tight = false
}

// Para writes one paragraph of the given sentences, or nothing when all are empty.
func (w *Writer) Para(sentences ...Inline) {
	text := Join(" ", sentences...)
	if text.IsZero() {
		return
	}
	w.next()
	w.line(text.md)
}

// Bullets writes a list, or nothing for no items.
func (w *Writer) Bullets(items ...Inline) {
	w.list("- ", items)
}

func (w *Writer) list(mark string, items []Inline) {
	started := false
	for _, item := range items {
		if item.IsZero() {
			continue
		}
		if !started {
			w.next()
			started = true
		}
		w.buf.WriteString(mark)
		w.line(item.md)
	}
}

// Tasks writes a list of boxes, or nothing for no tasks.
func (w *Writer) Tasks(tasks ...Task) {
	if len(tasks) == 0 {
		return
	}
	w.next()
	for _, t := range tasks {
		if t.Done {
			w.buf.WriteString("- [x] ")
		} else {
			w.buf.WriteString("- [ ] ")
		}
		w.line(t.Text.Or(Lit("–")).md)
	}
}

// Table writes a table. A cell that is missing or empty shows a dash.
func (w *Writer) Table(cols []Column, rows [][]Inline) {
	w.next()
	for _, c := range cols {
		w.cell(c.Head)
	}
	w.buf.WriteString("|\n")
	for _, c := range cols {
		if c.Align == Right {
			w.buf.WriteString("|---:")
		} else {
			w.buf.WriteString("|---")
		}
	}
	w.buf.WriteString("|\n")
	for _, row := range rows {
		for i := range cols {
			if i < len(row) {
				w.cell(row[i].Or(Lit("–")))
			} else {
				w.cell(Lit("–"))
			}
		}
		w.buf.WriteString("|\n")
	}
}

func (w *Writer) cell(i Inline) {
	w.buf.WriteString("| ")
	if i.md != "" && i != Blank {
		w.buf.WriteString(i.md)
		w.buf.WriteByte(' ')
	}
}

// Subheading writes a heading of the third level, for parts inside a block.
func (w *Writer) Subheading(text Inline) {
	if text.IsZero() {
		return
	}
	w.next()
	w.line("### " + text.md)
}

func (w *Writer) line(s string) {
	w.buf.WriteString(s)
	w.buf.WriteByte('\n')
}

// Empty reports whether nothing has been written.
func (w *Writer) Empty() bool { return w.buf.Len() == 0 }

// String is what has been written, ending in a newline unless empty.
func (w *Writer) String() string { return w.buf.String() }

var blockName = regexp.MustCompile(`^[a-z][a-z0-9-]{0,39}$`)

// Marked puts generated Markdown between the markers of that name. An empty
// body stays empty: a block with nothing to say has no markers either. It
// panics when the name is not lower-case letters, digits and hyphens, which
// only a mistake in a template's source can cause.
func Marked(name, body string) string {
	if body == "" {
		return ""
	}
	if !blockName.MatchString(name) {
		panic("markdown: " + name + " cannot name a block")
	}
	return "<!-- daybook:begin " + name + " -->\n" + strings.TrimRight(body, "\n") + "\n<!-- daybook:end " + name + " -->\n"
}

// Marker reads a line that is one of our markers.
func Marker(line []byte) (name string, begins, ok bool) {
	m := marker.FindSubmatch(bytes.TrimRight(line, "\r\n"))
	if m == nil {
		return "", false, false
	}
	return string(m[2]), string(m[1]) == "begin", true
}

// A Block is a generated part of a document.
type Block struct {
	Name string
	Body string // what stands between the markers
}

var marker = regexp.MustCompile(`^<!-- daybook:(begin|end) ([a-z][a-z0-9-]{0,39}) -->$`)

// Blocks finds the generated parts of a document, in order. A begin without its
// end, or the other way round, is left out: what a person has broken is theirs.
func Blocks(md []byte) []Block {
	var found []Block
	name, start := "", 0
	for pos := 0; pos < len(md); {
		end := bytes.IndexByte(md[pos:], '\n')
		if end < 0 {
			end = len(md)
		} else {
			end += pos
		}
		if of, begins, ok := Marker(md[pos:end]); ok {
			switch {
			case begins:
				name, start = of, min(end+1, len(md))
			case of == name:
				found = append(found, Block{Name: name, Body: string(md[start:pos])})
				name = ""
			}
		}
		pos = end + 1
	}
	return found
}
