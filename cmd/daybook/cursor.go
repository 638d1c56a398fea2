package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
)

// A cursor remembers how far the import of a large file has come, so that one
// that was interrupted goes on there. It is only ever trusted after two checks:
// the file still begins with the very same bytes, and sending the last part
// again yields nothing but duplicates that end at the same position. Without
// them the import starts over, which costs time and nothing else.
//
// All methods may be called on a nil cursor, which remembers nothing.
type cursor struct {
	path  string
	sum   hash.Hash // of everything read so far
	saved saved
}

type saved struct {
	File      string `json:"file"`
	Offset    int64  `json:"offset"` // bytes of the file that are done
	Digest    string `json:"digest"` // SHA-256 of those bytes
	PartStart int64  `json:"part_start"`
	Last      int64  `json:"last"` // position that the last part ended at
	Tally     tally  `json:"tally"`
}

// openCursor finds the cursor of a file and a ledger. It returns nil where there
// is no place to keep one.
func openCursor(where, file string) *cursor {
	abs, err := filepath.Abs(file)
	if err != nil {
		return nil
	}
	dir := filepath.Join(where, "imports")
	if st, err := os.Stat(where); err != nil || !st.IsDir() {
		cache, err := os.UserCacheDir()
		if err != nil {
			return nil
		}
		dir = filepath.Join(cache, "daybook", "imports")
	}
	if os.MkdirAll(dir, 0o700) != nil {
		return nil
	}
	name := sha256.Sum256([]byte(where + "\x00" + abs))
	c := &cursor{path: filepath.Join(dir, hex.EncodeToString(name[:8])+".json"), sum: sha256.New()}
	if b, err := os.ReadFile(c.path); err == nil && json.Unmarshal(b, &c.saved) != nil {
		c.saved = saved{}
	}
	c.saved.File = abs
	return c
}

func (c *cursor) read(b []byte) {
	if c != nil {
		c.sum.Write(b)
	}
}

// save remembers that a part, and everything before it, is done.
func (c *cursor) save(t tally, p part, last int64) error {
	if c == nil {
		return nil
	}
	c.saved = saved{
		File: c.saved.File, PartStart: c.saved.Offset, Offset: c.saved.Offset + p.bytes,
		Digest: hex.EncodeToString(c.sum.Sum(nil)), Last: last, Tally: t,
	}
	b, err := json.Marshal(c.saved)
	if err != nil {
		return err
	}
	// Two clients may import one file at once, so not by a name they would share.
	if err := replaceFile(c.path, b, 0o600); err != nil {
		return fmt.Errorf("remembering how far the import has come: %w", err)
	}
	return nil
}

// finish forgets the cursor: the file is done.
func (c *cursor) finish() error {
	if c == nil {
		return nil
	}
	if err := os.Remove(c.path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// resume returns where in f the import goes on, with f there and the tally of
// the earlier run taken over, or 0.
func (im *importing) resume(ctx context.Context, c *cursor, f *os.File) int64 {
	if c == nil {
		return 0
	}
	s := c.saved
	c.saved = saved{File: s.File}
	if s.Offset == 0 || s.Last < 0 || s.PartStart >= s.Offset {
		return 0
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return 0
	}
	if _, err := io.CopyN(c.sum, f, s.Offset); err != nil || hex.EncodeToString(c.sum.Sum(nil)) != s.Digest {
		c.sum.Reset()
		return 0
	}
	text := make([]byte, s.Offset-s.PartStart)
	if _, err := f.ReadAt(text, s.PartStart); err != nil {
		c.sum.Reset()
		return 0
	}
	sum, err := im.session.SendLines(ctx, text, true)
	if err != nil || sum.Accepted > 0 || sum.Last == nil || *sum.Last != s.Last {
		c.sum.Reset()
		return 0
	}
	c.saved = s
	im.tally, im.last = s.Tally, s.Last
	im.tally.File, im.tally.Resumed = f.Name(), s.Tally.Lines
	im.bar.Add64(s.Offset)
	fmt.Fprintf(im.cmd.ErrOrStderr(), "%s: going on after line %d, which an earlier import had reached\n", clean(f.Name()), s.Tally.Lines)
	for _, p := range s.Tally.Problems {
		fmt.Fprintf(im.cmd.ErrOrStderr(), "%s: %s\n", clean(f.Name()), oneLine(p.String()))
	}
	return s.Offset
}
