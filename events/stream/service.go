package stream

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/events/trail"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
)

// Options say what is told to whom. Trail is required, and DataDir or NATSURL.
type Options struct {
	Trail *trail.Trail

	DataDir         string // the embedded server's store is its folder "stream"
	NATSURL         string // servers to use instead; see BrokerOptions
	CredentialsFile string
	NKeyFile        string
	TLS             *tls.Config
	Limits          Limits
	ConnectWait     time.Duration

	// Hint is called with the position of an event that was told, by any
	// server, and must return quickly. Positions may repeat and be skipped,
	// and one that a stranger made up may lie ahead of the trail.
	Hint func(position int64)
	// Consumers work through the events one by one.
	Consumers []Consumer

	CloseWait  time.Duration         // how long closing waits for handlers; default 20 s
	Logger     *slog.Logger          // default slog.Default()
	Registerer prometheus.Registerer // of the metrics; default none
	Clock      func() time.Time      // default time.Now

	ackWait time.Duration // tests shorten it
}

// A Service is the stream of one server: broker, relay and handlers.
type Service struct {
	broker *Broker
	relay  *Relay
	router *router
	source Source
	log    *slog.Logger

	stopRelay context.CancelFunc
	relayDone sync.WaitGroup
	closeOnce sync.Once
	closeErr  error
}

// Start starts the embedded server or connects to others, and begins to tell
// and to listen. Servers that are away are no error; see [Service.Status].
// Neither is a stream that was told what the trail does not hold: nothing is
// told to it before the trail has been compared with it; see [Service.Compare].
func Start(ctx context.Context, o Options) (_ *Service, err error) {
	log := cmp.Or(o.Logger, slog.Default())
	if o.Clock == nil {
		o.Clock = time.Now
	}
	o.CloseWait = cmp.Or(o.CloseWait, 20*time.Second)
	for i := range o.Consumers {
		if err := o.Consumers[i].check(); err != nil {
			return nil, err
		}
	}
	m, err := newMetrics(o.Registerer)
	if err != nil {
		return nil, fmt.Errorf("register the stream's metrics: %w", err)
	}
	head, err := o.Trail.Head(ctx)
	if err != nil {
		return nil, err
	}
	b, err := OpenBroker(ctx, BrokerOptions{
		NATSURL:         o.NATSURL,
		Dir:             EmbeddedDir(o.DataDir),
		CredentialsFile: o.CredentialsFile,
		NKeyFile:        o.NKeyFile,
		TLS:             o.TLS,
		Origin:          head.Origin,
		Limits:          o.Limits,
		ConnectWait:     o.ConnectWait,
		Logger:          log,
	})
	if err != nil {
		return nil, err
	}
	s := &Service{broker: b, source: ofTrail{o.Trail}, log: log}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close(context.WithoutCancel(ctx)))
		}
	}()
	positions := NewPositions(o.Trail.DB(), o.Trail.Write, o.Clock)
	if err := s.startHandlers(ctx, o, positions, m); err != nil {
		return nil, err
	}
	return s, s.startRelay(ctx, o, positions, m)
}

func (s *Service) startHandlers(ctx context.Context, o Options, positions *Positions, m *metrics) error {
	js, err := s.broker.JetStream("daybook poison")
	if err != nil {
		return err
	}
	poison := NewPublisher(js)
	r, err := newRouter(poison, m, o.CloseWait, s.log)
	if err != nil {
		return err
	}
	if o.Hint != nil {
		sub, err := s.subscriber("daybook hints", o, hints, true)
		if err != nil {
			return err
		}
		if err := r.handle("hints", EventsPrefix+">", sub, hintHandler(o.Hint)); err != nil {
			return err
		}
	}
	for _, c := range o.Consumers {
		w := &worker{
			Consumer: c, source: s.source, positions: positions, poison: poison,
			inCatalogue: inCatalogue, closing: r.closing.Load, ackWait: cmp.Or(o.ackWait, defaultAckWait), m: m, log: s.log,
		}
		if err := w.begin(ctx); err != nil {
			return err
		}
		sub, err := s.subscriber("daybook "+c.Name, o, w.shared, false)
		if err != nil {
			return err
		}
		if err := r.handle(c.Name, EventsPrefix+">", sub, w.handle); err != nil {
			return err
		}
	}
	if len(r.Handlers()) == 0 {
		return nil // a router without handlers has nothing to run
	}
	if err := r.start(); err != nil {
		return err
	}
	s.router = r
	return nil
}

