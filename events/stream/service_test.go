package stream

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/daybookhq/daybook/events/trail"
	"github.com/daybookhq/daybook/events/trail/trailtest"
)

func TestTheTrailIsToldInOrder(t *testing.T) {
	trailtest.Each(t, func(t *testing.T, o trail.Options) {
		tr := trailtest.Open(t, o)
		var hints collector
		s := start(t, Options{Trail: tr, DataDir: o.DataDir, Hint: hints.add})
		record(t, tr, 0, 2500)
		told(t, s, tr)
		complete(t, positions(t, s.Broker(), tr), size(t, tr))
		waitFor(t, "a hint of the newest event", func() bool { return hints.newest() == size(t, tr)-1 })
		if st := s.Status(); !st.Embedded || !st.Connected || !st.Leading || st.Told != size(t, tr) {
			t.Errorf("status %+v", st)
		}
	})
}

func TestARestartGoesOnWhereItStopped(t *testing.T) {
	o := trailtest.SQLite(t)
	tr := trailtest.Open(t, o)
	for range 3 {
		s := start(t, Options{Trail: tr, DataDir: o.DataDir})
		record(t, tr, int(size(t, tr)), 150)
		stop(t, s) // tells the rest
		record(t, tr, int(size(t, tr)), 10)
	}
	s := start(t, Options{Trail: tr, DataDir: o.DataDir})
	told(t, s, tr)
	complete(t, positions(t, s.Broker(), tr), size(t, tr))
}

func TestAStreamThatIsNewToTheTrailGetsTheNewest(t *testing.T) {
	o := trailtest.SQLite(t)
	tr := trailtest.Open(t, o)
	record(t, tr, 0, 50)
	s := start(t, Options{Trail: tr, DataDir: o.DataDir})
	told(t, s, tr)
	complete(t, positions(t, s.Broker(), tr), size(t, tr))
}

func TestAPurgedStreamIsToldTheNewestAgain(t *testing.T) {
	t.Parallel()
	o := trailtest.SQLite(t)
	tr := trailtest.Open(t, o)
	var hints collector
	s := start(t, Options{Trail: tr, DataDir: o.DataDir, Hint: hints.add})
	record(t, tr, 0, 20)
	told(t, s, tr)
	js := connect(t, s.Broker())
	st, err := js.Stream(t.Context(), EventsStream)
	if err != nil {
		t.Fatal(err)
	}
	if err := st.Purge(t.Context()); err != nil {
		t.Fatal(err)
	}
	told(t, s, tr) // without a new event
	record(t, tr, 100, 20)
	told(t, s, tr)
	got := positions(t, s.Broker(), tr)
	for i := range got[1:] {
		if got[i+1] != got[i]+1 {
			t.Fatalf("out of order after a purge: %v", got)
		}
	}
}

func TestAStreamThatIsReplacedIsToldAgain(t *testing.T) {
	o := trailtest.SQLite(t)
	tr := trailtest.Open(t, o)
	var hints collector
	s := start(t, Options{Trail: tr, DataDir: o.DataDir, Hint: hints.add})
	record(t, tr, 0, 20)
	told(t, s, tr)
	js := connect(t, s.Broker())
	if err := js.DeleteStream(t.Context(), EventsStream); err != nil {
		t.Fatal(err)
	}
	record(t, tr, 100, 20)
	told(t, s, tr)
	complete(t, positions(t, s.Broker(), tr), size(t, tr))
	waitFor(t, "hints go on", func() bool { return hints.newest() == size(t, tr)-1 })
}

func TestStrangersOnTheStreamChangeNothing(t *testing.T) {
	o := trailtest.SQLite(t)
	tr := trailtest.Open(t, o)
	var hints collector
	s := start(t, Options{Trail: tr, DataDir: o.DataDir, Hint: hints.add})
	js := connect(t, s.Broker())
	told(t, s, tr)
	for i := range 10 {
		record(t, tr, 100*i, 100)
		if _, err := js.Publish(t.Context(), "daybook.events.flag.flipped", []byte("{}")); err != nil {
			t.Fatal(err)
		}
	}
	told(t, s, tr)
	seen := map[int64]bool{}
	i := info(js)
	for seq := i.State.FirstSeq; seq <= i.State.LastSeq; seq++ {
		m, err := lastMsg(js, seq)
		if err != nil {
			t.Fatal(err)
		}
		if p, ok := parsePosition(m.Header.Get(PositionHeader)); ok {
			seen[p] = true
		}
	}
	for p := range size(t, tr) {
		if !seen[p] {
			t.Errorf("position %d of %d was not told", p, size(t, tr))
		}
	}
}

func TestTheBrokerIsRestartedUnderLoad(t *testing.T) {
	t.Parallel()
	l := listen(t)
	o := trailtest.SQLite(t)
	tr := trailtest.Open(t, o)
	var hints, worked collector
	s := start(t, Options{
		Trail: tr, NATSURL: l.url(), Hint: hints.add,
		Consumers: []Consumer{{Name: "work", Oldest: true, Handle: collect(&worked)}},
	})
	ctx, cancel := context.WithCancel(t.Context())
	var n atomic.Int64
	writing := make(chan struct{})
	go func() {
		defer close(writing)
		for ctx.Err() == nil {
			record(t, tr, int(n.Load()), 20)
			n.Add(20)
		}
	}()
	for i := range 4 {
		before := n.Load()
		waitFor(t, "appends go on", func() bool { return n.Load() > before+200 })
		l.stop()
		before = n.Load()
		waitFor(t, "appends go on without the broker", func() bool { return n.Load() > before+200 })
		if i == 2 {
			l.o.StoreDir = t.TempDir() // a new broker that knows nothing
		}
		l.start()
	}
	cancel()
	<-writing
	told(t, s, tr)
	got := positions(t, s.Broker(), tr)
	if int64(len(got)) < size(t, tr) || got[len(got)-1] != size(t, tr)-1 {
		t.Errorf("%d of %d events are in the stream", len(got), size(t, tr))
	}
	for i := range got[1:] {
		if got[i+1] != got[i]+1 {
			t.Fatalf("the stream goes from %d to %d", got[i], got[i+1])
		}
	}
	waitFor(t, "the consumer has seen all", func() bool { return worked.newest() == size(t, tr)-1 })
	complete(t, distinct(worked.all()), size(t, tr))
	waitFor(t, "hints go on", func() bool { return hints.newest() == size(t, tr)-1 })
}

