package trail

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/daybookhq/daybook/events/seal"
)

// Names among the static files of a log.
const (
	CheckpointFile = "checkpoint"
	RotationsFile  = "rotations.json" // what leads from the first key to the one that signed, if it is another
)

// Exported says what an export of tiles did.
type Exported struct {
	From  int64 // the size that the directory held before
	Size  int64 // the size that it holds now
	Files int   // that were written
}

// ExportTiles writes the log under a signed checkpoint of it, of its newest
// where that is nil, as static files that any web server can serve: checkpoint,
// tile/… and tile/entries/… of C2SP tlog-tiles, and besides, where the log
// replaced its key, the rotations as [seal.FormatRotations] writes them. In a directory that holds an
// earlier export it adds what is new, after it has proved that the one
// continues the other, and takes out of it what was erased since. Every file
// appears whole, and the checkpoint last: an export that was interrupted is the
// earlier one, and the next completes it.
//
// progress, if not nil, is told of the events that are done, of all that there
// are to do.
func (t *Trail) ExportTiles(ctx context.Context, dir string, checkpoint []byte, progress func(done, total int64)) (Exported, error) {
	if progress == nil {
		progress = func(int64, int64) {}
	}
	x := tilesExport{trail: t, dir: dir, progress: progress, dirs: map[string]bool{}}
	if err := x.run(ctx, checkpoint); err != nil {
		return Exported{}, fmt.Errorf("export the log to %s: %w", dir, err)
	}
	return x.Exported, nil
}

type tilesExport struct {
	Exported
	trail    *Trail
	dir      string
	progress func(done, total int64)
	dirs     map[string]bool // those in which something was written
}

func (x *tilesExport) run(ctx context.Context, signed []byte) error {
	chain, err := x.trail.Rotations(ctx)
	if err != nil {
		return err
	}
	ring, err := seal.NewKeyring(x.trail.PublicKey(), chain...)
	if err != nil {
		return err
	}
	if signed == nil {
		h, err := x.trail.Head(ctx)
		if err != nil {
			return err
		}
		if signed = h.Checkpoint; signed == nil {
			return errors.New("the head of the trail has no checkpoint, run `daybook verify`")
		}
	}
	c, err := ring.Open(signed)
	if err != nil {
		return err
	}
	if x.Size = c.Size; c.Size > 0 {
		if err := x.trail.holds(ctx, c.Size); err != nil {
			return err
		}
	}
	if err := x.continues(ctx, ring, c); err != nil {
		return err
	}
	if err := x.erased(ctx); err != nil {
		return err
	}
	if err := x.entries(ctx); err != nil {
		return err
	}
	if err := x.tiles(ctx); err != nil {
		return err
	}
	if len(chain) > 0 {
		b, err := seal.FormatRotations(chain)
		if err == nil {
			err = x.write(RotationsFile, append(b, '\n'))
		}
		if err != nil {
			return err
		}
	}
	// Whatever the checkpoint commits to is on the disk before it is.
	for dir := range x.dirs {
		if err := syncDir(dir); err != nil {
			return err
		}
	}
	if err := x.write(CheckpointFile, signed); err != nil {
		return err
	}
	return syncDir(x.dir)
}

// continues looks at what the directory holds already.
func (x *tilesExport) continues(ctx context.Context, ring *seal.Keyring, c seal.Checkpoint) error {
	held, err := os.ReadFile(filepath.Join(x.dir, CheckpointFile))
	if errors.Is(err, fs.ErrNotExist) {
		return x.trail.beginsWith(ctx, c, c)
	}
	if err != nil {
		return err
	}
	old, err := ring.Open(held)
	if err != nil {
		return fmt.Errorf("it holds something else already, choose another directory: %w", err)
	}
	if old.Size > c.Size {
		return fmt.Errorf("it holds the log at %d events already, more than the %d that are published: the trail lost events, or the wrong one is open", old.Size, c.Size)
	}
	x.From = old.Size
	return x.trail.beginsWith(ctx, old, c)
}