func (s *Service) subscriber(name string, o Options, consumer func(string) (string, jetstream.ConsumerConfig), newest bool) (*Subscriber, error) {
	js, err := s.broker.JetStream(name)
	if err != nil {
		return nil, err
	}
	return NewSubscriber(SubscriberOptions{
		JetStream: js,
		Ensure:    func(ctx context.Context) error { _, err := s.broker.Ensure(ctx, js); return err },
		Consumer:  consumer,
		Newest:    newest,
		CloseWait: o.CloseWait,
		Logger:    s.log,
	}), nil
}

func (s *Service) startRelay(ctx context.Context, o Options, positions *Positions, m *metrics) error {
	js, err := s.broker.JetStream("daybook relay")
	if err != nil {
		return err
	}
	var lease Lease = ProcessLease{}
	if o.Trail.Dialect() == trail.Postgres {
		lease = PostgresLease{DB: o.Trail.DB()}
	}
	s.relay = NewRelay(RelayOptions{
		Source:      s.source,
		JetStream:   js,
		Ensure:      func(ctx context.Context) (string, error) { return s.broker.Ensure(ctx, js) },
		Lease:       lease,
		Positions:   positions,
		InCatalogue: inCatalogue,
		Trail:       o.Trail,
		Logger:      s.log,
		metrics:     m,
	})
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	s.stopRelay = stop
	s.relayDone.Go(func() { s.relay.Run(running) })
	return nil
}

// Broker gives others connections to the same streams.
func (s *Service) Broker() *Broker { return s.broker }

// A Status says how the stream is.
type Status struct {
	Embedded  bool  // the server is inside this process
	Connected bool  // the relay's connection stands
	Leading   bool  // this process is the one that tells the stream
	Told      int64 // first position not told; means something only while Leading
}

// Status says how the stream is now. A stream that is away makes news late and
// loses none, so it is no reason to call the server unready.
func (s *Service) Status() Status {
	return Status{
		Embedded:  s.broker.embedded != nil,
		Connected: s.relay.o.JetStream.Conn().IsConnected(),
		Leading:   s.relay.Leading(),
		Told:      s.relay.Told(),
	}
}

// Close stops the relay, then the handlers, then the connections and the
// embedded server. Close the trail after it. What is committed already is told
// first, as far as that takes less than a second.
func (s *Service) Close(ctx context.Context) error {
	s.closeOnce.Do(func() {
		if s.relay != nil {
			s.flush(ctx)
			s.stopRelay()
			s.relayDone.Wait()
		}
		var err error
		if s.router != nil {
			err = s.router.stop()
		}
		s.closeErr = errors.Join(err, s.broker.Close(ctx))
	})
	return s.closeErr
}

func (s *Service) flush(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	for ctx.Err() == nil && s.relay.Leading() {
		size, err := s.source.Size(ctx)
		if err != nil || s.relay.Told() >= size {
			return
		}
		sleep(ctx, 5*time.Millisecond)
	}
}

func inCatalogue(typ string) bool { return events.KnownType(typ) }

// ofTrail is a trail as a Source.
type ofTrail struct{ *trail.Trail }

func (t ofTrail) Size(ctx context.Context) (int64, error) {
	h, err := t.Head(ctx)
	return h.Size, err
}
