package handlers_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/jmoiron/sqlx"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera/api"
	"github.com/transparency-dev/tessera/client"
	"github.com/transparency-dev/tessera/fsck"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/events/seal"
	"github.com/daybookhq/daybook/events/trail"
	"github.com/daybookhq/daybook/events/trail/trailtest"
	"github.com/daybookhq/daybook/handlers"
)

// leafHashes reads a bundle of entries with Tessera's own parser.
func leafHashes(bundle []byte) ([][]byte, error) {
	var b api.EntryBundle
	if err := b.UnmarshalText(bundle); err != nil {
		return nil, err
	}
	hashes := make([][]byte, len(b.Entries))
	for i, e := range b.Entries {
		hashes[i] = rfc6962.DefaultHasher.HashLeaf(e)
	}
	return hashes, nil
}

// check has Tessera's fsck look at a log. It panics on a bundle that is too
// short, which counts as an error.
func check(ctx context.Context, public string, f fsck.Fetcher) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("fsck: %v", v)
		}
	}()
	key, err := seal.ParsePublic(public)
	if err != nil {
		return err
	}
	return fsck.New(key.Name(), key, f, leafHashes, fsck.Opts{N: 2}).Check(ctx)
}

// A prefixLog is a log over HTTP, published up to a size that can be changed:
// what a server shows that has just so many events.
type prefixLog struct {
	*client.HTTPFetcher
	size  atomic.Int64
	trail *trail.Trail
	empty []byte // the checkpoint of the log before its first event
}

func (l *prefixLog) published(ctx context.Context) ([]byte, error) {
	if l.size.Load() == 0 {
		return l.empty, nil
	}
	h, err := l.trail.HeadAt(ctx, l.size.Load())
	return h.Checkpoint, err
}

// serveLog makes a trail of that many events and serves it.
func serveLog(t *testing.T, o trail.Options, size int) *prefixLog {
	t.Helper()
	l := &prefixLog{}
	s := serve(t, o, func(d *handlers.Deps) { d.PublicLog, d.Published, l.trail = true, l.published, d.Trail })
	for next := 1; next < size; {
		evs := make([]events.Event, min(4096, size-next))
		for i := range evs {
			evs[i] = trailtest.Event(t, fmt.Sprint(next), "note.added")
			next++
		}
		trailtest.Append(t, s.trail, evs...)
	}
	// A trail has its first event from the start, so nobody was ever shown this.
	key, err := seal.LoadKey(filepath.Join(o.DataDir, trail.SigningKeyFile))
	if err != nil {
		t.Fatal(err)
	}
	if l.empty, err = key.Sign(0, seal.EmptyRoot()); err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(s.URL + "/")
	if err != nil {
		t.Fatal(err)
	}
	c := s.Client()
	c.Transport.(*http.Transport).DisableCompression = size > 1000 // it takes most of the time
	if l.HTTPFetcher, err = client.NewHTTPFetcher(u, c); err != nil {
		t.Fatal(err)
	}
	return l
}

// awkward are the sizes at which tiles begin, end and are alone.
var awkward = []int64{0, 1, 255, 256, 257, 65_535, 65_536, 65_537}

// TestTesseraAuditsTheLog has tools that were not written here look at logs of
// every awkward size, over HTTP and as static files.
func TestTesseraAuditsTheLog(t *testing.T) {
	t.Parallel()
	audit := func(t *testing.T, l *prefixLog, sizes []int64) {
		dir := filepath.Join(t.TempDir(), "log")
		m := &monitor{log: l}
		for _, size := range sizes {
			l.size.Store(size)
			if err := check(t.Context(), l.trail.PublicKey(), l); err != nil {
				t.Errorf("%d events over HTTP: %v", size, err)
			}
			if size > 0 {
				m.follow(t)
			}
			// Into the same directory, which grows.
			signed, err := l.published(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			var done, total int64
			x, err := l.trail.ExportTiles(t.Context(), dir, signed, func(d, all int64) { done, total = d, all })
			if err != nil || x.Size != size || done != total || done != x.Size-x.From {
				t.Fatalf("%d events: %+v, %d of %d done, %v", size, x, done, total, err)
			}
			if err := check(t.Context(), l.trail.PublicKey(), client.FileFetcher{Root: dir}); err != nil {
				t.Errorf("%d events in files: %v", size, err)
			}
		}
	}
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		audit(t, serveLog(t, trailtest.SQLite(t), 65_537), awkward)
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		o := trailtest.SQLite(t)
		o.DatabaseURL, o.AllowOwner = trailtest.Postgres(t), true
		audit(t, serveLog(t, o, 600), []int64{0, 1, 255, 256, 257, 600})
	})
}

// A monitor keeps a checkpoint, and has inclusion and consistency proved from
// the tiles that it fetches.
type monitor struct {
	log     *prefixLog
	tracker *client.LogStateTracker
}

