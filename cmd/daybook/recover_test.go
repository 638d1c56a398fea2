package main

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	mathrand "math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	natsserver "github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/daybookhq/daybook/events/client"
	"github.com/daybookhq/daybook/events/seal"
	"github.com/daybookhq/daybook/events/stream"
	"github.com/daybookhq/daybook/events/trail"
	"github.com/daybookhq/daybook/events/trail/trailtest"
	"github.com/daybookhq/daybook/events/witness"
)

// A world is a ledger with everybody who holds something of it: a broker, a
// sink and a witness.
type world struct {
	t      *testing.T
	o      trail.Options
	broker *natsserver.Server
	sink   string // file
	policy string // file
}

func newWorld(t *testing.T, o trail.Options) *world {
	t.Helper()
	w := &world{t: t, o: o, sink: filepath.Join(t.TempDir(), "held.txt"), policy: filepath.Join(t.TempDir(), "policy.txt")}
	var err error
	w.broker, err = natsserver.NewServer(&natsserver.Options{Host: "127.0.0.1", Port: -1, JetStream: true, StoreDir: t.TempDir(), NoSigs: true})
	if err != nil {
		t.Fatal(err)
	}
	w.broker.Start()
	t.Cleanup(func() { w.broker.Shutdown(); w.broker.WaitForShutdown() })
	if !w.broker.ReadyForConnections(20 * time.Second) {
		t.Fatal("the broker did not start")
	}
	tr := trailtest.Open(t, o) // the witness must know its key
	log, err := witness.NewLog(tr.PublicKey(), "")
	if err != nil {
		t.Fatal(err)
	}
	if err := tr.Close(); err != nil {
		t.Fatal(err)
	}
	key, err := witness.GenerateKey(rand.Reader, "witness.example/w1")
	if err != nil {
		t.Fatal(err)
	}
	state, err := witness.OpenState(t.TempDir(), key)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(witness.NewServer(witness.ServerOptions{Key: key, State: state, Logs: []witness.Log{log}}))
	t.Cleanup(srv.Close)
	if err := os.WriteFile(w.policy, []byte("witness w1 "+key.Public()+" "+srv.URL+"\nquorum w1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return w
}

// settings are those of a server that all of them follow.
func (w *world) settings() settings {
	return settings{
		DataDir: w.o.DataDir, DatabaseURL: w.o.DatabaseURL, AllowOwner: w.o.AllowOwner, NATSURL: w.broker.ClientURL(), Listen: "127.0.0.1:0",
		Elsewhere: elsewhere{Sinks: []string{w.sink}, Every: time.Millisecond, Round: time.Millisecond, Policy: w.policy},
	}
}

// args are the same for a command.
func (w *world) args(args ...string) []string {
	args = append(args, "--data-dir", w.o.DataDir, "--nats-url", w.broker.ClientURL(), "--checkpoint-sink", w.sink, "--witness-policy", w.policy)
	if w.o.DatabaseURL != "" {
		args = append(args, "--database-url", w.o.DatabaseURL, "--allow-owner")
	}
	return args
}

// record records notes one by one, each under a checkpoint of its own.
func (w *world) record(c *client.Client, name string, n int) {
	w.t.Helper()
	for _, e := range trailtest.Notes(w.t, name, n) {
		if _, err := c.Record(w.t.Context(), e); err != nil {
			w.t.Fatal(err)
		}
	}
}

// told waits until all of them hold what the server holds.
func (w *world) told(srv *Server) {
	w.t.Helper()
	head, err := srv.trail.Head(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	eventually(w.t, "the sink holds the co-signed head", func() bool {
		b, _ := os.ReadFile(w.sink)
		return strings.Contains(string(b), fmt.Sprintf("\n%d\n", head.Size)) && strings.Contains(string(b), "witness.example/w1")
	})
	js := w.jetStream() // another node may be the one that tells it
	eventually(w.t, "the stream is told the head", func() bool {
		s, err := js.Stream(w.t.Context(), stream.EventsStream)
		if err != nil {
			return false
		}
		m, err := s.GetMsg(w.t.Context(), s.CachedInfo().State.LastSeq)
		return err == nil && m.Header.Get(stream.PositionHeader) == fmt.Sprint(head.Size-1)
	})
}

// restore puts a copy from before in the place of the database.
func (w *world) restore(backup trail.Options) {
	w.t.Helper()
	if w.o.DatabaseURL != "" {
		w.o.DatabaseURL = backup.DatabaseURL
		return
	}
	old, err := filepath.Glob(filepath.Join(w.o.DataDir, trail.DatabaseFile+"*"))
	if err != nil {
		w.t.Fatal(err)
	}
	for _, f := range old {
		if err := os.Remove(f); err != nil {
			w.t.Fatal(err)
		}
	}
	copies, err := filepath.Glob(filepath.Join(backup.DataDir, trail.DatabaseFile+"*"))
	if err != nil {
		w.t.Fatal(err)
	}
	for _, f := range copies {
		b, err := os.ReadFile(f)
		if err == nil {
			err = os.WriteFile(filepath.Join(w.o.DataDir, filepath.Base(f)), b, 0o600)
		}
		if err != nil {
			w.t.Fatal(err)
		}
	}
}

func (w *world) close(srv *Server) {
	w.t.Helper()
	if err := srv.Close(); err != nil {
		w.t.Fatal(err)
	}
}

func clientOf(t *testing.T, srv *Server, token string) *client.Client {
	t.Helper()
	c, err := client.New(client.Options{URL: srv.URL(), Token: token})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func get(t *testing.T, srv *Server, path, token string) (int, string) {
	t.Helper()
	return ask(t, srv, http.MethodGet, path, token, nil)
}

// ask returns what a request is answered, once.
func ask(t *testing.T, srv *Server, method, path, token string, event []byte) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, srv.URL()+path, bytes.NewReader(event))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", client.TypeEvent)
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

// TestAnOldBackupIsReadOnlyUntilItIsRecovered restores an older copy of the
// database under a running stream, sink and witness.
func TestAnOldBackupIsReadOnlyUntilItIsRecovered(t *testing.T) {
	t.Parallel()
	trailtest.Each(t, func(t *testing.T, o trail.Options) {
		t.Parallel()
		w := newWorld(t, o)
		srv := runServer(t, w.settings())
		admin := srv.AdminToken
		c := clientOf(t, srv, admin)
		w.record(c, "kept", 5)
		var ci client.Token
		if err := c.Post(t.Context(), "/v1/tokens", client.TokenRequest{Name: "ci", Role: "reader"}, &ci); err != nil {
			t.Fatal(err)
		}
		w.told(srv)
		w.close(srv)
		backup := trailtest.Copy(t, w.o)
		srv = runServer(t, w.settings())
		c = clientOf(t, srv, admin)
		w.record(c, "lost", 5)
		if err := c.JSON(t.Context(), client.Request{Method: http.MethodDelete, Path: "/v1/tokens/ci"}, nil); err != nil {
			t.Fatal(err)
		}
		if err := c.Post(t.Context(), "/v1/tokens", client.TokenRequest{Name: "newer", Role: "reader"}, new(client.Token)); err != nil {
			t.Fatal(err)
		}
		w.told(srv)
		before, err := srv.trail.Head(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		w.close(srv)
		w.restore(backup)

		// Each of them is enough to find it out.
		for name, change := range map[string]func(*settings){
			"sink":    func(s *settings) { s.NATSURL, s.Elsewhere.Policy = "", "" },
			"witness": func(s *settings) { s.NATSURL, s.Elsewhere.Sinks = "", nil },
			"stream":  func(s *settings) { s.Elsewhere.Policy, s.Elsewhere.Sinks = "", nil },
		} {
			s := w.settings()
			change(&s)
			srv := runServer(t, s)
			if b := srv.trail.Behind(); b == nil || b.Held != before.Size || b.Size != before.Size-7 {
				t.Fatalf("compared with the %s: %+v", name, b)
			}
			w.close(srv)
		}

		// Read-only: writes are refused with both sizes, everything is read, and
		// what the broker has stays there.
		srv = runServer(t, w.settings())
		sizes := fmt.Sprintf("the database holds %d events and ", before.Size-7)
		offered, err := json.Marshal(map[string]any{"specversion": "1.0", "id": "more", "source": "/test", "type": "dev.daybook.note.added.v1", "time": "2026-03-14T12:00:00Z", "data": map[string]string{"text": "x"}})
		if err != nil {
			t.Fatal(err)
		}
		if status, body := ask(t, srv, http.MethodPost, "/v1/events", admin, offered); status != http.StatusServiceUnavailable || !strings.Contains(body, sizes) ||
			!strings.Contains(body, fmt.Sprint(before.Size)) || !strings.Contains(body, "daybook recover") {
			t.Fatalf("a write to a ledger that is behind: %d %s", status, body)
		}
		if status, body := get(t, srv, "/readyz", ""); status != http.StatusServiceUnavailable || !strings.Contains(body, `"read-only"`) || !strings.Contains(body, sizes) {
			t.Fatalf("%d %s", status, body)
		}
		for _, path := range []string{"/v1/events", "/v1/events/3", "/checkpoint", "/tile/0/000.p/3", "/v1/stats", "/v1/stories/incident/kept"} {
			if status, body := get(t, srv, path, admin); status != http.StatusOK {
				t.Fatalf("GET %s: %d %s", path, status, body)
			}
		}
		if code, _, errs := daybook(t, w.args("verify")...); code != exitDone {
			t.Fatalf("verify: %d %s", code, errs)
		}
		js := w.jetStream()
		if _, err := js.Publish(t.Context(), stream.IngestPrefix+"ci", offered); err != nil {
			t.Fatal(err)
		}
		var others []*Server
		if o.DatabaseURL != "" { // another node, which stays up
			s := w.settings()
			s.DataDir, s.SigningKey = t.TempDir(), filepath.Join(w.o.DataDir, trail.SigningKeyFile)
			others = append(others, runServer(t, s))
			if others[0].trail.Behind() == nil {
				t.Fatal("the other node takes events")
			}
		}
		if code, _, errs := daybook(t, w.args("recover")...); code != exitFailed || !strings.Contains(errs, "stop it first") {
			t.Fatalf("recover beside a server: %d %s", code, errs)
		}
		w.close(srv)

		// Recover shows what it would do, and does it.
		code, out, errs := daybook(t, w.args("recover")...)
		if code != exitDone || !strings.Contains(out, "7 events can be brought back") || !strings.Contains(out, "Nothing was changed") {
			t.Fatalf("recover: %d\n%s\n%s", code, out, errs)
		}
		code, out, errs = daybook(t, w.args("recover", "--apply")...)
		if code != exitDone || !strings.Contains(out, "7 events are back") || !strings.Contains(out, "issue them again: newer") {
			t.Fatalf("recover --apply: %d\n%s\n%s", code, out, errs)
		}
		for _, other := range others {
			eventually(t, "a node that was read-only finds out by itself", func() bool { return other.trail.Err() == nil })
		}
		srv = runServer(t, w.settings())
		eventually(t, "what the broker had is recorded", func() bool {
			h, err := srv.trail.Head(t.Context())
			return err == nil && h.Size == before.Size+1
		})
		at, err := srv.trail.HeadAt(t.Context(), before.Size)
		if err != nil || at.Root != before.Root || !bytes.Equal(at.Checkpoint, before.Checkpoint) {
			t.Fatalf("it is not what it was: %v", err)
		}
		w.record(clientOf(t, srv, admin), "new", 1)
		if status, _ := get(t, srv, "/v1/events", ci.Secret); status != http.StatusUnauthorized {
			t.Fatalf("a token that was revoked after the backup is answered %d", status)
		}
		w.told(srv)
		trailtest.Check(t, srv.trail)
	})
}

func (w *world) jetStream() jetstream.JetStream {
	w.t.Helper()
	nc, err := nats.Connect(w.broker.ClientURL())
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		w.t.Fatal(err)
	}
	return js
}

// TestALogThatLostEventsForGoodIsContinued has a checkpoint of what nobody has
// any more.
func TestALogThatLostEventsForGoodIsContinued(t *testing.T) {
	t.Parallel()
	o := trailtest.SQLite(t)
	tr := trailtest.Open(t, o)
	trailtest.Append(t, tr, trailtest.Notes(t, "kept", 5)...)
	if err := tr.Close(); err != nil {
		t.Fatal(err)
	}
	backup := trailtest.Copy(t, o)
	tr = trailtest.Open(t, o)
	trailtest.Append(t, tr, trailtest.Notes(t, "lost", 5)...)
	head, err := tr.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	held := filepath.Join(t.TempDir(), "held.txt")
	if err := os.WriteFile(held, head.Checkpoint, 0o600); err != nil {
		t.Fatal(err)
	}
	next := filepath.Join(t.TempDir(), "next")
	args := func(more ...string) []string {
		return append([]string{"recover", "--data-dir", backup.DataDir, "--checkpoint", held}, more...)
	}
	code, out, errs := daybook(t, args()...)
	if code != exitFailed || !strings.Contains(out, "5 events are nowhere in these places, from #6 on") || !strings.Contains(errs, "--successor") {
		t.Fatalf("%d\n%s\n%s", code, out, errs)
	}
	if code, _, errs := daybook(t, args("--successor", next)...); code != exitUsage || !strings.Contains(errs, "--reason") {
		t.Fatalf("%d %s", code, errs)
	}
	code, out, errs = daybook(t, args("--successor", next, "--reason", "the disk failed")...)
	if code != exitDone || !strings.Contains(out, "Nothing was changed") {
		t.Fatalf("%d\n%s\n%s", code, out, errs)
	}
	if _, err := os.Stat(next); err == nil {
		t.Fatal("a dry run made a successor")
	}
	code, out, errs = daybook(t, args("--successor", next, "--reason", "the disk failed", "--apply", "--json")...)
	var said struct {
		Successor struct {
			Origin, PublicKey string
			Position          int64
		}
	}
	if err := json.Unmarshal([]byte(out), &said); code != exitDone || err != nil || said.Successor.Origin == "" || said.Successor.Position != 1 {
		t.Fatalf("%d %v\n%s\n%s", code, err, out, errs)
	}
	code, out, _ = daybook(t, "trail", "show", "1", "--data-dir", next)
	if code != exitDone || !strings.Contains(out, head.Origin) {
		t.Fatalf("%d\n%s", code, out)
	}
	if code, _, errs := daybook(t, "note", "hello", "--data-dir", next); code != exitDone {
		t.Fatal(errs)
	}
	// The old one takes nothing more and is read and verified as ever.
	if code, _, errs := daybook(t, "note", "hello", "--data-dir", backup.DataDir); code != exitFailed || !strings.Contains(errs, said.Successor.Origin) {
		t.Fatalf("%d %s", code, errs)
	}
	if code, out, errs := daybook(t, "trail", "list", "--data-dir", backup.DataDir); code != exitDone || strings.Count(out, "kept") == 0 {
		t.Fatalf("%d %s %s", code, out, errs)
	}
	if code, _, errs := daybook(t, "verify", "--data-dir", backup.DataDir); code != exitDone {
		t.Fatalf("%d %s", code, errs)
	}
}

// TestWhatIsComparedBeforeTheFirstEvent: also a command without a server, and a
// server that must not go on before anybody was asked.
func TestWhatIsComparedBeforeTheFirstEvent(t *testing.T) {
	t.Parallel()
	o := trailtest.SQLite(t)
	tr := trailtest.Open(t, o)
	trailtest.Append(t, tr, trailtest.Notes(t, "n", 1)...)
	key, err := seal.LoadKey(filepath.Join(o.DataDir, trail.SigningKeyFile))
	if err != nil {
		t.Fatal(err)
	}
	if err := tr.Close(); err != nil {
		t.Fatal(err)
	}
	note, err := key.Sign(9, seal.LeafHash([]byte("x")))
	if err != nil {
		t.Fatal(err)
	}
	held := filepath.Join(t.TempDir(), "held.txt")
	if err := os.WriteFile(held, note, 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, errs := daybook(t, "note", "hello", "--data-dir", o.DataDir, "--checkpoint-sink", held); code != exitFailed || !strings.Contains(errs, "holds a checkpoint of 9") {
		t.Fatalf("%d %s", code, errs)
	}
	if code, _, errs := daybook(t, "redact", "1", "--basis", "x", "--yes", "--data-dir", o.DataDir, "--checkpoint-sink", held); code != exitFailed || !strings.Contains(errs, "holds a checkpoint of 9") {
		t.Fatalf("%d %s", code, errs)
	}
	if code, _, errs := daybook(t, "trail", "list", "--data-dir", o.DataDir, "--checkpoint-sink", held); code != exitDone {
		t.Fatalf("%d %s", code, errs)
	}
	// The database is gone, and the key is still there.
	for _, f := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(filepath.Join(o.DataDir, trail.DatabaseFile+f)); err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
	}
	if code, _, errs := daybook(t, "note", "hello", "--data-dir", o.DataDir, "--checkpoint-sink", held); code != exitFailed || !strings.Contains(errs, "the database holds 0 events") {
		t.Fatalf("%d %s", code, errs)
	}
	if code, _, errs := daybook(t, "serve", "--data-dir", o.DataDir, "--compare", "perhaps"); code != exitUsage || !strings.Contains(errs, "try or must") {
		t.Fatalf("%d %s", code, errs)
	}

	// Nobody answers.
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	s := settings{DataDir: t.TempDir(), Listen: "127.0.0.1:0", Compare: compareMust, NATSURL: strings.Replace(gone.URL, "http", "nats", 1), Elsewhere: elsewhere{Sinks: []string{gone.URL + "/checkpoint"}}}
	srv := runServer(t, s)
	srv.Grace = time.Second
	if srv.AdminToken != "" || !errors.Is(srv.trail.Err(), trail.ErrNotCompared) {
		t.Fatalf("it takes events: %v", srv.trail.Err())
	}
	if status, body := get(t, srv, "/readyz", ""); status != http.StatusServiceUnavailable || !strings.Contains(body, "--compare must") || !strings.Contains(body, "do not answer") {
		t.Fatalf("%d %s", status, body)
	}
}

// TestRecoverSurvivesSIGKILL kills recover at random moments and runs it again
// until it is done.
func TestRecoverSurvivesSIGKILL(t *testing.T) {
	t.Parallel()
	trailtest.Each(t, func(t *testing.T, o trail.Options) {
		t.Parallel()
		tr := trailtest.Open(t, o)
		if err := tr.Close(); err != nil {
			t.Fatal(err)
		}
		backup := trailtest.Copy(t, o)
		tr = trailtest.Open(t, o)
		for i := range 60 {
			trailtest.Append(t, tr, trailtest.Notes(t, fmt.Sprint("lost", i), 100)...)
		}
		head, err := tr.Head(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		from := o.DataDir
		if o.DatabaseURL != "" {
			from = o.DatabaseURL
		}
		args := []string{"recover", "--from", from, "--apply", "--data-dir", backup.DataDir}
		if o.DatabaseURL != "" {
			args = append(args, "--database-url", backup.DatabaseURL, "--allow-owner")
		}
		random := mathrand.New(mathrand.NewPCG(5, 9))
		killed := 0
		for done := false; !done; {
			cmd := exec.Command("daybook", args...)
			var said bytes.Buffer
			cmd.Stdout, cmd.Stderr = &said, &said
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			if killed < 12 {
				time.Sleep(time.Duration(20*killed+random.IntN(40)) * time.Millisecond) // the random moment
				cmd.Process.Kill()
				killed++
			}
			err := cmd.Wait()
			if done = err == nil; !done && cmd.ProcessState.Exited() {
				t.Fatalf("%v: %s", err, said.String())
			}
		}
		back := trailtest.Open(t, backup)
		trailtest.Check(t, back)
		again, err := back.Head(t.Context())
		if err != nil || again.Root != head.Root || again.Size != head.Size {
			t.Fatalf("%d events of %d, %v", again.Size, head.Size, err)
		}
		left, _ := filepath.Glob(filepath.Join(backup.DataDir, "recover-*"))
		if len(left) > 0 {
			t.Fatalf("left behind: %v", left)
		}
	})
}

func TestNoSinkGetsACheckpointOfATrailThatIsBehind(t *testing.T) {
	l, err := openLedger(t.Context(), settings{DataDir: t.TempDir()}, "note", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	newest := l.publish.newest(l.trail)
	if _, size, err := newest(t.Context()); err != nil || size != 1 {
		t.Fatalf("%d, %v", size, err)
	}
	if err := l.trail.Compare(t.Context(), "the stream", nil, 99); !errors.Is(err, trail.ErrReadOnly) {
		t.Fatal(err)
	}
	if note, _, err := newest(t.Context()); note != nil || !errors.Is(err, trail.ErrReadOnly) {
		t.Errorf("%s, %v", note, err)
	}
}