// beginsWith returns nil if the stored tiles have the root of c, and prove that
// the tree under old is a prefix of it.
func (t *Trail) beginsWith(ctx context.Context, old, c seal.Checkpoint) error {
	p, err := t.ProveConsistency(ctx, old.Size, c.Size)
	switch {
	case err != nil:
		return err
	case p.ToRoot != c.Root:
		return fmt.Errorf("%w: the tiles do not fit the checkpoint at %d", ErrAltered, c.Size)
	case p.FromRoot != old.Root:
		return fmt.Errorf("it holds another history of the same log: its checkpoint at %d was signed for other events; keep it, it is evidence", old.Size)
	}
	return nil
}

// erased writes the bundles anew that an earlier export wrote with something in
// them that was erased since.
func (x *tilesExport) erased(ctx context.Context) error {
	var bundles []int64
	query := x.trail.reader.Rebind(`SELECT DISTINCT position / 256 FROM redactions WHERE position < ?`)
	if err := x.trail.reader.SelectContext(ctx, &bundles, query, x.From); err != nil {
		return fmt.Errorf("read what was erased: %w", x.trail.classify(err))
	}
	for _, index := range bundles {
		whole := seal.TilePath{Level: seal.EntriesLevel, Index: index, Width: seal.TileWidth}.String()
		names := []string{whole}
		partial, err := os.ReadDir(filepath.Join(x.dir, filepath.FromSlash(whole)+".p"))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		for _, f := range partial {
			names = append(names, whole+".p/"+f.Name())
		}
		for _, name := range names {
			p, err := seal.ParseTilePath(name)
			if _, serr := os.Stat(filepath.Join(x.dir, filepath.FromSlash(name))); err != nil || serr != nil {
				continue // not of an export, or not there
			}
			if err := x.resource(ctx, p); err != nil {
				return err
			}
		}
	}
	return nil
}

// entries writes the bundles that are new or wider than before.
func (x *tilesExport) entries(ctx context.Context) error {
	for p := (seal.TilePath{Level: seal.EntriesLevel, Index: x.From / seal.TileWidth}); ; p.Index++ {
		if p.Width = p.WidthIn(x.Size); p.Width == 0 {
			return nil
		}
		if err := x.resource(ctx, p); err != nil {
			return err
		}
		x.progress(p.Index*seal.TileWidth+int64(p.Width)-x.From, x.Size-x.From)
	}
}

// tiles writes the tiles that are new or wider than before, level by level.
func (x *tilesExport) tiles(ctx context.Context) error {
	for level := 0; x.Size>>(seal.TileHeight*level) > 0; level++ {
		first := x.From >> (seal.TileHeight * (level + 1))
		for p := (seal.TilePath{Level: level, Index: first}); ; p.Index++ {
			if p.Width = p.WidthIn(x.Size); p.Width == 0 {
				break
			}
			if err := x.resource(ctx, p); err != nil {
				return err
			}
		}
	}
	return nil
}

func (x *tilesExport) resource(ctx context.Context, p seal.TilePath) error {
	b, err := x.trail.Resource(ctx, p)
	if err != nil {
		return err
	}
	return x.write(p.String(), b)
}

// write writes a file whole or not at all. One that has these bytes already is
// left alone.
func (x *tilesExport) write(name string, b []byte) (err error) {
	path := filepath.Join(x.dir, filepath.FromSlash(name))
	if same, err := os.ReadFile(path); err == nil && bytes.Equal(same, b) {
		return nil
	}
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".daybook-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	_, err = f.Write(b)
	if err == nil {
		err = f.Chmod(0o644)
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	x.Files++
	// The directories that were made along the way are on the way up.
	for d := dir; !x.dirs[d]; d = filepath.Dir(d) {
		x.dirs[d] = true
		if d == filepath.Clean(x.dir) {
			break
		}
	}
	return nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
