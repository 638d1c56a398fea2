package witness_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/prometheus/client_golang/prometheus"
	fwitness "github.com/transparency-dev/formats/witness"
	"golang.org/x/mod/sumdb/note"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/events/sink"
	"github.com/daybookhq/daybook/events/trail"
	"github.com/daybookhq/daybook/events/trail/trailtest"
	"github.com/daybookhq/daybook/events/witness"
)

// eventually waits for a condition; how long that takes is no matter.
func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); <-time.After(5 * time.Millisecond) {
		if is() {
			return
		}
	}
	t.Fatalf("not within a minute: %s", what)
}

func parsePolicy(t testing.TB, text string) *witness.Policy {
	t.Helper()
	p, err := witness.ParsePolicy([]byte(text))
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return p
}

// run does rounds until the test ends or the returned function is called.
func run(t testing.TB, o witness.RoundsOptions) (r *witness.Rounds, stop func()) {
	t.Helper()
	o.Every = time.Millisecond
	r, err := witness.NewRounds(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var work sync.WaitGroup
	work.Go(func() { r.Run(ctx) })
	var once sync.Once
	stop = func() { once.Do(func() { cancel(); work.Wait() }) }
	t.Cleanup(stop)
	return r, stop
}

// published waits until what is published covers the whole trail, and checks it
// by the log's key and by a policy that is parsed and judged elsewhere.
func published(t testing.TB, tr *trail.Trail, r *witness.Rounds, policy string) []byte {
	t.Helper()
	head, err := tr.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var signed []byte
	eventually(t, "a checkpoint over the whole trail that satisfies the policy", func() bool {
		signed, err = r.Published(t.Context())
		if err != nil && !errors.Is(err, witness.ErrNotYet) {
			t.Fatal(err)
		}
		return strings.HasPrefix(string(signed), fmt.Sprintf("%s\n%d\n", tr.Origin(), head.Size))
	})
	group, err := fwitness.ParsePolicy([]byte(policy))
	if err != nil {
		t.Fatal(err)
	}
	if !group.Satisfied(signed) {
		t.Fatalf("published, though it does not satisfy the policy:\n%s", signed)
	}
	if _, err := note.Open(signed, note.VerifierList(mustVerifier(t, tr.PublicKey()))); err != nil {
		t.Fatalf("published: %v", err)
	}
	return signed
}

func TestRounds(t *testing.T) {
	trailtest.Each(t, func(t *testing.T, o trail.Options) {
		t.Parallel()
		tr := trailtest.Open(t, o)
		policy := ""
		var ws []*running
		var dirs []string
		for i := range 3 {
			dirs = append(dirs, t.TempDir())
			ws = append(ws, start(t, dirs[i], newWitnessKey(t, fmt.Sprintf("witness.example/%d", i)), tr.PublicKey()))
			policy += fmt.Sprintf("witness w%d %s %s\n", i, ws[i].key.Public(), ws[i].srv.URL)
		}
		policy += "group two 2 w0 w1 w2\nquorum two\n"
		ws[2].srv.Close() // one is away all the time

		reg := prometheus.NewRegistry()
		r, stop := run(t, witness.RoundsOptions{Trail: tr, Policy: parsePolicy(t, policy), Registerer: reg})
		published(t, tr, r, policy)
		for i := range 4 {
			trailtest.Append(t, tr, trailtest.Notes(t, fmt.Sprint("n", i), 100)...)
			published(t, tr, r, policy)
		}
		if d := r.Degraded(t.Context()); len(d) != 1 || !strings.Contains(d["witness w2"], "does not answer") {
			t.Errorf("degraded: %v", d)
		}
		gathered, err := reg.Gather()
		if err != nil {
			t.Fatal(err)
		}
		values := map[string]float64{}
		for _, f := range gathered {
			for _, m := range f.GetMetric() {
				values[f.GetName()] += m.GetGauge().GetValue()
			}
		}
		if values["daybook_cosigned_size"] != 401 || values["daybook_witness_failing"] != 1 || values["daybook_cosigned_time_seconds"] == 0 {
			t.Errorf("metrics: %v", values)
		}
		stop()

		// Another server of the trail knows what the first wrote down; and where
		// that was lost, asks the witnesses what they hold.
		err = tr.Write(t.Context(), func(tx *sqlx.Tx) error {
			_, err := tx.Exec(`DELETE FROM cosignatures`)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		trailtest.Append(t, tr, trailtest.Notes(t, "later", 7)...)
		first, _ := run(t, witness.RoundsOptions{Trail: tr, Policy: parsePolicy(t, policy)})
		second, _ := run(t, witness.RoundsOptions{Trail: tr, Policy: parsePolicy(t, policy)}) // as without a lease
		trailtest.Append(t, tr, trailtest.Notes(t, "again", 300)...)
		published(t, tr, first, policy)
		published(t, tr, second, policy)

		// What somebody put among the rows spoils no checkpoint.
		err = tr.Write(t.Context(), func(tx *sqlx.Tx) error {
			for i, line := range []string{"— other.example !!!\n", "— other.example AAAA\n", "— two\nlines AAAAAAAAAAAA\n", "nothing", ""} {
				const q = `INSERT INTO cosignatures (size, witness, line, signed_s) VALUES (708, ?, ?, 1)`
				if _, err := tx.Exec(tx.Rebind(q), fmt.Sprint("other.example+", i), line); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		published(t, tr, first, policy)

		// Without a policy the newest is shown, with all there is of it; so it is
		// to sinks.
		plain, err := witness.NewRounds(witness.RoundsOptions{Trail: tr})
		if err != nil {
			t.Fatal(err)
		}
		signed, err := plain.Published(t.Context())
		newest, size, nerr := first.Newest(t.Context())
		if err != nil || nerr != nil || string(signed) != string(newest) || size != 708 || strings.Count(string(signed), "\n— ") != 3 {
			t.Errorf("without a policy: %v, %v, %d\n%s", err, nerr, size, signed)
		}
		trailtest.Check(t, tr)
	})
}

// A scripted witness answers each call as it is told.
type scripted struct {
	*httptest.Server
	mu     sync.Mutex
	calls  int
	answer http.HandlerFunc
}

func newScripted(t testing.TB, answer http.HandlerFunc) *scripted {
	s := &scripted{answer: answer}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if r.Method == http.MethodPost {
			s.calls++
		}
		s.answer(w, r)
	}))
	t.Cleanup(s.Server.Close)
	return s
}

func (s *scripted) called() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls
}

func (s *scripted) set(answer http.HandlerFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = answer
}

// refusals returns what the trail says of witnesses that refused.
func refusals(t testing.TB, tr *trail.Trail) []events.Recorded {
	t.Helper()
	page, err := tr.Query(t.Context(), trail.Filter{Types: []string{"witness.refused"}}, trail.Cursor{})
	if err != nil {
		t.Fatal(err)
	}
	return page.Events
}

func status(code int, text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { http.Error(w, text, code) }
}

// TestWitnessesThatDoNotCosign has witnesses that fail in every way. A refusal
// is in the trail once, whatever it makes the trail grow by; other failures are
// only shown.
func TestWitnessesThatDoNotCosign(t *testing.T) {
	tr := trailtest.Open(t, trailtest.SQLite(t))
	key, other := newWitnessKey(t, "witness.example/w1"), newWitnessKey(t, "witness.example/w1")
	real := start(t, t.TempDir(), key, tr.PublicKey())
	imposter := start(t, t.TempDir(), other, tr.PublicKey())
	forward := func(to *running, change func(string) string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			rec := httptest.NewRecorder()
			to.srv.Config.Handler.ServeHTTP(rec, r)
			w.Header().Set("Content-Type", rec.Header().Get("Content-Type"))
			w.WriteHeader(rec.Code)
			w.Write([]byte(change(rec.Body.String())))
		}
	}
	same := func(s string) string { return s }
	w := newScripted(t, nil)
	policy := fmt.Sprintf("witness w1 %s %s\nquorum w1\n", key.Public(), w.URL)
	events := 0
	for i, c := range []struct {
		name    string
		answer  http.HandlerFunc
		says    string // in what is shown
		refused bool
	}{
		{"unknown log", status(404, "no such log"), "does not know this log", true},
		{"unknown key", status(403, "\x1b[31mwho\u202e\n are you"), `knows no key that signed the checkpoint (HTTP 403); it said "[31mwho are you"`, true},
		{"inconsistent", status(422, "not what I have"), "does not continue what it holds", true},
		{"409 without a size", status(409, "12"), "contradicts what it holds", true},
		{"misunderstood", status(400, ""), "does not understand", true},
		{"too often", status(429, "later"), "asked too often", false},
		{"behind a door", status(401, "who goes there"), "HTTP 401", false},
		{"broken", status(500, "oops"), "HTTP 500", false},
		{"elsewhere", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, imposter.srv.URL, 307) }, "HTTP 307", false},
		{"empty", status(200, ""), "not made of signature lines", false},
		{"a page", status(200, "<html>"), "not made of signature lines", false},
		{"endless", status(200, strings.Repeat("— w a\n", 20_000)), "longer than", false},
		{"another's signature", forward(imposter, same), "no good signature by its key", false},
		{"a size that is none", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/x.tlog.size")
			w.WriteHeader(409)
			w.Write([]byte("-1\n"))
		}, "without a size", false},
		{"another size each time", func() http.HandlerFunc {
			n := 0
			return func(w http.ResponseWriter, _ *http.Request) {
				n++
				w.Header().Set("Content-Type", "text/x.tlog.size")
				w.WriteHeader(409)
				fmt.Fprintf(w, "%d\n", n%2)
			}
		}(), "another size each time", false},
		{"what nobody can have", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/x.tlog.size")
			w.WriteHeader(409)
			fmt.Fprintln(w, 1_000_000)
		}, "restored from an older copy", false},
	} {
		w.set(c.answer)
		before := w.called()
		r, stop := run(t, witness.RoundsOptions{Trail: tr, Policy: parsePolicy(t, policy)})
		eventually(t, c.name+": asked several times", func() bool { return w.called() >= before+3 })
		trailtest.Append(t, tr, trailtest.Notes(t, fmt.Sprint("n", i), 1)...)
		eventually(t, c.name+": asked again for more", func() bool { return w.called() >= before+6 })
		eventually(t, c.name+": shown", func() bool { return strings.Contains(r.Degraded(t.Context())["witness w1"], c.says) })
		if c.refused {
			events++
			eventually(t, c.name+": recorded", func() bool { return len(refusals(t, tr)) >= events })
		}
		stop()
		if all := refusals(t, tr); len(all) != events {
			t.Fatalf("%s: %d refusals in the trail, want %d: %s", c.name, len(all), events, all[len(all)-1].Bytes)
		}
		if _, err := r.Published(t.Context()); !errors.Is(err, witness.ErrNotYet) {
			t.Fatalf("%s: published all the same (%v)", c.name, err)
		}
	}
	if tr.Behind() != nil {
		t.Error("the word of a witness alone made the trail read-only")
	}
	w.set(forward(real, same))
	r, _ := run(t, witness.RoundsOptions{Trail: tr, Policy: parsePolicy(t, policy)})
	published(t, tr, r, policy)
	if d := r.Degraded(t.Context()); len(d) != 0 {
		t.Errorf("degraded when all is well: %v", d)
	}
	trailtest.Check(t, tr)
}

