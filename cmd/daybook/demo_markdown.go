package main

import (
	"bytes"
	"fmt"
	"html"
	"io"
	"os"
	"regexp"
	"strings"
	"unicode/utf8"

	"golang.org/x/term"
)

// markdownWidth is how wide documents are printed where no terminal says.
const markdownWidth = 120

var (
	markdownComment = regexp.MustCompile(`<!--.*?-->`)
	markdownBold    = regexp.MustCompile(`\*\*(.+?)\*\*`)
	markdownEscape  = regexp.MustCompile("\\\\([!-/:-@\\[-`{-~])")
	markdownItalic  = regexp.MustCompile(`(^|[ (])_([^_]+)_($|[ ,.:;)])`)
	markdownItem    = regexp.MustCompile(`^ *- (\[[ x]\] )?`)
)

// printMarkdown prints a document so that a person can read it in a terminal:
// without markers, lines broken at words, tables in columns.
func printMarkdown(w io.Writer, md []byte) error {
	p := &page{w: w, width: widthOf(w), blank: true}
	var rows [][]string
	for line := range strings.Lines(string(md)) {
		bare := strings.TrimRight(line, " \r\n")
		text := strings.TrimRight(markdownComment.ReplaceAllString(bare, ""), " ")
		if text == "" && bare != "" {
			continue // it held only a marker
		}
		if strings.HasPrefix(text, "|") {
			rows = append(rows, cellsOf(text))
			continue
		}
		p.table(rows)
		rows = nil
		p.line(text)
	}
	p.table(rows)
	_, err := w.Write(p.out.Bytes())
	return err
}

func widthOf(w io.Writer) int {
	if f, ok := w.(*os.File); ok {
		if n, _, err := term.GetSize(int(f.Fd())); err == nil && n > 40 {
			return min(n, 160)
		}
	}
	return markdownWidth
}

// A page collects the lines of a document as w will show them.
type page struct {
	w     io.Writer
	width int
	out   bytes.Buffer
	blank bool // the last line was empty, or there was none
}

func (p *page) line(text string) {
	heading := strings.TrimLeft(text, "#")
	switch {
	case text == "":
		if !p.blank {
			fmt.Fprintln(&p.out)
		}
		p.blank = true
		return
	case text == "---":
		fmt.Fprintln(&p.out, paint(p.w, faint, strings.Repeat("─", 40)))
	case heading != text && strings.HasPrefix(heading, " "):
		plain := plainMarkdown(strings.TrimSpace(heading))
		fmt.Fprintln(&p.out, paint(p.w, bold, plain))
		if !colourful(p.w) {
			under := "-"
			if strings.HasPrefix(text, "# ") {
				under = "="
			}
			fmt.Fprintln(&p.out, strings.Repeat(under, utf8.RuneCountInString(plain)))
		}
	default:
		text = markdownItalic.ReplaceAllString(text, "$1$2$3")
		indent := utf8.RuneCountInString(markdownItem.FindString(text))
		for i, l := range wrap(wordsOf(text), p.width-indent) {
			if i > 0 {
				p.out.WriteString(strings.Repeat(" ", indent))
			}
			fmt.Fprintln(&p.out, l.show(p.w))
		}
	}
	p.blank = false
}

