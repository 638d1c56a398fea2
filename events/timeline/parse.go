package timeline

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/daybookhq/daybook/events"
)

// MaxLineBytes is the longest line that is read; a longer one is an error.
const MaxLineBytes = 256 << 10

// DefaultSource is the source of events whose file and reader name none. It is
// the same everywhere, so that a file taken in twice under two names gives the
// same events.
const DefaultSource = "/timeline"

// Options say what a file itself may leave out, and may override.
type Options struct {
	Source string         // the events' source; default DefaultSource
	Zone   *time.Location // of clocks without an offset; default UTC
}

// An Entry is what became of a line: an event, or an error.
type Entry struct {
	Line     int // the first is 1
	Event    events.Event
	Err      error    // what is wrong, and what would be right; it names the line
	Warnings []string // doubts about an event that is taken all the same
}

// A LineError says which line cannot be read, and why.
type LineError struct {
	Line int
	Err  error
}

func (e *LineError) Error() string { return fmt.Sprintf("line %d: %v", e.Line, e.Err) }
func (e *LineError) Unwrap() error { return e.Err }

// Parse reads a timeline line by line. Each line that is not blank, a comment
// or a heading comes out as one entry, in order; so does each line, of
// whatever sort, that cannot be read, and the reader's own error.
func Parse(r io.Reader, o Options) iter.Seq[Entry] {
	return func(yield func(Entry) bool) {
		p := parser{count: map[string]int{}, place: place{zone: o.Zone}}
		if p.zone == nil {
			p.zone = time.UTC
		}
		if o.Source == "" {
			o.Source = DefaultSource
		}
		source, err := quote("source", o.Source)
		if err != nil {
			yield(Entry{Err: err})
			return
		}
		p.defaults = []attr{{"source", source}}
		in := bufio.NewReaderSize(r, 64<<10)
		for n := 1; ; n++ {
			line, err := readLine(in)
			if err == io.EOF {
				break
			}
			if err != nil && !errors.Is(err, errLine) {
				if p.flush(yield) {
					yield(Entry{Line: n, Err: &LineError{n, fmt.Errorf("reading: %w", err)}})
				}
				return
			}
			if err == nil {
				if n == 1 {
					line = strings.TrimPrefix(line, "\ufeff")
				}
				err = p.line(n, line, yield)
			}
			if err == errStop {
				return
			}
			if err != nil && (!p.flush(yield) || !yield(Entry{Line: n, Err: &LineError{n, err}})) {
				return
			}
		}
		p.flush(yield)
	}
}

var (
	errStop = errors.New("the reader of the entries has had enough")
	errLine = errors.New("line")
)

// readLine reads a line without its end. Errors that wrap errLine concern the
// line alone.
func readLine(in *bufio.Reader) (string, error) {
	var line []byte
	for {
		part, err := in.ReadSlice('\n')
		if len(line) <= MaxLineBytes {
			line = append(line, part...)
		}
		if err == bufio.ErrBufferFull {
			continue
		}
		if err != nil && (err != io.EOF || len(line) == 0) {
			return "", err
		}
		break
	}
	if len(line) > MaxLineBytes {
		return "", fmt.Errorf("%w is longer than %d bytes", errLine, MaxLineBytes)
	}
	line = []byte(strings.TrimSuffix(strings.TrimSuffix(string(line), "\n"), "\r"))
	if !utf8.Valid(line) {
		return "", fmt.Errorf("%w is not valid UTF-8; save the file as UTF-8", errLine)
	}
	return string(line), nil
}

type parser struct {
	place
	defaults []attr
	count    map[string]int

	// The event of the line above waits for further lines of its text.
	waiting     *Builder
	waitingLine int
	waitingWith []attr // the defaults of its line
}

// line takes one line. An error is that line's alone.
func (p *parser) line(n int, line string, yield func(Entry) bool) error {
	s := strings.Trim(line, blanks)
	if text, ok := strings.CutPrefix(s, "|"); ok {
		if p.waiting == nil {
			return fmt.Errorf("a line that begins with | goes on with the text of the line above, which is no event")
		}
		p.waiting.Text(strings.TrimPrefix(p.waiting.text+"\n"+strings.Trim(text, blanks), "\n"))
		return nil
	}
	if !p.flush(yield) {
		return errStop
	}
	switch {
	case s == "" || s[0] == '#':
		return nil
	case s[0] == '@':
		return p.heading(strings.TrimLeft(s[1:], blanks))
	case isDate(s):
		p.date = s
		return nil
	}
	b, err := p.event(s)
	if err != nil {
		return err
	}
	p.waiting, p.waitingLine, p.waitingWith = b, n, slices.Clone(p.defaults)
	return nil
}

// flush hands out the event that was waiting for more text.
func (p *parser) flush(yield func(Entry) bool) bool {
	b := p.waiting
	if b == nil {
		return true
	}
	p.waiting = nil
	out := Entry{Line: p.waitingLine, Warnings: b.warnings}
	var err error
	if out.Event, err = b.event(p.waitingWith, p.count); err != nil {
		out.Err = &LineError{out.Line, err}
	}
	return yield(out)
}

// heading sets what the lines below it need not say. Either all of a heading
// holds or none of it.
func (p *parser) heading(s string) error {
	next, defaults := p.place, slices.Clone(p.defaults)
	for s != "" {
		if !isPair(s) {
			return fmt.Errorf("%q: after @ come defaults for the lines below, as in @ incident=INC-7 zone=UTC", clip(s))
		}
		f, rest, err := readPair(s)
		if err != nil {
			return err
		}
		s = rest
		switch f.name {
		case "zone":
			if next.zone, err = zoneOf(f.text()); err != nil {
				return err
			}
			continue
		case "date":
			if next.date = f.text(); !isDate(next.date) {
				return fmt.Errorf("date: %q is not a date, as in 2019-07-02", clip(f.text()))
			}
			continue
		}
		name, ok := strings.CutPrefix(f.name, "ce.")
		if !ok {
			name, ok = isAttribute(f.name)
		}
		if !ok || name == "id" {
			return fmt.Errorf("%s: only attributes can be given for many lines: zone, date, source, actor and correlation keys such as incident", f.name)
		}
		value, err := attrValue(f)
		if err != nil {
			return err
		}
		defaults = slices.DeleteFunc(defaults, func(a attr) bool { return a.name == name })
		defaults = append(defaults, attr{name, value})
	}
	p.place, p.defaults = next, defaults
	return nil
}

// text is the value as text, quoted or not.
func (p pair) text() string {
	if len(p.items) == 1 {
		return p.items[0].text
	}
	return p.raw
}
