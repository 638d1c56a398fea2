package handlers

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/events/trail"
	"github.com/daybookhq/daybook/handlers/access"
)

const (
	pieceBytes   = 512 << 10 // how much of a body is read before it is recorded
	maxLineBytes = 256 << 10 // a longer line cannot be an event that is kept
)

// piece is part of a body: whole lines, in memory until they are recorded.
type piece struct {
	buf    []byte
	n      int // bytes of buf in use
	events []events.Event
	places []int // line of each event
}

var pieces = sync.Pool{New: func() any { return &piece{buf: make([]byte, pieceBytes)} }}

// postLines records newline-delimited events as they come in: while one piece is
// being made durable, the next is read and checked. Order is kept. However long
// the body is, two pieces of it and its results are in memory.
func (a *api) postLines(w http.ResponseWriter, r *http.Request) error {
	rd, release, err := a.body(w, r, a.MaxLinesBytes)
	if err != nil {
		return err
	}
	defer release()
	rc := http.NewResponseController(w)
	lr := &lines{rd: &patient{Reader: rd, rc: rc, every: a.ReadTimeout}, by: principalOf(r), out: newSeveral(r, "line")}

	// A caller who goes away, or stops sending, has sent whole events before:
	// those are recorded, and the same request again finds them as duplicates.
	failure := a.recordLines(context.WithoutCancel(r.Context()), lr)
	for range lr.out.sum.Refused {
		a.metrics.refused.Inc()
	}
	rc.SetWriteDeadline(time.Now().Add(writeTimeout))
	return lr.out.answer(w, failure)
}

// recordLines returns what ended the work before the end of the body, if anything.
func (a *api) recordLines(ctx context.Context, lr *lines) error {
	type appended struct {
		receipts []trail.Receipt
		err      error
	}
	var before *piece // being recorded
	done := make(chan appended, 1)
	finish := func() error {
		if before == nil {
			return nil
		}
		p := before
		before = nil
		got := <-done
		defer p.release()
		for _, rc := range got.receipts {
			a.metrics.count(rc)
		}
		lr.out.receive(p.places, p.events, got.receipts)
		if got.err != nil {
			lr.out.broken(p.places, got.receipts, got.err)
		}
		return got.err
	}
	for {
		p, more, readErr := lr.next()
		if err := finish(); err != nil {
			p.release()
			return err
		}
		if len(p.events) > 0 {
			before = p
			record := func() {
				receipts, err := a.Trail.Append(ctx, lr.by.Name, p.events...)
				done <- appended{receipts, err}
			}
			if more {
				go record()
			} else {
				record()
			}
		} else {
			p.release()
		}
		if !more {
			if err := finish(); err != nil {
				return err
			}
			return readErr
		}
	}
}

func (p *piece) release() {
	clear(p.events)
	p.events, p.places, p.n = p.events[:0], p.places[:0], 0
	if cap(p.buf) == pieceBytes {
		pieces.Put(p)
	}
}

// lines cuts a body into pieces of checked events.
type lines struct {
	rd   io.Reader
	by   access.Principal
	out  *several
	line int    // lines seen
	rest []byte // the beginning of the next line, read already
	skip bool   // within a line that is too long
}

// next returns the next piece, whether there is more after it, and what broke
// the body off. The piece is never nil.
func (l *lines) next() (p *piece, more bool, err error) {
	p = pieces.Get().(*piece)
	p.n = copy(p.buf, l.rest)
	l.rest = nil
	for p.n < len(p.buf) && err == nil {
		var n int
		n, err = l.rd.Read(p.buf[p.n:])
		p.n += n
	}
	text := p.buf[:p.n]
	end := bytes.LastIndexByte(text, '\n') + 1
	switch {
	case err == io.EOF:
		end, err = len(text), nil
	case err != nil:
		// The last line may be cut off; it is not looked at.
		err = bodyError(err)
		if !l.cut(p, text[:end]) {
			return p, false, err
		}
		l.out.stop(l.line+1, fmt.Sprintf("nothing from line %d on was looked at", l.line+1))
		return p, false, err
	default:
		more = true
	}
	if more && len(text)-end > maxLineBytes {
		// A line that long is refused, so what was read of it need not be kept.
		if !l.cut(p, text[:end]) {
			return p, false, nil
		}
		if !l.skip {
			l.line++
			if !l.out.refuse(l.line, tooLong) {
				return p, false, nil
			}
			l.skip = true
		}
		return p, true, nil
	}
	if !l.cut(p, text[:end]) {
		return p, false, nil
	}
	l.rest = bytes.Clone(text[end:])
	return p, more, nil
}

var tooLong = &events.Refusal{Reason: fmt.Sprintf("the line is longer than %d bytes", maxLineBytes)}

// cut checks each line of text. It reports false when the rest of the body is
// not worth looking at.
func (l *lines) cut(p *piece, text []byte) bool {
	for len(text) > 0 {
		line := text
		if i := bytes.IndexByte(text, '\n'); i >= 0 {
			line, text = text[:i], text[i+1:]
		} else {
			text = nil
		}
		if l.skip { // the end of a line that was refused already
			l.skip = false
			continue
		}
		l.line++
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		if err := l.check(p, line); err != nil && !l.out.refuse(l.line, err) {
			return false
		}
	}
	return true
}

func (l *lines) check(p *piece, line []byte) error {
	if len(line) > maxLineBytes {
		return tooLong
	}
	e, err := events.Parse(line)
	if err != nil {
		return err
	}
	if err := l.by.MayRecord(&e); err != nil {
		return err
	}
	p.events = append(p.events, e)
	p.places = append(p.places, l.line)
	return nil
}