// table prints rows in columns that together fit the width: what is too long
// is broken at words, the widest column first.
func (p *page) table(rows [][]string) {
	if len(rows) == 0 {
		return
	}
	var widths, least []int // of the columns, and of the longest word in each
	for _, row := range rows {
		for i, c := range row {
			if i == len(widths) {
				widths, least = append(widths, 0), append(least, 0)
			}
			if isRule(row) {
				continue
			}
			l := wordsOf(c)
			widths[i] = max(widths[i], l.width())
			for _, part := range wrap(l, 0) {
				least[i] = max(least[i], part.width())
			}
		}
	}
	total := 2 * len(widths)
	for _, n := range widths {
		total += n
	}
	for total > p.width {
		widest := -1
		for i, n := range widths {
			if n > least[i] && (widest < 0 || n > widths[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			break // nothing is left to break
		}
		widths[widest]--
		total--
	}
	for i, row := range rows {
		cells, height := make([][]words, len(row)), 1
		for j, c := range row {
			if isRule(row) {
				c = strings.Repeat("─", widths[j])
			}
			if i == 0 {
				c = "**" + c + "**"
			}
			cells[j] = wrap(wordsOf(c), widths[j])
			height = max(height, len(cells[j]))
		}
		for k := range height {
			var line strings.Builder
			for j := range row {
				var l words
				if k < len(cells[j]) {
					l = cells[j][k]
				}
				line.WriteString("  " + l.show(p.w) + strings.Repeat(" ", max(0, widths[j]-l.width())))
			}
			fmt.Fprintln(&p.out, strings.TrimRight(line.String(), " "))
		}
	}
	p.blank = false
}

// cellsOf cuts a table's row at the bars that are not escaped.
func cellsOf(line string) []string {
	line = strings.TrimPrefix(strings.TrimSuffix(line, "|"), "|")
	var cells []string
	start := 0
	for i := 0; i < len(line); i++ {
		switch line[i] {
		case '\\':
			i++
		case '|':
			cells = append(cells, strings.TrimSpace(line[start:i]))
			start = i + 1
		}
	}
	return append(cells, strings.TrimSpace(line[min(start, len(line)):]))
}

func isRule(cells []string) bool {
	for _, c := range cells {
		if c == "" || strings.Trim(c, ":-") != "" {
			return false
		}
	}
	return true
}

// words are the words of a line, each with its weight.
type words []word

type word struct {
	text string
	bold bool
}

func wordsOf(s string) words {
	var out words
	add := func(s string, bold bool) {
		// A word may begin in bold and end without: "**13:45**," is one.
		glued := len(out) > 0 && s != "" && s[0] != ' '
		for i, w := range strings.Fields(plainMarkdown(s)) {
			if i == 0 && glued {
				w = "\x00" + w
			}
			out = append(out, word{w, bold})
		}
	}
	for {
		m := markdownBold.FindStringSubmatchIndex(s)
		if m == nil {
			add(s, false)
			return out
		}
		before := s[:m[0]]
		add(before, false)
		if strings.HasSuffix(before, " ") || before == "" {
			add(" "+s[m[2]:m[3]], true)
		} else {
			add(s[m[2]:m[3]], true)
		}
		s = s[m[1]:]
	}
}

// glued words follow the word before without a space.
func (w word) glued() bool   { return strings.HasPrefix(w.text, "\x00") }
func (w word) plain() string { return strings.TrimPrefix(w.text, "\x00") }

func (l words) width() int {
	n := 0
	for i, w := range l {
		if i > 0 && !w.glued() {
			n++
		}
		n += utf8.RuneCountInString(w.plain())
	}
	return n
}

func (l words) show(out io.Writer) string {
	var b strings.Builder
	for i := 0; i < len(l); {
		run, n := "", i // words of one weight are painted together
		for ; n < len(l) && l[n].bold == l[i].bold; n++ {
			if n > i && !l[n].glued() {
				run += " "
			}
			run += l[n].plain()
		}
		if i > 0 && !l[i].glued() {
			b.WriteString(" ")
		}
		if l[i].bold {
			run = paint(out, bold, run)
		}
		b.WriteString(run)
		i = n
	}
	return b.String()
}

// wrap breaks a line at words, so that each part is at most width wide unless
// it is a single word.
func wrap(l words, width int) []words {
	var out []words
	var line words
	for len(l) > 0 {
		n := 1 // a word and what is glued to it stay together
		for n < len(l) && l[n].glued() {
			n++
		}
		if len(line) > 0 && line.width()+1+l[:n].width() > width {
			out, line = append(out, line), nil
		}
		line, l = append(line, l[:n]...), l[n:]
	}
	return append(out, line)
}

// plainMarkdown is the text of a line without its syntax, safe to print.
func plainMarkdown(s string) string {
	s = markdownBold.ReplaceAllString(s, "$1")
	return clean(html.UnescapeString(markdownEscape.ReplaceAllString(s, "$1")))
}
