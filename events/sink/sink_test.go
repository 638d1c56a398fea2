package sink_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/daybookhq/daybook/events/sink"
	"github.com/daybookhq/daybook/events/stream"
	"github.com/daybookhq/daybook/events/trail"
	"github.com/daybookhq/daybook/events/trail/trailtest"
)

func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); <-time.After(5 * time.Millisecond) {
		if is() {
			return
		}
	}
	t.Fatalf("not within a minute: %s", what)
}

// logOf is what a sender must know of a trail.
func logOf(tr *trail.Trail) sink.Log {
	return sink.Log{Origin: tr.Origin(), Compare: tr.Compare, Grown: tr.Wait,
		Newest: func(ctx context.Context) ([]byte, int64, error) {
			h, err := tr.Head(ctx)
			return h.Checkpoint, h.Size, err
		}}
}

// send sends to sinks until the test ends or the returned function is called.
func send(t testing.TB, tr *trail.Trail, sinks ...sink.Sink) (s *sink.Sender, stop func()) {
	t.Helper()
	s, err := sink.NewSender(sink.SenderOptions{Log: logOf(tr), Sinks: sinks, Every: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var work sync.WaitGroup
	work.Go(func() { s.Run(ctx) })
	var once sync.Once
	stop = func() { once.Do(func() { cancel(); work.Wait() }) }
	t.Cleanup(stop)
	return s, stop
}

func open(t testing.TB, address string, o sink.Options) sink.Sink {
	t.Helper()
	s, err := sink.Open(address, o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// holds waits until a sink holds the trail's newest checkpoint.
func holds(t testing.TB, tr *trail.Trail, s sink.Sink) {
	t.Helper()
	head, err := tr.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, fmt.Sprintf("%s holds %d", s.Name(), head.Size), func() bool {
		note, size, err := s.Latest(t.Context(), tr.Origin())
		if err != nil && !errors.Is(err, sink.ErrNone) {
			t.Fatal(err)
		}
		return size == head.Size && bytes.Equal(note, head.Checkpoint)
	})
}

// A shelf is an HTTP resource.
type shelf struct {
	*httptest.Server
	mu    sync.Mutex
	held  []byte
	auth  string // of the last request
	broke int    // the status of all answers, while it is not 0
}

func newShelf(t testing.TB) *shelf {
	s := &shelf{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.auth = r.Header.Get("Authorization")
		switch {
		case s.broke != 0:
			http.Error(w, "out of order", s.broke)
		case r.Method == http.MethodPut:
			s.held, _ = io.ReadAll(r.Body)
			w.WriteHeader(http.StatusCreated)
		case s.held == nil:
			http.NotFound(w, r)
		default:
			w.Write(s.held)
		}
	}))
	t.Cleanup(s.Server.Close)
	return s
}

func (s *shelf) set(status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.broke = status
}

func (s *shelf) has() ([]byte, string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.held, s.auth
}

func openBroker(t testing.TB, origin string) *stream.Broker {
	t.Helper()
	b, err := stream.OpenBroker(t.Context(), stream.BrokerOptions{Dir: t.TempDir(), Origin: origin})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return b
}

// TestEverySinkHoldsTheNewest sends a growing trail to each kind of sink; then
// an older copy of the trail, and one that went its own way, must not get there.
func TestEverySinkHoldsTheNewest(t *testing.T) {
	o := trailtest.SQLite(t)
	tr, err := trail.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	broker := openBroker(t, tr.Origin())
	js, err := broker.JetStream("test")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "CHECKPOINTS", Subjects: []string{"checkpoints.>"}}); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	var sinks []sink.Sink
	for _, address := range []string{
		filepath.Join(dir, "newest"), "file://" + filepath.Join(dir, "made", "newest"), filepath.Join(dir, "all") + "/",
		"dir://" + filepath.Join(dir, "others"), newShelf(t).URL + "/newest", "nats:checkpoints.one",
	} {
		sinks = append(sinks, open(t, address, sink.Options{Broker: broker}))
	}
	for _, s := range sinks {
		if _, _, err := s.Latest(t.Context(), tr.Origin()); !errors.Is(err, sink.ErrNone) {
			t.Errorf("%s, of which nobody has heard: %v", s.Name(), err)
		}
	}
	trailtest.Append(t, tr, trailtest.Notes(t, "n", 20)...)
	if err := tr.Close(); err != nil {
		t.Fatal(err)
	}
	older, diverged := trailtest.Copy(t, o), trailtest.Copy(t, o)

	tr = trailtest.Open(t, o)
	s, stop := send(t, tr, sinks...)
	for i := range 3 {
		trailtest.Append(t, tr, trailtest.Notes(t, fmt.Sprint("more", i), 5)...)
		for _, k := range sinks {
			holds(t, tr, k)
		}
	}
	if d := s.Degraded(); len(d) != 0 {
		t.Errorf("degraded: %v", d)
	}
	stop()
	// What was appended last is sent when all ends.
	trailtest.Append(t, tr, trailtest.Notes(t, "last", 1)...)
	s.Flush(t.Context())
	for _, k := range sinks {
		if _, size, err := k.Latest(t.Context(), tr.Origin()); err != nil || size != 37 {
			t.Errorf("%s at the end: %d, %v", k.Name(), size, err)
		}
	}
	for name, c := range map[string]struct {
		o     trail.Options
		notes int
		says  string
	}{"an older copy": {older, 0, "the database holds 21 events"}, "another history": {diverged, 50, "of another history"}} {
		tr := trailtest.Open(t, c.o)
		trailtest.Append(t, tr, trailtest.Notes(t, "other", c.notes)...)
		s, stop := send(t, tr, sinks...)
		for _, k := range sinks {
			eventually(t, name+" is noticed by "+k.Name(), func() bool {
				return strings.Contains(s.Degraded()["checkpoint sink "+k.Name()], c.says)
			})
		}
		stop()
		if tr.Behind() == nil {
			t.Errorf("%s still takes events", name)
		}
		for _, k := range sinks {
			if _, size, err := k.Latest(t.Context(), tr.Origin()); err != nil || size != 37 {
				t.Errorf("%s made %s hold %d, %v", name, k.Name(), size, err)
			}
		}
	}
	names, err := filepath.Glob(filepath.Join(dir, "all", "*"))
	if err != nil || len(names) < 2 {
		t.Errorf("the directory holds %v, %v", names, err)
	}
	if info, err := os.Stat(filepath.Join(dir, "newest")); err != nil || info.Mode().Perm() != 0o644 {
		t.Errorf("the file: %v, %v", info, err)
	}
}

