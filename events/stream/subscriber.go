package stream

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats.go/jetstream"
)

// SubscriberOptions say how messages are consumed.
type SubscriberOptions struct {
	// JetStream is the subscriber's own connection. It is not closed.
	JetStream jetstream.JetStream
	// Ensure makes the streams again after they were lost. Nil leaves it.
	Ensure func(context.Context) error
	// Consumer describes the consumer for a topic (a subject, wildcards
	// allowed) and the stream it reads. A durable name makes it one that
	// survives and is shared by all who name it; without one it is this
	// subscriber's own and disappears after InactiveThreshold. The number of
	// messages handled at the same time is MaxAckPending: 1 keeps their order.
	Consumer func(topic string) (stream string, c jetstream.ConsumerConfig)
	// NakDelay is how long a message that failed waits before it is delivered
	// again, given how often it was delivered. Default: RetryDelay.
	NakDelay func(delivered uint64) time.Duration
	// Newest hands on only the newest of the messages that are there, and
	// passes over those before it: for news that says "read up to here".
	Newest bool
	// CloseWait is how long closing waits for messages that are being
	// handled; then their contexts end and they come again. Default 20 s.
	CloseWait time.Duration
	// Heartbeat is how often an idle server must be heard; after two missed
	// ones the consumer is made anew. Default 2 s; at least 500 ms.
	Heartbeat time.Duration
	Logger    *slog.Logger // default slog.Default()
}

// A Subscriber is a watermill subscriber over JetStream pull consumers.
//
// A message is acknowledged to the server when the handler has acknowledged
// it, and otherwise delivered again: after NakDelay when the handler said no,
// at once when the subscriber closes before handing it out, after the
// consumer's AckWait when the process dies. Ending a subscription's context
// stops new messages; those being handled keep a living context until they
// are done or CloseWait has passed, so that stopping looks like no failure.
type Subscriber struct {
	o   SubscriberOptions
	log *slog.Logger

	mu     sync.Mutex // guards closed
	closed bool
	stop   chan struct{} // closed by Close
	subs   sync.WaitGroup
}

// NewSubscriber returns a subscriber that has not asked for anything yet.
func NewSubscriber(o SubscriberOptions) *Subscriber {
	o.CloseWait = cmp.Or(o.CloseWait, 20*time.Second)
	o.Heartbeat = cmp.Or(o.Heartbeat, 2*time.Second)
	if o.NakDelay == nil {
		o.NakDelay = RetryDelay
	}
	return &Subscriber{o: o, log: cmp.Or(o.Logger, slog.Default()), stop: make(chan struct{})}
}

// RetryDelay is 100 ms after the first delivery, doubling to 30 s.
func RetryDelay(delivered uint64) time.Duration {
	const first, most = 100 * time.Millisecond, 30 * time.Second
	if delivered < 1 || delivered > 9 {
		return most
	}
	return min(first<<(delivered-1), most)
}

// Subscribe starts to consume the topic. Servers that are away are no error:
// the messages begin when they are back. A consumer that the servers refuse
// (a name or a filter they do not take) is.
func (s *Subscriber) Subscribe(ctx context.Context, topic string) (<-chan *message.Message, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, errors.New("subscribe: the subscriber is closed")
	}
	streamName, config := s.o.Consumer(topic)
	if config.FilterSubject == "" && len(config.FilterSubjects) == 0 {
		config.FilterSubject = topic
	}
	sub := &subscription{
		Subscriber: s,
		topic:      topic,
		stream:     streamName,
		config:     config,
		values:     context.WithoutCancel(ctx),
		out:        make(chan *message.Message),
		log:        s.log.With("stream", streamName, "consumer", cmp.Or(config.Durable, config.Name, "(its own)"), "topic", topic),
	}
	first, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	consumer, err := sub.consumer(first)
	var refused *jetstream.APIError
	if errors.As(err, &refused) && refused.Code == 400 {
		return nil, fmt.Errorf("consume %s from %s: %w", topic, streamName, err)
	}
	if err != nil {
		sub.log.Warn("cannot consume yet; trying again", "error", err)
	}
	// The subscription ends with its context or with the subscriber.
	running, end := context.WithCancel(ctx)
	s.subs.Go(func() {
		defer end()
		sub.run(running, consumer)
	})
	go func() {
		select {
		case <-s.stop:
			end()
		case <-running.Done():
		}
	}()
	return sub.out, nil
}

// Close stops all subscriptions, waits for their messages as CloseWait says,
// and closes their channels. The durable consumers stay.
func (s *Subscriber) Close() error {
	s.mu.Lock()
	if !s.closed {
		s.closed = true
		close(s.stop)
	}
	s.mu.Unlock()
	s.subs.Wait()
	return nil
}

// A subscription is one call of Subscribe.
type subscription struct {
	*Subscriber
	topic, stream string
	config        jetstream.ConsumerConfig
	values        context.Context // what the messages' contexts inherit
	out           chan *message.Message
	log           *slog.Logger
	inHand        sync.WaitGroup // messages handed out and not settled
}