// TestRolledBackTrailIsNoticed restores an older copy of a trail, which then
// goes on by itself, under a witness that has seen more.
func TestRolledBackTrailIsNoticed(t *testing.T) {
	o := trailtest.SQLite(t)
	tr, err := trail.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	key := newWitnessKey(t, "witness.example/w1")
	w := start(t, t.TempDir(), key, tr.PublicKey())
	policy := fmt.Sprintf("witness w1 %s %s\nquorum w1\n", key.Public(), w.srv.URL)
	trailtest.Append(t, tr, trailtest.Notes(t, "n", 20)...)
	if err := tr.Close(); err != nil {
		t.Fatal(err)
	}
	older, diverged := trailtest.Copy(t, o), trailtest.Copy(t, o)
	tr = trailtest.Open(t, o)
	trailtest.Append(t, tr, trailtest.Notes(t, "more", 10)...)
	r, stop := run(t, witness.RoundsOptions{Trail: tr, Policy: parsePolicy(t, policy)})
	published(t, tr, r, policy)
	stop()

	for name, c := range map[string]struct {
		o     trail.Options
		notes int // that it has recorded by itself
	}{"shorter": {older, 0}, "of another history": {diverged, 50}} {
		tr := trailtest.Open(t, c.o)
		trailtest.Append(t, tr, trailtest.Notes(t, "other", c.notes)...)
		r, stop := run(t, witness.RoundsOptions{Trail: tr, Policy: parsePolicy(t, policy)})
		eventually(t, name+": the trail is read-only", func() bool { return tr.Behind() != nil })
		eventually(t, name+": shown", func() bool { return r.Degraded(t.Context())["witness w1"] != "" })
		stop()
		if b := tr.Behind(); b.Held != 31 || b.Other != (c.notes > 0) || b.Holder != "the witness w1" {
			t.Errorf("%s: %+v", name, b)
		}
	}
}