// follow goes on to what is published now.
func (m *monitor) follow(t *testing.T) {
	t.Helper()
	ctx, size := t.Context(), uint64(m.log.size.Load())
	if m.tracker == nil {
		key, err := seal.ParsePublic(m.log.trail.PublicKey())
		if err != nil {
			t.Fatal(err)
		}
		m.tracker, err = client.NewLogStateTracker(ctx, m.log.ReadTile, nil, key, key.Name(), client.UnilateralConsensus(m.log.ReadCheckpoint))
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, _, _, err := m.tracker.Update(ctx); err != nil {
		t.Fatalf("consistency up to %d: %v", size, err)
	}
	latest := m.tracker.Latest()
	if latest.Size != size {
		t.Fatalf("followed to %d, want %d", latest.Size, size)
	}
	builder, err := client.NewProofBuilder(ctx, size, m.log.ReadTile)
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range []uint64{0, size / 2, size - 1} {
		b, err := client.GetEntryBundle(ctx, m.log.ReadEntryBundle, at/256, size)
		if err != nil {
			t.Fatal(err)
		}
		p, err := builder.InclusionProof(ctx, at)
		if err != nil {
			t.Fatal(err)
		}
		leaf := rfc6962.DefaultHasher.HashLeaf(b.Entries[at%256])
		if err := proof.VerifyInclusion(rfc6962.DefaultHasher, at, size, leaf, p, latest.Hash); err != nil {
			t.Errorf("%d of %d: %v", at, size, err)
		}
		ours, err := m.log.trail.ProveInclusion(ctx, int64(at), int64(size))
		if err != nil || len(ours.Hashes) != len(p) {
			t.Fatalf("%d of %d: %v", at, size, err)
		}
		for i := range p {
			if string(p[i]) != string(ours.Hashes[i][:]) {
				t.Errorf("%d of %d: hash %d differs from Tessera's", at, size, i)
			}
		}
	}
	// Beyond what is published there is nothing, and fallbacks find that out.
	if _, err := m.log.ReadTile(ctx, 0, size/256, uint8(size%256+1)); size%256 < 255 && !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a tile wider than at %d: %v", size, err)
	}
	if _, err := m.log.ReadEntryBundle(ctx, size/256+1, 1); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("entries beyond %d: %v", size, err)
	}
}

