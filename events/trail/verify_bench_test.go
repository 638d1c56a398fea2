package trail_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"testing"

	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera/api"
	"github.com/transparency-dev/tessera/client"
	"github.com/transparency-dev/tessera/fsck"
	"k8s.io/klog/v2"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/events/seal"
	"github.com/daybookhq/daybook/events/trail"
	"github.com/daybookhq/daybook/events/trail/trailtest"
)

// trailFetcher lets Tessera's fsck read a trail as a server of its tiles would,
// without the server.
type trailFetcher struct {
	*trail.Trail
	checkpoint []byte
}

func (f *trailFetcher) ReadCheckpoint(context.Context) ([]byte, error) { return f.checkpoint, nil }

func (f *trailFetcher) ReadTile(ctx context.Context, level, index uint64, p uint8) ([]byte, error) {
	return f.Resource(ctx, seal.TilePath{Level: int(level), Index: int64(index), Width: width(p)})
}

func (f *trailFetcher) ReadEntryBundle(ctx context.Context, index uint64, p uint8) ([]byte, error) {
	return f.Resource(ctx, seal.TilePath{Level: seal.EntriesLevel, Index: int64(index), Width: width(p)})
}

func width(p uint8) int {
	if p == 0 {
		return seal.TileWidth
	}
	return int(p)
}

func tesseraLeaves(bundle []byte) ([][]byte, error) {
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

// BenchmarkVerify verifies one and the same trail in several ways, the raw limit
// among them: of 100,000 events of about 600 bytes, or as many as
// DAYBOOK_BENCH_EVENTS says. fsck is Tessera's, on as many goroutines as there
// are processors: over the files that daybook export --tiles writes, and over
// the database. It proves what "sealed" does; "everything" also parses each
// event and checks what searches rely on.
//
//	DAYBOOK_BENCH_EVENTS=1000000 go test ./events/trail -run '^$' -bench Verify -benchtime 3x
func BenchmarkVerify(b *testing.B) {
	size, err := strconv.Atoi(os.Getenv("DAYBOOK_BENCH_EVENTS"))
	if err != nil {
		size = 100_000
	}
	klog.LogToStderr(false)
	klog.SetOutput(io.Discard)
	o := trailtest.SQLite(b)
	tr := trailtest.Open(b, o)
	for at := 1; at < size; at += 1000 {
		evs := make([]events.Event, min(1000, size-at))
		for i := range evs {
			evs[i] = typical(b, int64(at+i))
		}
		trailtest.Append(b, tr, evs...)
	}
	head, err := tr.Head(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	files := b.TempDir()
	if _, err := tr.ExportTiles(b.Context(), files, head.Checkpoint, nil); err != nil {
		b.Fatal(err)
	}
	key, err := seal.ParsePublic(tr.PublicKey())
	if err != nil {
		b.Fatal(err)
	}
	rows := func() (total int64) {
		read, err := tr.DB().QueryContext(b.Context(), `SELECT body FROM events ORDER BY position`)
		if err != nil {
			b.Fatal(err)
		}
		defer read.Close()
		for read.Next() {
			var body []byte
			if err := read.Scan(&body); err != nil {
				b.Fatal(err)
			}
			total += int64(len(body))
		}
		if err := read.Err(); err != nil {
			b.Fatal(err)
		}
		return total
	}
	mean := rows() / head.Size
	verify := func(vo trail.VerifyOptions) func() error {
		return func() error {
			r, err := tr.Verify(b.Context(), vo)
			if err == nil && !r.OK() {
				err = fmt.Errorf("%v", r.Faults)
			}
			return err
		}
	}
	audit := func(f fsck.Fetcher) func() error {
		return func() error {
			return fsck.New(key.Name(), key, f, tesseraLeaves, fsck.Opts{N: uint(runtime.GOMAXPROCS(0))}).Check(b.Context())
		}
	}
	for _, c := range []struct {
		name string
		run  func() error
	}{
		{"everything", verify(trail.VerifyOptions{})},
		{"sealed", verify(trail.VerifyOptions{NoIndex: true})},
		{"fsck over files", audit(&client.FileFetcher{Root: files})},
		{"fsck over the database", audit(&trailFetcher{tr, head.Checkpoint})},
		{"raw, reading the rows in order", func() error { rows(); return nil }},
		{"raw, SHA-256 of as many bytes", func() error {
			body := make([]byte, mean)
			for range head.Size {
				sum := sha256.Sum256(body)
				body[0] = sum[0]
			}
			return nil
		}},
	} {
		b.Run(c.name, func(b *testing.B) {
			before := cpu()
			for b.Loop() {
				if err := c.run(); err != nil {
					b.Fatal(err)
				}
			}
			n := float64(head.Size) * float64(b.N)
			b.ReportMetric(n/b.Elapsed().Seconds(), "events/s")
			b.ReportMetric(float64((cpu()-before).Nanoseconds())/n, "cpu-ns/event")
		})
	}
}