// TestNoWitnessSignsATrailThatIsBehind has somebody else show that the trail is
// not what it was, and a witness that would sign it as it is.
func TestNoWitnessSignsATrailThatIsBehind(t *testing.T) {
	tr := trailtest.Open(t, trailtest.SQLite(t))
	key := newWitnessKey(t, "witness.example/w1")
	w := newScripted(t, status(500, "busy"))
	if err := tr.Compare(t.Context(), "the stream", nil, 99); err == nil {
		t.Fatal("it is not behind")
	}
	var rounds atomic.Int64
	_, stop := run(t, witness.RoundsOptions{
		Trail: tr, Policy: parsePolicy(t, fmt.Sprintf("witness w1 %s %s\nquorum w1\n", key.Public(), w.URL)),
		Clock: func() time.Time { rounds.Add(1); return time.Now() },
	})
	eventually(t, "some rounds", func() bool { return rounds.Load() > 9 })
	stop()
	if n := w.called(); n > 0 {
		t.Errorf("the witness was asked %d times", n)
	}
}

// TestHolders asks witnesses what they hold, whether they show it or not.
func TestHolders(t *testing.T) {
	tr := trailtest.Open(t, trailtest.SQLite(t))
	key := newWitnessKey(t, "witness.example/w1")
	w := start(t, t.TempDir(), key, tr.PublicKey())
	mute := newScripted(t, func(rw http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			http.NotFound(rw, r)
			return
		}
		w.srv.Config.Handler.ServeHTTP(rw, r)
	})
	newest := func(ctx context.Context) ([]byte, error) {
		h, err := tr.Head(ctx)
		return h.Checkpoint, err
	}
	latest := func(url string) (note []byte, size int64, err error) {
		p := parsePolicy(t, fmt.Sprintf("witness w1 %s %s\nquorum w1\n", key.Public(), url))
		return p.Holders(newest)[0].Latest(t.Context(), tr.Origin())
	}
	if _, _, err := latest(w.srv.URL); !errors.Is(err, sink.ErrNone) {
		t.Errorf("before it saw anything: %v", err)
	}
	trailtest.Append(t, tr, trailtest.Notes(t, "n", 9)...)
	if b, size, err := latest(w.srv.URL); err != nil || size != 1 || tr.Compare(t.Context(), "w1", b, 0) != nil {
		t.Errorf("shown: %d, %v\n%s", size, err, b)
	}
	if b, size, err := latest(mute.URL); err != nil || size != 1 || b != nil {
		t.Errorf("not shown: %d, %v\n%s", size, err, b)
	}
	if _, _, err := latest("http://127.0.0.1:1"); err == nil || errors.Is(err, sink.ErrNone) {
		t.Errorf("away: %v", err)
	}
}

