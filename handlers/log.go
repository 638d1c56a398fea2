package handlers

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/transparency-dev/formats/log"

	"github.com/daybookhq/daybook/events/seal"
	"github.com/daybookhq/daybook/events/trail"
)

// maxBundles is how many bundles of entries are put together at once, each up
// to 15 MB: anybody may ask for them where the log is public.
const maxBundles = 8

// published returns the checkpoint that outsiders are shown, and what it says.
// The log is served up to its size and no further.
func (a *api) published(ctx context.Context) (signed []byte, c log.Checkpoint, err error) {
	if signed, err = a.Published(ctx); err != nil {
		return nil, c, err
	}
	if _, err := c.Unmarshal(signed); err != nil {
		return nil, c, fmt.Errorf("read the published checkpoint: %w", err)
	}
	// It only grows, and what was published once stays so.
	for size := int64(c.Size); ; {
		known := a.publishedSize.Load()
		if size <= known || a.publishedSize.CompareAndSwap(known, size) {
			return signed, c, nil
		}
	}
}

// newest is Published where nothing else is wanted of a checkpoint than the
// log's own signature.
func newest(t *trail.Trail) func(context.Context) ([]byte, error) {
	return func(ctx context.Context) ([]byte, error) {
		h, err := t.Head(ctx)
		if err == nil && h.Checkpoint == nil {
			err = errors.New("the head of the trail has no checkpoint; run `daybook verify`")
		}
		return h.Checkpoint, err
	}
}

// getCheckpoint serves the newest published checkpoint (C2SP tlog-checkpoint).
func (a *api) getCheckpoint(w http.ResponseWriter, r *http.Request) error {
	signed, _, err := a.published(r.Context())
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Cache-Control", a.cacheFor("no-cache"))
	_, err = w.Write(signed)
	return err
}

// getTile serves tiles and bundles of entries (C2SP tlog-tiles). What is not
// under the published checkpoint is not there.
func (a *api) getTile(w http.ResponseWriter, r *http.Request) error {
	// As it was sent: one tile has one address.
	p, err := seal.ParseTilePath(strings.TrimPrefix(r.URL.EscapedPath(), "/"))
	if err != nil {
		return &fault{status: http.StatusNotFound, detail: err.Error()}
	}
	if err := parametersOf(r).done(); err != nil {
		return err
	}
	if p.WidthIn(a.publishedSize.Load()) < p.Width {
		_, c, err := a.published(r.Context())
		if err != nil {
			return err
		}
		if width := p.WidthIn(int64(c.Size)); width < p.Width {
			return &fault{status: http.StatusNotFound, detail: fmt.Sprintf("the published log of %d entries has %d of the %d that %s holds", c.Size, width, p.Width, p)}
		}
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	if p.Level == seal.EntriesLevel {
		return a.sendEntries(w, r, p)
	}
	b, err := a.Trail.Resource(r.Context(), p)
	if err != nil {
		return err
	}
	w.Header().Set("Cache-Control", a.cacheFor("max-age=31536000, immutable"))
	w.Header().Set("Content-Length", strconv.Itoa(len(b)))
	_, err = w.Write(b)
	return err
}

// sendEntries serves a bundle, compressed where the caller takes that. Caches
// ask before they show it again: what an event says can be erased, and then
// must not be had from them for ever.
func (a *api) sendEntries(w http.ResponseWriter, r *http.Request, p seal.TilePath) error {
	b, err := a.bundle(r.Context(), p)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(b)
	etag := hex.EncodeToString(sum[:16])
	h := w.Header()
	h.Set("Cache-Control", a.cacheFor("no-cache"))
	h.Set("Vary", "Accept-Encoding")
	if takesGzip(r.Header.Values("Accept-Encoding")) {
		if b, err = compress(b); err != nil {
			return err
		}
		h.Set("Content-Encoding", "gzip")
		etag += "-gzip"
	}
	h.Set("Content-Length", strconv.Itoa(len(b)))
	return conditional(w, r, `"`+etag+`"`, b)
}

func (a *api) bundle(ctx context.Context, p seal.TilePath) ([]byte, error) {
	select {
	case a.bundles <- struct{}{}:
		defer func() { <-a.bundles }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return a.Trail.Resource(ctx, p)
}

// cacheFor says who besides the caller may keep an answer.
func (a *api) cacheFor(how string) string {
	if a.PublicLog {
		return "public, " + how
	}
	return "private, " + how
}

var gzips = sync.Pool{New: func() any { w, _ := gzip.NewWriterLevel(nil, gzip.BestSpeed); return w }}

func compress(b []byte) ([]byte, error) {
	var out bytes.Buffer
	z := gzips.Get().(*gzip.Writer)
	defer gzips.Put(z)
	z.Reset(&out)
	if _, err := z.Write(b); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// takesGzip reads Accept-Encoding.
func takesGzip(header []string) bool {
	takes, named := false, false
	for part := range strings.SplitSeq(strings.Join(header, ","), ",") {
		coding, params, _ := strings.Cut(part, ";")
		coding = strings.ToLower(strings.TrimSpace(coding))
		yes := true
		if q, ok := strings.CutPrefix(strings.ReplaceAll(strings.ToLower(params), " ", ""), "q="); ok {
			n, err := strconv.ParseFloat(q, 64)
			yes = err == nil && n > 0
		}
		switch {
		case coding == "gzip" || coding == "x-gzip":
			takes, named = yes, true
		case coding == "*" && !named:
			takes = yes
		}
	}
	return takes
}
