package main

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/daybookhq/daybook/events/seal"
	"github.com/daybookhq/daybook/events/witness"
)

// TestWitnessSurvivesSIGKILL kills a witness at random moments while a log that
// plays false asks it to co-sign two histories. All that it ever co-signed must
// be one history, and each life must hold at least what the one before answered.
func TestWitnessSurvivesSIGKILL(t *testing.T) {
	t.Parallel()
	kills := 20
	if testing.Short() {
		kills = 4
	}
	key, err := seal.GenerateKey(rand.Reader, "logs.example/false")
	if err != nil {
		t.Fatal(err)
	}
	k := &killed{t: t, dir: t.TempDir(), key: key, cosigned: map[string]int{}}
	for _, name := range []string{"a", "b"} {
		k.histories = append(k.histories, newHistory(t, key, name))
	}
	random := mathrand.New(mathrand.NewPCG(3, 5))
	for range kills {
		p, url := k.start()
		k.checkHeld(url)
		stop := k.load(url)
		if random.IntN(6) > 0 {
			k.answers() // else it may die before its first answer
		}
		time.Sleep(time.Duration(random.IntN(40)) * time.Millisecond) // the random moment
		p.Process.Kill()
		p.Wait()
		stop()
	}
	p, url := k.start()
	k.checkHeld(url)
	p.Process.Kill()
	p.Wait()
	if len(k.cosigned) != 1 || k.largest == 0 {
		t.Fatalf("co-signed this many sizes, by history: %v", k.cosigned)
	}
}

// killed is a witness's directory and what its processes have answered.
type killed struct {
	t         *testing.T
	dir       string
	key       *seal.Key
	histories []*history

	mu       sync.Mutex
	cosigned map[string]int // answers, by history
	largest  int64
}

// start starts a process and waits until it says where it answers.
func (k *killed) start() (*exec.Cmd, string) {
	k.t.Helper()
	cmd := exec.Command("daybook", "witness", "serve", "--witness-dir", k.dir, "--name", "witness.example/k", "--log", k.key.Public(), "--listen", "127.0.0.1:0")
	var log strings.Builder
	cmd.Stdout, cmd.Stderr = io.Discard, &log
	if err := cmd.Start(); err != nil {
		k.t.Fatal(err)
	}
	k.t.Cleanup(func() { cmd.Process.Kill() })
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); <-time.After(2 * time.Millisecond) {
		var h holder
		b, err := os.ReadFile(filepath.Join(k.dir, lockName))
		if err == nil && json.Unmarshal(b, &h) == nil && h.PID == cmd.Process.Pid && h.URL != "" {
			return cmd, h.URL
		}
	}
	cmd.Process.Kill()
	cmd.Wait()
	k.t.Fatalf("the witness did not come up within a minute: %s", log.String())
	return nil, ""
}

// checkHeld asks a new life what it holds.
func (k *killed) checkHeld(url string) {
	k.t.Helper()
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.largest == 0 {
		return
	}
	status, body, err := k.post(url, &witness.Request{Checkpoint: k.histories[0].checkpoint(k.t, 1)})
	var held int64
	fmt.Sscan(body, &held)
	if err != nil || status != http.StatusConflict || held < k.largest {
		k.t.Fatalf("it answered for %d, and a later life for %d (%d, %v)", k.largest, held, status, err)
	}
}

func (k *killed) post(url string, r *witness.Request) (int, string, error) {
	resp, err := http.Post(url+"/add-checkpoint", "", strings.NewReader(string(r.Bytes())))
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(b), err
}

// load asks for both histories until it is stopped.
func (k *killed) load(url string) (stop func()) {
	end := make(chan struct{})
	var work sync.WaitGroup
	for w := range 4 {
		work.Go(func() {
			random := mathrand.New(mathrand.NewPCG(uint64(w), uint64(time.Now().UnixNano())))
			var old int64
			for {
				select {
				case <-end:
					return
				default:
				}
				h := k.histories[random.IntN(2)]
				size := min(old+random.Int64N(3), historySize)
				if size == 0 {
					size = 1
				}
				status, body, err := k.post(url, h.request(k.t, old, size))
				switch {
				case err != nil: // killed
					return
				case status == http.StatusOK:
					k.mu.Lock()
					k.cosigned[h.name]++
					k.largest = max(k.largest, size)
					k.mu.Unlock()
					old = size
				case status == http.StatusConflict:
					fmt.Sscan(body, &old)
				}
			}
		})
	}
	return func() { close(end); work.Wait() }
}

// answers waits until something more was co-signed.
func (k *killed) answers() {
	k.t.Helper()
	count := func() (n int) {
		k.mu.Lock()
		defer k.mu.Unlock()
		for _, of := range k.cosigned {
			n += of
		}
		return n
	}
	before := count()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); <-time.After(time.Millisecond) {
		if count() > before {
			return
		}
	}
	k.t.Fatal("the witness co-signed nothing within a minute")
}

// historySize is more than a witness gets to see here.
const historySize = 5000

// A history is one of those that the log tells.
type history struct {
	name  string
	key   *seal.Key
	tiles map[[2]int64][]byte
}

func newHistory(t *testing.T, key *seal.Key, name string) *history {
	h := &history{name, key, map[[2]int64][]byte{}}
	var leaves []seal.Hash
	for i := range historySize {
		leaves = append(leaves, seal.LeafHash(fmt.Append(nil, name, i)))
	}
	for _, tile := range seal.NewTree().Append(leaves) {
		h.tiles[[2]int64{int64(tile.Level), tile.Index}] = tile.Hashes
	}
	return h
}

func (h *history) read(level int, index int64) ([]byte, error) {
	b, ok := h.tiles[[2]int64{int64(level), index}]
	if !ok {
		return nil, os.ErrNotExist
	}
	return b, nil
}

func (h *history) checkpoint(t *testing.T, size int64) []byte {
	tree, err := seal.LoadTree(size, h.read)
	if err != nil {
		t.Error(err)
		return nil
	}
	signed, err := h.key.Sign(size, tree.Root())
	if err != nil {
		t.Error(err)
	}
	return signed
}

func (h *history) request(t *testing.T, old, size int64) *witness.Request {
	r := &witness.Request{Old: old, Checkpoint: h.checkpoint(t, size)}
	if old > 0 && old < size {
		var err error
		if r.Proof, err = seal.ProveConsistency(old, size, h.read); err != nil {
			t.Error(err)
		}
	}
	return r
}