// A oneLease is held by one at a time.
type oneLease chan struct{}

func (l oneLease) Acquire(ctx context.Context, _ string) (context.Context, func(), error) {
	select {
	case l <- struct{}{}:
		return ctx, func() { <-l }, nil
	case <-ctx.Done():
		return nil, nil, ctx.Err()
	}
}

// TestOneServerAsks has two servers of a trail, of which the one with the lease
// asks; both show what comes of it, and the other goes on when the first ends.
func TestOneServerAsks(t *testing.T) {
	tr := trailtest.Open(t, trailtest.SQLite(t))
	key := newWitnessKey(t, "witness.example/w1")
	w := start(t, t.TempDir(), key, tr.PublicKey())
	var asking [2]*scripted
	var rounds [2]*witness.Rounds
	var stops [2]func()
	lease := make(oneLease, 1)
	policy := ""
	for i := range asking {
		asking[i] = newScripted(t, w.srv.Config.Handler.ServeHTTP)
		policy = fmt.Sprintf("witness w1 %s %s\nquorum w1\n", key.Public(), asking[i].URL)
		rounds[i], stops[i] = run(t, witness.RoundsOptions{Trail: tr, Policy: parsePolicy(t, policy), Lease: lease})
		published(t, tr, rounds[0], policy)
	}
	trailtest.Append(t, tr, trailtest.Notes(t, "n", 5)...)
	for _, r := range rounds {
		published(t, tr, r, policy)
	}
	if asking[0].called() < 2 || asking[1].called() != 0 {
		t.Errorf("asked %d and %d times", asking[0].called(), asking[1].called())
	}
	stops[0]()
	trailtest.Append(t, tr, trailtest.Notes(t, "more", 5)...)
	published(t, tr, rounds[1], policy)

	// Without anybody who asks, it shows after a while.
	stops[1]()
	trailtest.Append(t, tr, trailtest.Notes(t, "late", 3)...)
	idle, err := witness.NewRounds(witness.RoundsOptions{Trail: tr, Policy: parsePolicy(t, policy), Clock: func() time.Time { return time.Now().Add(time.Hour) }})
	if err != nil {
		t.Fatal(err)
	}
	if d := idle.Degraded(t.Context()); !strings.Contains(d["witness policy"], "the 3 newest events") {
		t.Errorf("an hour later: %v", d)
	}
}
