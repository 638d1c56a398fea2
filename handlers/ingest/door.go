package ingest

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/events/stream"
	"github.com/daybookhq/daybook/events/trail"
	"github.com/daybookhq/daybook/handlers/access"
)

// A Ledger records events; a *trail.Trail is one.
type Ledger interface {
	Append(ctx context.Context, writer string, evs ...events.Event) ([]trail.Receipt, error)
}

// Options say what the door leads to. Trail and Broker are required.
type Options struct {
	Trail  Ledger
	Broker *stream.Broker
	// Principal tells who writes on a subject. Default: Producer.
	Principal func(subject string) (access.Principal, error)
	// MaxBatch is how many messages are recorded together; default 500.
	MaxBatch int
	// Linger is how long a batch waits for one more message; default 1 ms.
	Linger time.Duration
	// CloseWait is how long closing waits for a batch being recorded; then its
	// messages come again, to whoever is there. Default 10 s.
	CloseWait  time.Duration
	Logger     *slog.Logger          // default slog.Default()
	Registerer prometheus.Registerer // of the metrics; default none

	ackWait, sweepEvery time.Duration // tests shorten them; default 10 s and sweepEvery
}

// A Door records what is published on daybook.ingest.>.
type Door struct {
	o      Options
	broker *stream.Broker
	js     jetstream.JetStream
	sub    *stream.Subscriber
	log    *slog.Logger
	m      *metrics

	work    context.Context // ends when closing has waited long enough
	endWork context.CancelFunc
	closing chan struct{}
	once    sync.Once
	done    sync.WaitGroup
}

// Start opens the door. A broker that is away is no error: its messages come
// when it is back.
func Start(ctx context.Context, o Options) (*Door, error) {
	o.MaxBatch = cmp.Or(o.MaxBatch, 500)
	o.Linger = cmp.Or(o.Linger, time.Millisecond)
	o.CloseWait = cmp.Or(o.CloseWait, 10*time.Second)
	if o.Principal == nil {
		o.Principal = Producer
	}
	d := &Door{o: o, broker: o.Broker, log: cmp.Or(o.Logger, slog.Default()), closing: make(chan struct{})}
	var err error
	if d.m, err = newMetrics(o.Registerer); err != nil {
		return nil, fmt.Errorf("register the metrics of the broker's door: %w", err)
	}
	if d.js, err = o.Broker.JetStream("daybook ingest"); err != nil {
		return nil, err
	}
	d.work, d.endWork = context.WithCancel(context.WithoutCancel(ctx))
	d.sub = stream.NewSubscriber(stream.SubscriberOptions{
		JetStream: d.js, Ensure: d.ensure, Consumer: d.queue, CloseWait: o.CloseWait + time.Second, Logger: d.log,
	})
	messages, err := d.sub.Subscribe(context.WithoutCancel(ctx), stream.IngestPrefix+">")
	if err != nil {
		d.endWork()
		o.Broker.Release(d.js)
		return nil, fmt.Errorf("open the broker's door: %w", err)
	}
	d.done.Go(func() { d.run(messages) })
	d.done.Go(func() { d.sweepNowAndThen(cmp.Or(o.sweepEvery, sweepEvery)) })
	return d, nil
}

func (d *Door) ensure(ctx context.Context) error {
	_, err := d.broker.Ensure(ctx, d.js)
	return err
}

const queueName = "daybook-ingest"

// queue is the durable consumer that all servers of one trail share.
func (d *Door) queue(topic string) (string, jetstream.ConsumerConfig) {
	return stream.IngestStream, jetstream.ConsumerConfig{
		Durable:       queueName,
		Description:   "Records what producers publish.",
		FilterSubject: topic,
		AckPolicy:     jetstream.AckExplicitPolicy,
		AckWait:       cmp.Or(d.o.ackWait, 10*time.Second),
		MaxAckPending: 4000,
		MaxDeliver:    -1,
	}
}

// Close takes nothing new, settles what was taken, and returns.
func (d *Door) Close(context.Context) error {
	d.once.Do(func() {
		close(d.closing)
		patience := time.AfterFunc(d.o.CloseWait, d.endWork)
		defer patience.Stop()
		_ = d.sub.Close() // ends the messages, and so run
		d.done.Wait()
		d.endWork()
		d.broker.Release(d.js)
	})
	return nil
}

// run takes messages in batches until there are no more.
func (d *Door) run(messages <-chan *message.Message) {
	batch := make([]*letter, 0, d.o.MaxBatch)
	linger := time.NewTimer(time.Hour)
	defer linger.Stop()
	for m := range messages {
		batch = append(batch[:0], open(m, d.o.Principal))
		n := len(batch[0].items)
		linger.Reset(d.o.Linger)
	gather:
		for n < d.o.MaxBatch {
			select {
			case m, ok := <-messages:
				if !ok {
					break gather
				}
				l := open(m, d.o.Principal)
				batch = append(batch, l)
				n += len(l.items)
				linger.Reset(d.o.Linger)
			case <-linger.C:
				break gather
			}
		}
		d.settle(batch)
		clear(batch)
	}
}

// settle records what can be and buries the rest; a message is acknowledged
// when neither its events nor its refusals could be lost any more.
func (d *Door) settle(batch []*letter) {
	err := d.record(batch)
	if err != nil {
		d.log.Warn("messages on the broker cannot be recorded now; they stay there", "messages", len(batch), "error", err)
	}
	for _, l := range batch {
		if !d.finish(l) {
			d.m.held.Inc()
			l.message.Nack()
		}
	}
}

// finish settles one letter. It reports false where it must come again.
func (d *Door) finish(l *letter) bool {
	for i := range l.items {
		it := &l.items[i]
		if it.refusal == nil {
			if it.outcome == "" {
				return false
			}
			continue
		}
		if err := d.bury(d.work, l, i); err != nil {
			d.log.Error("a refused message stays on the broker until its dead letter can be kept; is "+stream.DeadStream+" full?", "error", err)
			return false
		}
		it.outcome, _, _ = explain(it.refusal)
	}
	for i := range l.items {
		d.m.events.WithLabelValues(l.items[i].outcome).Inc()
	}
	d.reply(l)
	l.message.Ack()
	return true
}

var writerName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// Producer is the principal of a subject: a recorder of any source, named after
// the token that follows daybook.ingest.
func Producer(subject string) (access.Principal, error) {
	token, _, _ := strings.Cut(strings.TrimPrefix(subject, stream.IngestPrefix), ".")
	if !writerName.MatchString(token) {
		return access.Principal{}, &access.Denied{Field: "subject", Reason: "the token after " + stream.IngestPrefix + " names the writer; it takes 1 to 64 letters, digits, - and _"}
	}
	return access.Principal{Name: "nats/" + token, Role: access.Recorder, Sources: []string{"*"}}, nil
}
