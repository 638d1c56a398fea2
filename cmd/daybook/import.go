package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"

	"github.com/daybookhq/daybook/events/client"
)

// A tally is what became of the lines of one file.
type tally struct {
	File       string    `json:"file"`
	Lines      int       `json:"lines"`
	Accepted   int       `json:"accepted"`
	Duplicates int       `json:"duplicates"`
	Conflicts  int       `json:"conflicts"`
	Refused    int       `json:"refused"`
	Resumed    int       `json:"resumed_after_line,omitempty"`
	Problems   []problem `json:"problems"`
}

// A problem is a line that is not in the trail.
type problem struct {
	Line    int    `json:"line"`
	Outcome string `json:"outcome"`
	Field   string `json:"field,omitempty"`
	Detail  string `json:"detail"`
}

func (p problem) String() string {
	if p.Field != "" {
		return fmt.Sprintf("line %d: %s: %s: %s", p.Line, p.Outcome, p.Field, p.Detail)
	}
	return fmt.Sprintf("line %d: %s: %s", p.Line, p.Outcome, p.Detail)
}

func newImportCmd() *cobra.Command {
	var format, source string
	cmd := &cobra.Command{
		Use:   "import FILE…",
		Short: "Record files of events: CloudEvents, one a line, or a timeline as people type it",
		Long: `Import records every event of the files, in their order; - is standard input. A
file holds CloudEvents as JSON, one a line, or a timeline:

  2019-07-02T13:42Z change.shipped change=rule-100 environment=production incident=INC-7
  14:07 killswitch.engaged incident=INC-7 flag=waf actor=u-7 | all traffic back

Importing a file again is harmless: what is recorded already is counted as a
duplicate. An interrupted import of a large file goes on where it stopped when it
is started again. Every line that is not recorded is named on stderr, and makes
the exit code 1.`,
		Example: `  daybook import incident.txt
  daybook import 2026-*.jsonl
  producer | daybook import -`,
		Args: arguments(1, -1, "one FILE or more"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if format != "auto" && format != "json" && format != "timeline" {
				return usagef("--format: %q is neither auto, json nor timeline", format)
			}
			var all []tally
			err := with(cmd, false, func(ctx context.Context, c *session) error {
				for _, name := range args {
					im := &importing{cmd: cmd, session: c, format: format, source: source}
					err := im.file(ctx, name)
					if err == nil || im.tally.Lines > 0 {
						all = append(all, im.tally) // also of a file that was not finished
					}
					if err != nil {
						return fmt.Errorf("importing %s: %w", name, err)
					}
				}
				return nil
			})
			if perr := printTallies(cmd, all); err == nil {
				err = perr
			}
			if err != nil {
				return err
			}
			lost := 0
			for _, t := range all {
				lost += t.Refused + t.Conflicts
			}
			switch {
			case lost == 1:
				return errors.New("1 line is not recorded; it is named above")
			case lost > 1:
				return fmt.Errorf("%d lines are not recorded; they are named above", lost)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&format, "format", "auto", "json, timeline, or auto: by the first character of the file")
	cmd.Flags().StringVar(&source, "source", "", "for a timeline: the source of its events, unless it names one")
	return cmd
}

func printTallies(cmd *cobra.Command, all []tally) error {
	out := cmd.OutOrStdout()
	if settingsOf(cmd).JSON {
		return printJSON(out, all)
	}
	for _, t := range all {
		total := t.Accepted + t.Duplicates + t.Conflicts + t.Refused
		fmt.Fprintf(out, "%s: %d events: %d accepted, %d duplicate, %d conflicting, %d refused\n",
			clean(t.File), total, t.Accepted, t.Duplicates, t.Conflicts, t.Refused)
		if t.Accepted == 0 && t.Duplicates == total && total > 0 {
			fmt.Fprintf(out, "%s: everything in it had been recorded before; nothing was changed\n", clean(t.File))
		}
	}
	return nil
}

// importing is the import of one file.
type importing struct {
	cmd     *cobra.Command
	session *session
	format  string
	source  string
	bar     *progressbar.ProgressBar
	tally   tally
	last    int64 // position of the last event that is in the trail, or -1

	afterPart func(parts int) error // lets tests interrupt; nil otherwise
}

// Parts are sent whole: large enough to be quick, small enough to show progress
// and to be sent again after an interruption.
const (
	partLines = 5000
	partBytes = 4 << 20
	longLine  = 256 << 10 // longer lines cannot be events; they are not sent
)

func (im *importing) file(ctx context.Context, name string) error {
	im.tally = tally{File: name, Problems: []problem{}}
	im.last = -1
	var f *os.File
	rd, size := im.cmd.InOrStdin(), int64(-1)
	if name != "-" {
		var err error
		if f, err = os.Open(name); err != nil {
			var pe *os.PathError
			if errors.As(err, &pe) {
				err = pe.Err
			}
			return err
		}
		defer f.Close()
		if st, err := f.Stat(); err == nil {
			if st.IsDir() {
				return errors.New("is a directory; name the files in it")
			}
			if st.Mode().IsRegular() {
				size = st.Size()
			}
		}
		rd = f
	}
	im.bar = newBar(im.cmd, size, filepath.Base(name))
	defer im.bar.Finish()

	br := bufio.NewReaderSize(rd, longLine+1)
	format := im.format
	if format == "auto" {
		format = sniff(br)
	}
	if format == "timeline" {
		return im.timeline(ctx, br, name)
	}
	var cur *cursor
	if f != nil && size > partBytes {
		cur = openCursor(im.session.where, name)
		if at := im.resume(ctx, cur, f); at > 0 {
			br.Reset(f)
		} else if _, err := f.Seek(0, io.SeekStart); err == nil {
			br.Reset(f)
		}
	}
	return im.lines(ctx, br, cur)
}

// sniff tells JSON lines from a timeline by the first character that is not space.
func sniff(br *bufio.Reader) string {
	head, _ := br.Peek(4096)
	head = bytes.TrimPrefix(head, []byte("\xef\xbb\xbf"))
	if head = bytes.TrimSpace(head); len(head) > 0 && head[0] == '{' {
		return "json"
	}
	return "timeline"
}

// part is consecutive lines of a file.
type part struct {
	text  []byte
	lines []int // number in the file of each line in text
	bytes int64 // taken from the file
}

// lines sends a file of JSON lines, part by part.
func (im *importing) lines(ctx context.Context, br *bufio.Reader, cur *cursor) error {
	for n := 1; ; n++ {
		p, err := im.next(br, cur)
		if serr := im.send(ctx, p); serr != nil {
			return serr
		}
		im.bar.Add64(p.bytes)
		if errors.Is(err, io.EOF) {
			return cur.finish()
		}
		if err != nil {
			return err
		}
		if err := cur.save(im.tally, p, im.last); err != nil {
			return err
		}
		if im.afterPart != nil {
			if err := im.afterPart(n); err != nil {
				return err
			}
		}
	}
}

// next reads one part. What it returns is whole lines, also with an error.
func (im *importing) next(br *bufio.Reader, cur *cursor) (part, error) {
	var p part
	for len(p.lines) < partLines && len(p.text) < partBytes {
		line, err := br.ReadSlice('\n')
		cur.read(line)
		p.bytes += int64(len(line))
		if errors.Is(err, bufio.ErrBufferFull) {
			for errors.Is(err, bufio.ErrBufferFull) {
				line, err = br.ReadSlice('\n')
				cur.read(line)
				p.bytes += int64(len(line))
			}
			im.tally.Lines++
			im.problem(problem{im.tally.Lines, client.Refused, "", fmt.Sprintf("the line is longer than %d bytes", longLine)})
			im.tally.Refused++
		} else if len(line) > 0 {
			im.tally.Lines++
			if im.tally.Lines == 1 {
				line = bytes.TrimPrefix(line, []byte("\xef\xbb\xbf"))
			}
			if len(bytes.TrimSpace(line)) > 0 {
				p.text = append(p.text, line...)
				p.lines = append(p.lines, im.tally.Lines)
			}
		}
		if err != nil {
			return p, err
		}
	}
	return p, nil
}

// send records a part and counts what became of it.
func (im *importing) send(ctx context.Context, p part) error {
	for len(p.lines) > 0 {
		// With an error the summary says what was done before it.
		s, err := im.session.SendLines(ctx, p.text, true)
		im.tally.Accepted += s.Accepted
		im.tally.Duplicates += s.Duplicates
		im.tally.Conflicts += s.Conflicts
		im.tally.Refused += s.Refused
		if s.Last != nil {
			im.last = *s.Last
		}
		for _, r := range s.Results {
			if r.Line != nil && *r.Line >= 1 && *r.Line <= len(p.lines) && r.Status >= 400 {
				im.problem(problem{p.lines[*r.Line-1], r.Outcome, r.Field, r.Detail})
			}
		}
		if err != nil {
			return err
		}
		if s.Stopped == "" {
			return nil
		}
		// The server stopped looking at the rest of it; go on from there.
		if s.StoppedAt <= 1 || s.StoppedAt > len(p.lines)+1 {
			return errors.New(s.Stopped)
		}
		p = p.after(s.StoppedAt - 1)
	}
	return nil
}

// after leaves the first n lines out.
func (p part) after(n int) part {
	for range n {
		i := bytes.IndexByte(p.text, '\n')
		if i < 0 {
			return part{}
		}
		p.text = p.text[i+1:]
	}
	p.lines = p.lines[n:]
	return p
}

func (im *importing) problem(p problem) {
	im.tally.Problems = append(im.tally.Problems, p)
	im.bar.Clear()
	fmt.Fprintf(im.cmd.ErrOrStderr(), "%s: %s\n", clean(im.tally.File), oneLine(p.String()))
}