// TestTesseraFindsTampering changes one thing of each copy of a log.
func TestTesseraFindsTampering(t *testing.T) {
	t.Parallel()
	o := trailtest.SQLite(t)
	l := serveLog(t, o, 600)
	l.size.Store(600)
	public := l.trail.PublicKey()
	original := t.TempDir()
	if _, err := l.trail.ExportTiles(t.Context(), original, nil, nil); err != nil {
		t.Fatal(err)
	}
	flip := func(name string, at int) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			b, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			if at < 0 {
				at += len(b)
			}
			b[at] ^= 1
			if err := os.WriteFile(filepath.Join(dir, name), b, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	cut := func(name string, by int64) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			info, err := os.Stat(filepath.Join(dir, name))
			if err == nil {
				err = os.Truncate(filepath.Join(dir, name), info.Size()-by)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	swap := func(a, b string) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			a, b, c := filepath.Join(dir, a), filepath.Join(dir, b), filepath.Join(dir, "c")
			if err := errors.Join(os.Rename(a, c), os.Rename(b, a), os.Rename(c, b)); err != nil {
				t.Fatal(err)
			}
		}
	}
	remove := func(name string) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			if err := os.Remove(filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, tamper := range map[string]func(t *testing.T, dir string){
		"an entry":                   flip("tile/entries/001", 700),
		"the last entry":             flip("tile/entries/002.p/88", -2),
		"a length":                   flip("tile/entries/000", 1),
		"a leaf hash":                flip("tile/0/000", 8000),
		"a hash of the partial tile": flip("tile/0/002.p/88", 40),
		"an upper hash":              flip("tile/1/000.p/2", 3),
		"the size":                   flip("checkpoint", len("daybook.test/log\n")),
		"the root":                   flip("checkpoint", len("daybook.test/log\n600\n")+4),
		"the signature":              flip("checkpoint", -9),
		"the name":                   flip("checkpoint", 2),
		"two bundles":                swap("tile/entries/000", "tile/entries/001"),
		"two tiles":                  swap("tile/0/000", "tile/0/001"),
		"a short bundle":             cut("tile/entries/001", 300),
		"a short tile":               cut("tile/0/001", 32),
		"a missing bundle":           remove("tile/entries/000"),
		"a missing tile":             remove("tile/1/000.p/2"),
		"a missing checkpoint":       remove("checkpoint"),
	} {
		t.Run(strings.ReplaceAll(name, " ", "-"), func(t *testing.T) {
			dir := t.TempDir()
			if err := os.CopyFS(dir, os.DirFS(original)); err != nil {
				t.Fatal(err)
			}
			if err := check(t.Context(), public, client.FileFetcher{Root: dir}); err != nil {
				t.Fatalf("before anything was changed: %v", err)
			}
			tamper(t, dir)
			if err := check(t.Context(), public, client.FileFetcher{Root: dir}); err == nil {
				t.Fatal("it was not found")
			}
		})
	}
	// In the database under the server.
	for _, c := range []struct{ name, trigger, do, undo string }{
		{"an event", "events_no_update", `UPDATE events SET body = replace(body, '2026-03-14T12:00:00Z', '2026-03-14T12:00:01Z') WHERE position = 300`,
			`UPDATE events SET body = replace(body, '2026-03-14T12:00:01Z', '2026-03-14T12:00:00Z') WHERE position = 300`},
		{"an event moved", "events_no_update", `UPDATE events SET position = 900 WHERE position = 300`, `UPDATE events SET position = 300 WHERE position = 900`},
		{"a tile", "tiles_only_grow", `UPDATE tiles SET hashes = zeroblob(8192) WHERE level = 0 AND idx = 1`, ""},
	} {
		if err := check(t.Context(), public, l); err != nil {
			t.Fatalf("before %s was changed: %v", c.name, err)
		}
		for i, query := range []string{c.do, c.undo} {
			err := l.trail.Write(t.Context(), func(tx *sqlx.Tx) error {
				_, err := tx.Exec("DROP TRIGGER IF EXISTS " + c.trigger + ";" + query)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			if err := check(t.Context(), public, l); i == 0 && err == nil {
				t.Errorf("%s changed in the database was not found", c.name)
			}
		}
	}
	other := trailtest.Open(t, trailtest.SQLite(t))
	if err := check(t.Context(), other.PublicKey(), client.FileFetcher{Root: original}); err == nil {
		t.Error("it passed under the key of another log")
	}
}

// TestExportTilesRefuses leaves alone what is not an earlier export of the log.
func TestExportTilesRefuses(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	o := trailtest.SQLite(t)
	tr := trailtest.Open(t, o)
	trailtest.Append(t, tr, trailtest.Notes(t, "a", 9)...)
	if err := tr.Close(); err != nil {
		t.Fatal(err)
	}
	fork := trailtest.Copy(t, o)
	tr = trailtest.Open(t, o)
	trailtest.Append(t, tr, trailtest.Notes(t, "b", 10)...)
	dir := t.TempDir()
	x, err := tr.ExportTiles(ctx, dir, nil, nil)
	if err != nil || x.From != 0 || x.Size != 20 || x.Files != 3 {
		t.Fatalf("%+v, %v", x, err)
	}
	if x, err := tr.ExportTiles(ctx, dir, nil, nil); err != nil || x.Files != 0 || x.From != 20 {
		t.Errorf("again: %+v, %v", x, err)
	}
	before := files(t, dir)
	forked := trailtest.Open(t, fork)
	if _, err := forked.ExportTiles(ctx, dir, nil, nil); err == nil || !strings.Contains(err.Error(), "it holds the log at 20 events already, more than the 10") {
		t.Errorf("an older copy of the trail: %v", err)
	}
	trailtest.Append(t, forked, trailtest.Notes(t, "c", 20)...)
	if _, err := forked.ExportTiles(ctx, dir, nil, nil); err == nil || !strings.Contains(err.Error(), "another history of the same log") {
		t.Errorf("another history: %v", err)
	}
	other := trailtest.Open(t, trailtest.SQLite(t))
	if _, err := other.ExportTiles(ctx, dir, nil, nil); err == nil || !strings.Contains(err.Error(), "choose another directory") {
		t.Errorf("another log: %v", err)
	}
	if _, err := other.ExportTiles(ctx, t.TempDir(), []byte("nonsense"), nil); err == nil {
		t.Error("a checkpoint that is none")
	}
	if after := files(t, dir); after != before {
		t.Errorf("the directory was changed from\n%s\nto\n%s", before, after)
	}
	// An export that was interrupted is completed.
	if err := os.Remove(filepath.Join(dir, trail.CheckpointFile)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "tile", "0", "000.p", "20"), []byte("half"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := tr.ExportTiles(ctx, dir, nil, nil); err != nil {
		t.Fatal(err)
	}
	if after := files(t, dir); after != before {
		t.Errorf("completed to\n%s\nwant\n%s", after, before)
	}
	stopped, stop := context.WithCancel(ctx)
	stop()
	if _, err := tr.ExportTiles(stopped, t.TempDir(), nil, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("stopped: %v", err)
	}
}

// files lists a directory with what is in it.
func files(t *testing.T, dir string) string {
	t.Helper()
	var all strings.Builder
	err := fs.WalkDir(os.DirFS(dir), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(filepath.Join(dir, path))
		fmt.Fprintf(&all, "%s %x\n", path, seal.LeafHash(b))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}