func (s *subscription) consumer(ctx context.Context) (jetstream.Consumer, error) {
	c, err := s.o.JetStream.CreateOrUpdateConsumer(ctx, s.stream, s.config)
	if errors.Is(err, jetstream.ErrStreamNotFound) && s.o.Ensure != nil {
		if err := s.o.Ensure(ctx); err != nil {
			return nil, err
		}
		c, err = s.o.JetStream.CreateOrUpdateConsumer(ctx, s.stream, s.config)
	}
	return c, err
}

// run delivers until ctx ends. c is nil if there is no consumer yet.
func (s *subscription) run(ctx context.Context, c jetstream.Consumer) {
	late, tooLate := context.WithCancel(s.values)
	defer tooLate()
	for failures := 0; ctx.Err() == nil; {
		var err error
		if c == nil {
			attempt, cancel := context.WithTimeout(ctx, 5*time.Second)
			c, err = s.consumer(attempt)
			cancel()
		}
		if err == nil {
			var delivered bool
			delivered, err = s.deliver(ctx, late, c)
			if delivered {
				failures = 0
			}
		}
		c = nil
		if ctx.Err() != nil {
			break
		}
		failures++
		wait := min(50*time.Millisecond<<min(failures, 7), 5*time.Second)
		s.log.Warn("consuming was interrupted; trying again", "error", err, "retry_in", wait)
		sleep(ctx, wait)
	}
	// Those in hand may finish; what does not in time is told so.
	patience := time.AfterFunc(s.o.CloseWait, tooLate)
	s.inHand.Wait()
	patience.Stop()
	close(s.out)
}

// deliver hands messages out until ctx ends or the consumer fails.
func (s *subscription) deliver(ctx, late context.Context, c jetstream.Consumer) (any bool, err error) {
	pending := c.CachedInfo().Config.MaxAckPending
	if pending <= 0 || pending > 512 {
		pending = 512
	}
	it, err := c.Messages(
		jetstream.PullMaxMessages(pending),
		jetstream.PullExpiry(max(10*time.Second, 2*s.o.Heartbeat)),
		jetstream.PullHeartbeat(s.o.Heartbeat),
		jetstream.WithMessagesErrOnMissingHeartbeat(true),
	)
	if err != nil {
		return false, err
	}
	defer s.giveBack(it)
	for {
		m, err := it.Next(jetstream.NextContext(ctx))
		if err != nil {
			return any, err
		}
		any = true
		if s.o.Newest {
			m = newestOf(it, m)
		}
		if !s.hand(ctx, late, m) {
			_ = m.Nak()
			return any, ctx.Err()
		}
	}
}

// newestOf takes what else has arrived already and acknowledges all but the last.
func newestOf(it jetstream.MessagesContext, m jetstream.Msg) jetstream.Msg {
	for {
		next, err := it.Next(jetstream.NextMaxWait(time.Microsecond))
		if err != nil {
			return m
		}
		_ = m.Ack()
		m = next
	}
}

// hand gives m to the handler and sees to its acknowledgement. It reports
// whether somebody took it before ctx ended.
func (s *subscription) hand(ctx, late context.Context, m jetstream.Msg) bool {
	w := received(m)
	own, done := context.WithCancel(late)
	w.SetContext(context.WithValue(own, originalKey{}, m))
	select {
	case s.out <- w:
	case <-ctx.Done():
		done()
		return false
	}
	s.inHand.Go(func() {
		defer done()
		err := s.settle(ctx, own, w, m)
		if err != nil && !errors.Is(err, jetstream.ErrMsgAlreadyAckd) {
			s.log.Warn("a message will come again: it could not be settled", "message", w.UUID, "error", err)
		}
	})
	return true
}

// settle waits for the handler and passes its answer on. Until then the server
// is told that the message is being worked on, so that it takes a dead process
// and not a slow one for the reason to deliver it again.
func (s *subscription) settle(ctx, own context.Context, w *message.Message, m jetstream.Msg) error {
	if s.config.AckPolicy == jetstream.AckNonePolicy {
		select {
		case <-w.Acked():
		case <-w.Nacked():
		case <-own.Done():
		}
		return nil
	}
	alive := time.NewTicker(cmp.Or(s.config.AckWait, 30*time.Second) / 3)
	defer alive.Stop()
	for {
		select {
		case <-w.Acked():
			return m.Ack()
		case <-w.Nacked():
			return s.nak(ctx, m)
		case <-alive.C:
			_ = m.InProgress()
		case <-own.Done():
			// Whoever holds it did not finish in time. If it is settled at
			// this very moment, believe that.
			if w.Nack() {
				return m.Nak()
			}
			return m.Ack()
		}
	}
}

func (s *subscription) nak(ctx context.Context, m jetstream.Msg) error {
	if ctx.Err() != nil {
		return m.Nak() // somebody else may be able to take it now
	}
	delivered := uint64(1)
	if meta, err := m.Metadata(); err == nil {
		delivered = meta.NumDelivered
	}
	return m.NakWithDelay(s.o.NakDelay(delivered))
}

// giveBack returns messages that were fetched and never handed out, so that
// they need not wait for AckWait.
func (s *subscription) giveBack(it jetstream.MessagesContext) {
	it.Drain()
	for {
		m, err := it.Next(jetstream.NextMaxWait(time.Second))
		if err != nil {
			it.Stop()
			return
		}
		_ = m.Nak()
	}
}