func TestItStartsWithoutTheBroker(t *testing.T) {
	t.Parallel()
	l := listen(t)
	l.stop()
	o := trailtest.SQLite(t)
	tr := trailtest.Open(t, o)
	var hints collector
	s := start(t, Options{Trail: tr, NATSURL: l.url(), ConnectWait: 50 * time.Millisecond, Hint: hints.add})
	record(t, tr, 0, 50)
	if st := s.Status(); st.Connected || st.Leading {
		t.Errorf("status %+v", st)
	}
	l.start()
	told(t, s, tr)
	complete(t, positions(t, s.Broker(), tr), size(t, tr))
	waitFor(t, "hints", func() bool { return hints.newest() == size(t, tr)-1 })
}

func TestTheStreamOfAnotherTrailIsRefused(t *testing.T) {
	l := listen(t)
	o := trailtest.SQLite(t)
	start(t, Options{Trail: trailtest.Open(t, o), NATSURL: l.url()})
	o = trailtest.SQLite(t)
	o.Origin = "daybook.test/other"
	_, err := Start(t.Context(), Options{Trail: trailtest.Open(t, o), NATSURL: l.url(), Logger: quiet(t)})
	var other *OtherTrailError
	if !errors.As(err, &other) || other.Theirs != "daybook.test/log" {
		t.Fatalf("error %v", err)
	}
}

func TestAnEmbeddedStoreOfAnotherTrailSaysWhatToDo(t *testing.T) {
	o := trailtest.SQLite(t)
	s := start(t, Options{Trail: trailtest.Open(t, o), DataDir: o.DataDir})
	stop(t, s)
	other := trailtest.SQLite(t)
	other.Origin = "daybook.test/other"
	_, err := Start(t.Context(), Options{Trail: trailtest.Open(t, other), DataDir: o.DataDir, Logger: quiet(t)})
	if err == nil || !strings.Contains(err.Error(), "remove the directory "+EmbeddedDir(o.DataDir)) {
		t.Fatalf("error %v", err)
	}
}

func TestOneStoreIsOpenedOnce(t *testing.T) {
	dir := t.TempDir()
	e, err := StartEmbedded(dir, quiet(t))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := StartEmbedded(dir, quiet(t)); !errors.Is(err, ErrStoreInUse) {
		t.Fatalf("a second server on one store: %v", err)
	}
	if err := e.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	e, err = StartEmbedded(dir, quiet(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestAnEmbeddedServerThatGaveUpComesBack(t *testing.T) {
	t.Parallel()
	o := trailtest.SQLite(t)
	tr := trailtest.Open(t, o)
	s := start(t, Options{Trail: tr, DataDir: o.DataDir})
	record(t, tr, 0, 100)
	told(t, s, tr)
	// What a full disk makes it do.
	if err := s.Broker().Embedded().srv.DisableJetStream(); err != nil {
		t.Fatal(err)
	}
	record(t, tr, 100, 100)
	told(t, s, tr)
	complete(t, positions(t, s.Broker(), tr), size(t, tr))
}

func TestURLsAreCheckedAndSecretsHidden(t *testing.T) {
	for _, bad := range []string{"localhost:4222", "http://a:4222", "nats://", "nats://a,:b"} {
		if err := checkURLs(bad); err == nil {
			t.Errorf("%q passes for a NATS URL", bad)
		}
	}
	if err := checkURLs("nats://user:secret@a:4222, tls://b:4222"); err != nil {
		t.Error(err)
	}
	if got := redactURLs("nats://user:secret@a:4222"); got != "nats://xxxxx@a:4222" {
		t.Error(got)
	}
}

func TestCredentialsMayStandInTheURL(t *testing.T) {
	l := listen(t)
	l.stop()
	l.o.Username, l.o.Password = "daybook", "s3cret"
	l.start()
	o := trailtest.SQLite(t)
	tr := trailtest.Open(t, o)
	record(t, tr, 0, 10)
	wrong := start(t, Options{Trail: tr, NATSURL: strings.Replace(l.url(), "//", "//daybook:wrong@", 1), ConnectWait: 100 * time.Millisecond})
	if wrong.Status().Connected {
		t.Error("the wrong password connects")
	}
	right := start(t, Options{Trail: tr, NATSURL: strings.Replace(l.url(), "//", "//daybook:s3cret@", 1)})
	told(t, right, tr)
	// The operator changes the password to what that server has.
	stop(t, right)
	l.stop()
	l.o.Password = "wrong"
	l.start()
	record(t, tr, 10, 10)
	told(t, wrong, tr)
	complete(t, positions(t, wrong.Broker(), tr), size(t, tr))
}
