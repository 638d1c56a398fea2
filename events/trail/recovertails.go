package trail

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/events/seal"
)

// TailOfTrail finds events in another copy of a trail, with the checkpoints
// that were signed since.
func TailOfTrail(name string, copied *Trail) Tail { return trailTail{name, copied} }

type trailTail struct {
	name string
	*Trail
}

func (t trailTail) Name() string { return t.name }

func (t trailTail) Recorded(ctx context.Context, from int64, event, checkpoint func([]byte) error) error {
	head, err := t.Head(ctx)
	if err != nil {
		return err
	}
	for ; from < head.Size; from += readChunk {
		entries, err := t.Entries(ctx, from, int(min(readChunk, head.Size-from)))
		if err != nil {
			return err
		}
		for _, e := range entries {
			if err := handOver(e, event); err != nil {
				return err
			}
		}
	}
	if head.Checkpoint == nil {
		return nil
	}
	return checkpoint(head.Checkpoint)
}

// handOver leaves out what was erased.
func handOver(recorded []byte, event func([]byte) error) error {
	if len(recorded) == 0 {
		return nil
	}
	return event(recorded)
}

// TailOfTiles finds events in a directory with a log as C2SP tlog-tiles lays it
// out: the files checkpoint and tile/entries/….
func TailOfTiles(dir string) Tail { return tilesTail(dir) }

type tilesTail string

func (d tilesTail) Name() string { return "the tiles in " + string(d) }

func (d tilesTail) Recorded(ctx context.Context, from int64, event, checkpoint func([]byte) error) error {
	note, err := readUpTo(filepath.Join(string(d), "checkpoint"), seal.MaxCheckpointBytes)
	if err != nil {
		return err
	}
	if err := checkpoint(note); err != nil {
		return err
	}
	for n := from / seal.TileWidth; ctx.Err() == nil; n++ {
		path := seal.TilePath{Level: seal.EntriesLevel, Index: n, Width: seal.TileWidth}
		b, err := readUpTo(filepath.Join(string(d), filepath.FromSlash(path.String())), maxBundleBytes)
		full := err == nil
		if errors.Is(err, fs.ErrNotExist) {
			b, err = d.widest(path)
		}
		if err != nil {
			return err
		}
		for i := n * seal.TileWidth; len(b) >= 2; i++ {
			size := 2 + int(binary.BigEndian.Uint16(b))
			if size > len(b) {
				return fmt.Errorf("%s breaks off within its entry %d", path, i)
			}
			if i >= from {
				if err := handOver(b[2:size], event); err != nil {
					return err
				}
			}
			b = b[size:]
		}
		if !full {
			return nil
		}
	}
	return ctx.Err()
}

// maxBundleBytes is the most that 256 entries can take.
const maxBundleBytes = seal.TileWidth * (2 + 1<<16)

// widest reads the widest of a bundle's narrower files, or nothing.
func (d tilesTail) widest(path seal.TilePath) ([]byte, error) {
	for path.Width--; path.Width > 0; path.Width-- {
		b, err := readUpTo(filepath.Join(string(d), filepath.FromSlash(path.String())), maxBundleBytes)
		if err == nil || !errors.Is(err, fs.ErrNotExist) {
			return b, err
		}
	}
	return nil, nil
}

// readUpTo reads a file that must not be larger than that.
func readUpTo(name string, most int64) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(b)) > most {
		err = fmt.Errorf("%s is larger than %d bytes and none of a log's files", name, most)
	}
	return b, err
}

// TailOfFile finds events in a file of lines: a bundle (`daybook export`), or
// one recorded event a line and nothing else on it. Lines that are neither are
// left out.
func TailOfFile(name string) Tail { return fileTail(name) }

type fileTail string

func (f fileTail) Name() string { return "the file " + string(f) }

func (f fileTail) Recorded(ctx context.Context, from int64, event, checkpoint func([]byte) error) error {
	file, err := os.Open(string(f))
	if err != nil {
		return err
	}
	defer file.Close()
	return recordedLines(file, from, event, checkpoint)
}

// Keywords of a bundle before recorded bytes with their position, and before
// the lines of a checkpoint.
var (
	recordKeywords = [][]byte{[]byte("event "), []byte("receipt ")}
	noteKeywords   = [][]byte{[]byte("checkpoint"), []byte("sealed"), []byte("cosigned")}
)

// maxLine is the longest line that can hold a recorded event.
const maxLine = events.MaxRecordedBytes + 64

func recordedLines(r io.Reader, from int64, event, checkpoint func([]byte) error) error {
	in := bufio.NewReaderSize(r, maxLine)
	var note []byte // the checkpoint whose lines are being read
	var keyword []byte
	end := func() error {
		n := note
		note, keyword = nil, nil
		if len(n) == 0 {
			return nil
		}
		return checkpoint(n)
	}
	for {
		line, err := in.ReadSlice('\n')
		long := false
		for errors.Is(err, bufio.ErrBufferFull) {
			long = true
			_, err = in.ReadSlice('\n')
		}
		if err != nil && err != io.EOF {
			return err
		}
		if line = bytes.TrimRight(line, "\r\n"); !long {
			found, rest := cutKeyword(line, noteKeywords)
			if !bytes.Equal(found, keyword) {
				if err := end(); err != nil {
					return err
				}
				keyword = found
			}
			if found != nil && len(note) < seal.MaxCheckpointBytes {
				note = append(append(note, bytes.TrimPrefix(rest, []byte(" "))...), '\n')
			}
			if found == nil {
				if err := recordedLine(line, from, event); err != nil {
					return err
				}
			}
		}
		if err == io.EOF {
			return end()
		}
	}
}

func recordedLine(line []byte, from int64, event func([]byte) error) error {
	if found, rest := cutKeyword(line, recordKeywords); found != nil {
		number, recorded, _ := bytes.Cut(rest, []byte(" "))
		if p, err := strconv.ParseInt(string(number), 10, 64); err != nil || p < from {
			return nil
		}
		line = recorded
	}
	if len(line) == 0 || line[0] != '{' {
		return nil
	}
	return event(bytes.Clone(line))
}

func cutKeyword(line []byte, keywords [][]byte) (keyword, rest []byte) {
	for _, k := range keywords {
		if rest, ok := bytes.CutPrefix(line, k); ok && (k[len(k)-1] == ' ' || len(rest) == 0 || rest[0] == ' ') {
			return k, rest
		}
	}
	return nil, nil
}
