package stream

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/daybookhq/daybook/events/trail"
	"github.com/daybookhq/daybook/events/trail/trailtest"
	"github.com/jmoiron/sqlx"
	_ "github.com/lib/pq"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go/jetstream"
)

// pair opens one Postgres trail twice, as two servers do.
func pair(t *testing.T) (a, b *trail.Trail) {
	t.Helper()
	o := trailtest.SQLite(t)
	o.DatabaseURL = trailtest.Postgres(t)
	o.AllowOwner = true
	a = trailtest.Open(t, o)
	return a, trailtest.Open(t, o)
}

func TestTwoServersOnOnePostgresAndOneBroker(t *testing.T) {
	t.Parallel()
	l := listen(t)
	ta, tb := pair(t)
	var hintsA, hintsB, worked collector
	consumers := []Consumer{{Name: "work", Oldest: true, Handle: collect(&worked)}}
	a := start(t, Options{Trail: ta, NATSURL: l.url(), Hint: hintsA.add, Consumers: consumers})
	waitFor(t, "the first server leads", a.relay.Leading)
	b := start(t, Options{Trail: tb, NATSURL: l.url(), Hint: hintsB.add, Consumers: consumers})
	for i := range 10 {
		record(t, []*trail.Trail{ta, tb}[i%2], 100*i, 100)
	}
	last := size(t, ta) - 1
	waitFor(t, "hints reach both servers", func() bool { return hintsA.newest() == last && hintsB.newest() == last })
	if a.Status().Leading == b.Status().Leading {
		t.Errorf("both or none lead: %+v %+v", a.Status(), b.Status())
	}
	told(t, a, ta)
	complete(t, positions(t, a.Broker(), ta), size(t, ta))

	// The database ends every session, as a restart does.
	_, _ = tb.DB().Exec(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`)
	recordAnyway(t, ta, 1500, 50)
	last = size(t, ta) - 1
	waitFor(t, "the news goes on", func() bool { return hintsA.newest() == last && hintsB.newest() == last })

	began := time.Now()
	stop(t, a)
	record(t, tb, 2000, 100)
	last = size(t, tb) - 1
	waitFor(t, "the other server takes over", func() bool { return hintsB.newest() == last })
	if took := time.Since(began); took > 30*time.Second {
		t.Errorf("that took %v", took)
	}
	complete(t, positions(t, b.Broker(), tb), size(t, tb))
	waitFor(t, "the consumer has seen all", func() bool { return worked.newest() == last })
	// At least once: where the database ended a session between the work and the
	// saving of its position, some of it came again.
	complete(t, firstTimes(worked.all()), size(t, tb))
}

// firstTimes leaves out what comes again.
func firstTimes(positions []int64) []int64 {
	var first []int64
	for _, p := range positions {
		if len(first) == 0 || p > first[len(first)-1] {
			first = append(first, p)
		}
	}
	return first
}

// recordAnyway appends while the database may be away for a moment.
func recordAnyway(t *testing.T, tr *trail.Trail, first, n int) {
	t.Helper()
	for i := range n {
		e := trailtest.Event(t, fmt.Sprintf("n-%d", first+i), "note.added")
		waitFor(t, "an append succeeds", func() bool {
			_, err := tr.Append(t.Context(), "token/test", e)
			return err == nil
		})
	}
}

func TestALeaseIsHeldByOneAndLostWithItsConnection(t *testing.T) {
	url := trailtest.Postgres(t)
	open := func() *sqlx.DB {
		db, err := sqlx.Open("postgres", url)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { db.Close() })
		return db
	}
	dbA, dbB := open(), open()
	leaseA := PostgresLease{DB: dbA, Every: 20 * time.Millisecond}
	leaseB := PostgresLease{DB: dbB, Every: 20 * time.Millisecond}
	held, release, err := leaseA.Acquire(t.Context(), "x")
	if err != nil {
		t.Fatal(err)
	}
	if _, other, err := leaseB.Acquire(t.Context(), "y"); err != nil {
		t.Fatal(err)
	} else {
		other()
	}
	short, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, _, err := leaseB.Acquire(short, "x"); err == nil {
		t.Fatal("two hold one lease")
	}
	// The database ends the holder's session, as a restart does.
	if _, err := dbB.Exec(`SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND pid <> pg_backend_pid()`); err != nil {
		t.Fatal(err)
	}
	select {
	case <-held.Done():
	case <-time.After(10 * time.Second):
		t.Fatal("the loss is not noticed")
	}
	release()
	heldB, releaseB, err := leaseB.Acquire(t.Context(), "x")
	if err != nil || heldB.Err() != nil {
		t.Fatal(err)
	}
	releaseB()
	_, release, err = leaseA.Acquire(t.Context(), "x") // given up at once, not with the pool
	if err != nil {
		t.Fatal(err)
	}
	release()
}

// Two relays that both believe to be alone, as after a partition: the stream
// itself keeps the order, and they come to terms.
func TestTwoRelaysAtOnceKeepTheOrder(t *testing.T) {
	o := trailtest.SQLite(t)
	tr := trailtest.Open(t, o)
	b := openBroker(t, BrokerOptions{})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	var fenced atomic.Int64
	for range 2 {
		js := connect(t, b)
		m, _ := newMetrics(nil)
		r := NewRelay(RelayOptions{
			Source: ofTrail{tr}, JetStream: js,
			Ensure:    func(ctx context.Context) (string, error) { return b.Ensure(ctx, js) },
			Lease:     ProcessLease{},
			Positions: NewPositions(tr.DB(), tr.Write, time.Now), InCatalogue: inCatalogue,
			Logger: quiet(t), metrics: m,
		})
		go func() {
			r.Run(ctx)
			fenced.Add(int64(value(t, m.interrupts.WithLabelValues("fenced"))))
			done <- struct{}{}
		}()
	}
	record(t, tr, 0, 5000)
	js := connect(t, b)
	waitFor(t, "all is told", func() bool {
		i := info(js)
		return i != nil && i.State.Msgs >= uint64(size(t, tr))
	})
	cancel()
	<-done
	<-done
	complete(t, positions(t, b, tr), size(t, tr))
	t.Logf("the stream refused %d chains", fenced.Load())
}

func TestAClusterOfThree(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("three servers take a while")
	}
	urls, kill := threeServers(t)
	o := trailtest.SQLite(t)
	tr := trailtest.Open(t, o)
	var hints collector
	s := start(t, Options{Trail: tr, NATSURL: urls, Hint: hints.add, ConnectWait: 20 * time.Second})
	record(t, tr, 0, 2000)
	told(t, s, tr)
	js := connect(t, s.Broker())
	i := info(js)
	if i.Config.Replicas != 3 {
		t.Errorf("the stream has %d replicas", i.Config.Replicas)
	}
	complete(t, positions(t, s.Broker(), tr), size(t, tr))
	kill(i.Cluster.Leader)
	record(t, tr, 2000, 2000)
	told(t, s, tr)
	complete(t, positions(t, s.Broker(), tr), size(t, tr))
	// A client that changes servers may drop a hint, and the next one says it all.
	next := 4000
	waitFor(t, "hints go on", func() bool {
		record(t, tr, next, 1)
		next++
		return hints.newest() > 4000
	})
}

func threeServers(t *testing.T) (urls string, kill func(name string)) {
	t.Helper()
	var routes []*url.URL
	var ports []int
	for range 3 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
		routes = append(routes, &url.URL{Scheme: "nats", Host: l.Addr().String()})
		l.Close()
	}
	servers := map[string]*server.Server{}
	for i := range 3 {
		name := fmt.Sprint("n", i)
		srv, err := server.NewServer(&server.Options{
			ServerName: name, Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: t.TempDir(),
			JetStreamMaxStore: 1 << 40, NoSigs: true, NoLog: true,
			Cluster: server.ClusterOpts{Name: "c", Host: "127.0.0.1", Port: ports[i]}, Routes: routes,
		})
		if err != nil {
			t.Fatal(err)
		}
		srv.Start()
		servers[name] = srv
		if i > 0 {
			urls += ","
		}
		if !srv.ReadyForConnections(10 * time.Second) {
			t.Fatal("the server does not start")
		}
		urls += srv.ClientURL()
	}
	t.Cleanup(func() {
		for _, srv := range servers {
			srv.Shutdown()
			srv.WaitForShutdown()
		}
	})
	waitFor(t, "the cluster has a leader", func() bool {
		for _, srv := range servers {
			if srv.JetStreamIsLeader() {
				return true
			}
		}
		return false
	})
	return urls, func(name string) {
		servers[name].Shutdown()
		servers[name].WaitForShutdown()
	}
}

func TestAnOperatorsLimitsStay(t *testing.T) {
	l := listen(t)
	b := openBroker(t, BrokerOptions{NATSURL: l.url()})
	js := connect(t, b)
	s, err := js.Stream(t.Context(), EventsStream)
	if err != nil {
		t.Fatal(err)
	}
	c := s.CachedInfo().Config
	c.MaxBytes, c.MaxAge = 12345678, time.Hour
	if _, err := js.UpdateStream(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	b = openBroker(t, BrokerOptions{NATSURL: l.url()})
	if i := info(connect(t, b)); i.Config.MaxBytes != 12345678 || i.Config.MaxAge != time.Hour {
		t.Errorf("the limits are %+v", i.Config)
	}
	in, err := js.Stream(t.Context(), IngestStream)
	if err != nil {
		t.Fatal(err)
	}
	if c := in.CachedInfo().Config; c.Retention != jetstream.WorkQueuePolicy || c.Discard != jetstream.DiscardNew || c.MaxMsgSize != MaxIngestBytes {
		t.Errorf("%+v", c)
	}
}