// TestSubjectThatNobodyKeeps publishes on a subject without a stream.
func TestSubjectThatNobodyKeeps(t *testing.T) {
	tr := trailtest.Open(t, trailtest.SQLite(t))
	broker := openBroker(t, tr.Origin())
	js, err := broker.JetStream("test")
	if err != nil {
		t.Fatal(err)
	}
	heard, err := js.Conn().SubscribeSync("plain.checkpoints")
	if err != nil {
		t.Fatal(err)
	}
	if err := js.Conn().Flush(); err != nil {
		t.Fatal(err)
	}
	k := open(t, "nats:plain.checkpoints", sink.Options{Broker: broker})
	if _, _, err := k.Latest(t.Context(), tr.Origin()); !errors.Is(err, sink.ErrWriteOnly) {
		t.Errorf("read back: %v", err)
	}
	s, _ := send(t, tr, k)
	msg, err := heard.NextMsg(time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	head, err := tr.Head(t.Context())
	if err != nil || !bytes.Equal(msg.Data, head.Checkpoint) || len(s.Degraded()) != 0 {
		t.Errorf("%v, %v\n%s", err, s.Degraded(), msg.Data)
	}
}

// TestFailuresShowAndClear breaks a sink while another works.
func TestFailuresShowAndClear(t *testing.T) {
	tr := trailtest.Open(t, trailtest.SQLite(t))
	broken, fine, blind := newShelf(t), newShelf(t), newShelf(t)
	hung := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	defer hung.Close()
	broken.set(500)
	reg := prometheus.NewRegistry()
	sinks := []sink.Sink{open(t, broken.URL, sink.Options{}), open(t, fine.URL, sink.Options{}), open(t, hung.URL, sink.Options{})}
	s, err := sink.NewSender(sink.SenderOptions{Log: logOf(tr), Sinks: sinks, Every: time.Millisecond, Registerer: reg})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var work sync.WaitGroup
	work.Go(func() { s.Run(ctx) })
	defer func() { cancel(); work.Wait() }()
	eventually(t, "the failure is shown", func() bool {
		return strings.Contains(s.Degraded()["checkpoint sink "+broken.URL], "answered 500")
	})
	trailtest.Append(t, tr, trailtest.Notes(t, "n", 3)...)
	holds(t, tr, sinks[1])
	broken.set(0)
	holds(t, tr, sinks[0])
	eventually(t, "the failure is cleared", func() bool { return s.Degraded()["checkpoint sink "+broken.URL] == "" })
	gathered, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	sizes, failures := 0.0, 0.0
	for _, f := range gathered {
		for _, m := range f.GetMetric() {
			switch f.GetName() {
			case "daybook_checkpoint_sink_size":
				sizes += m.GetGauge().GetValue()
			case "daybook_checkpoint_sink_failures_total":
				failures += m.GetCounter().GetValue()
			}
		}
	}
	if sizes < 8 || failures < 1 {
		t.Errorf("metrics: sizes %v, failures %v", sizes, failures)
	}
	// One that takes checkpoints and never shows them.
	blind.set(405)
	if _, _, err := open(t, blind.URL, sink.Options{}).Latest(t.Context(), tr.Origin()); !errors.Is(err, sink.ErrWriteOnly) {
		t.Errorf("GET is not allowed: %v", err)
	}
}

// TestWhatIsNoCheckpointStays finds other things where a checkpoint should go.
func TestWhatIsNoCheckpointStays(t *testing.T) {
	tr, other := trailtest.Open(t, trailtest.SQLite(t)), ""
	{
		o := trailtest.SQLite(t)
		o.Origin = "logs.example/other"
		head, err := trailtest.Open(t, o).Head(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		other = string(head.Checkpoint)
	}
	head, err := tr.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ held, says string }{
		"empty":              {"", "is no signed checkpoint"},
		"something else":     {"a letter to my mother\n", "is no signed checkpoint"},
		"too long":           {strings.Repeat("x", 1<<20), "which no checkpoint is"},
		"another log's":      {other, `"logs.example/other"`},
		"unsigned":           {strings.SplitAfter(string(head.Checkpoint), "\n\n")[0], "is no signed checkpoint"},
		"with a bad size":    {strings.Replace(string(head.Checkpoint), "\n1\n", "\n01\n", 1), "is no checkpoint written as"},
		"with another size":  {strings.Replace(string(head.Checkpoint), "\n1\n", "\n9\n", 1), "no checkpoint of this log"},
		"with an extra line": {strings.Replace(string(head.Checkpoint), "\n\n", "\nx\n\n", 1), "is no checkpoint written as"},
	} {
		path := filepath.Join(t.TempDir(), "held")
		if err := os.WriteFile(path, []byte(c.held), 0o600); err != nil {
			t.Fatal(err)
		}
		s, stop := send(t, tr, open(t, path, sink.Options{}))
		eventually(t, name+" is shown", func() bool { return strings.Contains(s.Degraded()["checkpoint sink file "+path], c.says) })
		stop()
		if b, err := os.ReadFile(path); err != nil || string(b) != c.held {
			t.Errorf("%s: replaced by %q (%v)", name, b, err)
		}
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "0000000000000000009.checkpoint"), head.Checkpoint, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := open(t, dir+"/", sink.Options{}).Latest(t.Context(), tr.Origin()); err == nil || !strings.Contains(err.Error(), "holds a checkpoint of size 1") {
		t.Errorf("a file of another name: %v", err)
	}
	if tr.Behind() != nil {
		t.Errorf("what is no checkpoint made the trail read-only: %v", tr.Behind())
	}
}

// TestSecretsStaySecret holds HTTP sinks to what they send and what they show.
func TestSecretsStaySecret(t *testing.T) {
	tr := trailtest.Open(t, trailtest.SQLite(t))
	for name, c := range map[string]struct{ user, token, want string }{
		"none":            {"", "", ""},
		"a token":         {"", "s3cret", "Bearer s3cret"},
		"one in the URL":  {"s3cret@", "other", "Bearer s3cret"},
		"a password":      {"me:s3cret@", "other", "Basic bWU6czNjcmV0"},
		"and no password": {"me:@", "", "Basic bWU6"},
	} {
		s := newShelf(t)
		address := strings.Replace(s.URL, "http://", "http://"+c.user, 1) + "/at?sig=s3cret"
		k := open(t, address, sink.Options{Token: c.token})
		head, err := tr.Head(t.Context())
		if err == nil {
			err = k.Put(t.Context(), head.Checkpoint, head.Size)
		}
		if _, auth := s.has(); err != nil || auth != c.want {
			t.Errorf("%s: sent %q, %v", name, auth, err)
		}
		s.set(503)
		shown := []string{k.Name(), k.Put(t.Context(), head.Checkpoint, head.Size).Error()}
		s.Server.Close()
		_, _, err = k.Latest(t.Context(), tr.Origin())
		shown = append(shown, err.Error())
		for _, text := range shown {
			if strings.Contains(text, "s3cret") {
				t.Errorf("%s: shows %q", name, text)
			}
		}
	}
	from := httptest.NewServer(http.RedirectHandler(newShelf(t).URL, http.StatusTemporaryRedirect))
	defer from.Close()
	if err := open(t, from.URL, sink.Options{Token: "s3cret"}).Put(t.Context(), []byte("x"), 1); err == nil || !strings.Contains(err.Error(), "307") {
		t.Errorf("a redirect: %v", err)
	}
}

func TestAddressesThatAreNone(t *testing.T) {
	broker := openBroker(t, "logs.example/x")
	for address, says := range map[string]string{
		"":                             "needs an address",
		"ftp://host/x":                 `the scheme "ftp"`,
		"file://host/x":                "file:///an/absolute/path",
		"dir://relative":               "dir:///an/absolute/path",
		"https://":                     "is no URL",
		"https://user:s3cret@%zz":      "is no URL",
		"nats:":                        "is no subject",
		"nats://host/x":                "is no subject",
		"nats:a.*":                     "is no subject",
		"nats:a b":                     "is no subject",
		"nats:a..b":                    "is no subject",
		"nats:daybook.events.anything": "own",
		"nats:$JS.API":                 "own",
	} {
		_, err := sink.Open(address, sink.Options{Broker: broker})
		if err == nil || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%q: %v", address, err)
		}
	}
	if _, err := sink.Open("nats:a", sink.Options{}); !errors.Is(err, sink.ErrNoBroker) {
		t.Errorf("without a broker: %v", err)
	}
	k := open(t, "/tmp/x", sink.Options{})
	if _, err := sink.NewSender(sink.SenderOptions{Sinks: []sink.Sink{k, k}}); err == nil {
		t.Error("the same sink twice was taken")
	}
}
