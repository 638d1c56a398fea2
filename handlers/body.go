package handlers

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

// buffers hold bodies of single events, which are small and many.
var buffers = sync.Pool{New: func() any { return bytes.NewBuffer(make([]byte, 0, 4<<10)) }}

var unzippers = sync.Pool{New: func() any { return new(gzip.Reader) }}

// body returns the body of r, unpacked if it is gzip. Both what comes over the
// wire and what it unpacks to are held to limit bytes. release gives back what
// it borrowed; nothing may be read after.
func (a *api) body(w http.ResponseWriter, r *http.Request, limit int64) (rd io.Reader, release func(), err error) {
	wire := http.MaxBytesReader(w, r.Body, limit)
	switch enc := strings.ToLower(strings.TrimSpace(r.Header.Get("Content-Encoding"))); enc {
	case "", "identity":
		return wire, func() {}, nil
	case "gzip":
		z := unzippers.Get().(*gzip.Reader)
		if err := z.Reset(wire); err != nil {
			unzippers.Put(z)
			return nil, nil, bodyError(err)
		}
		return http.MaxBytesReader(w, struct {
			io.Reader
			io.Closer
		}{z, io.NopCloser(nil)}, limit), func() { unzippers.Put(z) }, nil
	default:
		return nil, nil, &fault{status: http.StatusUnsupportedMediaType, field: "Content-Encoding", detail: fmt.Sprintf("%q is not taken; send the body plain or as gzip", enc)}
	}
}

// whole reads a body that is to be held in memory. The buffer is from buffers.
func (a *api) whole(w http.ResponseWriter, r *http.Request, limit int64) (*bytes.Buffer, error) {
	rd, release, err := a.body(w, r, limit)
	if err != nil {
		return nil, err
	}
	defer release()
	buf := buffers.Get().(*bytes.Buffer)
	buf.Reset()
	if n := r.ContentLength; n > 0 && n <= limit {
		buf.Grow(int(min(n, 1<<20)) + bytes.MinRead) // more only as it really comes
	}
	if _, err := buf.ReadFrom(rd); err != nil {
		giveBack(buf)
		return nil, bodyError(err)
	}
	return buf, nil
}

// giveBack keeps a buffer for the next request, unless it has grown large.
func giveBack(b *bytes.Buffer) {
	if b.Cap() <= 64<<10 {
		buffers.Put(b)
	}
}

// bodyError tells what a failed read of a body means.
func bodyError(err error) error {
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return err
	case errors.Is(err, gzip.ErrHeader), errors.Is(err, gzip.ErrChecksum), strings.Contains(err.Error(), "flate: corrupt"):
		return &fault{status: http.StatusBadRequest, field: "Content-Encoding", detail: "the body is not valid gzip", err: err}
	case isTimeout(err):
		return &fault{status: http.StatusRequestTimeout, detail: "the body came too slowly", err: err}
	}
	return &fault{status: http.StatusBadRequest, detail: "the body ended before it was complete", err: err}
}

func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}

// patient lets a long body take as long as it needs while it makes progress:
// each read gets its own deadline.
type patient struct {
	io.Reader
	rc    *http.ResponseController
	every time.Duration
	until time.Time
}

func (p *patient) Read(b []byte) (int, error) {
	// Connections without deadlines (a command's own process) need none.
	if now := time.Now(); p.until.Sub(now) < p.every/2 {
		p.until = now.Add(p.every)
		p.rc.SetReadDeadline(p.until)
		p.rc.SetWriteDeadline(p.until.Add(p.every))
	}
	return p.Reader.Read(b)
}

// longer lets an answer that takes its time be written when it is ready.
func longer(w http.ResponseWriter) {
	rc := http.NewResponseController(w)
	rc.SetReadDeadline(time.Time{})
	rc.SetWriteDeadline(time.Time{})
}
