package trail_test

import (
	"bufio"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/events/trail"
	"github.com/daybookhq/daybook/events/trail/trailtest"
)

// writerVariable makes the test binary a writer instead, to be killed.
const writerVariable = "DAYBOOK_TEST_WRITER"

type writerJob struct {
	DataDir, DatabaseURL string
	Name                 string // begins every id
}

func TestMain(m *testing.M) {
	if text := os.Getenv(writerVariable); text != "" {
		if err := writeUntilKilled(text); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	if text := os.Getenv(rotateVariable); text != "" {
		fmt.Fprintln(os.Stderr, rotateUntilKilled(text))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// writeUntilKilled appends from several callers, singly and in batches, and
// prints a line for each receipt that it got.
func writeUntilKilled(text string) error {
	var job writerJob
	if err := json.Unmarshal([]byte(text), &job); err != nil {
		return err
	}
	ctx := context.Background()
	tr, err := trail.Open(ctx, trail.Options{DataDir: job.DataDir, DatabaseURL: job.DatabaseURL, Origin: "daybook.test/log", AllowOwner: true})
	if err != nil {
		return err
	}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := 0; ; i++ {
				var evs []events.Event
				for j := range 1 + (w*i)%7 {
					e, err := note(fmt.Sprintf("%s-%d-%d-%d", job.Name, w, i, j))
					if err != nil {
						panic(err)
					}
					evs = append(evs, e)
				}
				receipts, err := tr.Append(ctx, "token/test", evs...)
				if err != nil {
					panic(err)
				}
				mu.Lock()
				for j, r := range receipts {
					fmt.Printf("%s %d %x\n", evs[j].ID, r.Position, r.LeafHash)
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return nil
}

func note(id string) (events.Event, error) {
	return events.Event{
		ID: id, Source: "/test", Type: events.FullType("note.added"), AuthID: "u-1",
		Time: time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC),
		Keys: []events.Key{{Kind: events.KindIncident, Value: id[:strings.LastIndexByte(id, '-')]}, {Kind: events.KindService, Value: "checkout"}},
		Data: []byte(`{"text":"` + strings.Repeat("x", 300) + `"}`),
	}.Checked()
}

// TestKilledAtAnyMoment kills the writer again and again. Nothing that it had
// a receipt for may be missing or elsewhere, and the trail must fit.
func TestKilledAtAnyMoment(t *testing.T) {
	kills := 60
	if testing.Short() {
		kills = 8
	}
	trailtest.Each(t, func(t *testing.T, o trail.Options) {
		seed := rand.Uint64()
		t.Logf("seed %d", seed)
		random := rand.New(rand.NewPCG(seed, 0))
		acked := map[string]string{}
		for k := range kills {
			killOnce(t, o, fmt.Sprintf("k%d", k), random, acked)
			if k%10 == 9 {
				checkAcked(t, o, acked)
			}
		}
		if len(acked) < kills {
			t.Fatalf("only %d events were acknowledged over %d kills: nothing was tested", len(acked), kills)
		}
		checkAcked(t, o, acked)
		t.Logf("%d kills, %d acknowledged events", kills, len(acked))
	})
}

func killOnce(t *testing.T, o trail.Options, name string, random *rand.Rand, acked map[string]string) {
	t.Helper()
	job, err := json.Marshal(writerJob{o.DataDir, o.DatabaseURL, name})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), writerVariable+"="+string(job))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var complaint strings.Builder
	cmd.Stderr = &complaint
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	delay := time.Duration(random.IntN(40_000)) * time.Microsecond
	if random.IntN(5) == 0 {
		// While it starts: the first time, in the middle of making the trail.
		time.AfterFunc(delay*3, func() { cmd.Process.Kill() })
		delay = 0
	}
	lines := bufio.NewReader(out)
	for first := true; ; first = false {
		line, err := lines.ReadString('\n')
		if err != nil {
			break // a line that was cut off is not a receipt
		}
		if first && delay > 0 {
			time.AfterFunc(delay, func() { cmd.Process.Kill() })
		}
		id, place, ok := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		if !ok {
			t.Fatalf("odd line %q", line)
		}
		acked[id] = place
	}
	io.Copy(io.Discard, out)
	if err := cmd.Wait(); err == nil || err.Error() != "signal: killed" {
		t.Fatalf("the writer ended by itself: %v\n%s", err, complaint.String())
	}
}

func checkAcked(t *testing.T, o trail.Options, acked map[string]string) {
	t.Helper()
	tr, err := trail.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer tr.Close()
	trailtest.Check(t, tr)
	h, err := tr.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for from := int64(0); from < h.Size; from += 1000 {
		evs, err := tr.Read(t.Context(), from, h.Size, 1000)
		if err != nil {
			t.Fatal(err)
		}
		for i, e := range evs {
			if e.Position != from+int64(i) {
				t.Fatalf("a gap at #%d", from+int64(i))
			}
			found[e.ID] = fmt.Sprintf("%d %s", e.Position, hex.EncodeToString(leafOf(e)))
		}
	}
	for id, place := range acked {
		if found[id] != place {
			t.Fatalf("%s was acknowledged at %s, found %q", id, place, found[id])
		}
	}
}
