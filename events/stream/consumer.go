package stream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/daybookhq/daybook/events"
	"github.com/nats-io/nats.go/jetstream"
)

// A Consumer does some work for each event, in the order of the trail: a
// notification, a webhook. Its position is kept in SQL and the events are read
// from the trail, so that neither a stream that was lost nor a message that
// somebody made up can make it miss one or take a wrong one.
//
// An event whose content was erased is passed over.
//
// Each event is handled at least once: again if the process is killed within a
// tenth of a second after it, or was asleep for so long that another took over.
type Consumer struct {
	Name     string   // letters, digits, - and _; names its position and its durable consumer
	Subjects []string // filters as in daybook.events.emergency.*; none means all
	Oldest   bool     // begin with the trail's first event, not with those after the first start

	// Handle does the work. An error is retried, first here and then after a
	// growing delay, and holds up the events behind; one marked Permanent puts
	// the event aside on daybook.poison.<name>. The context lives on while the
	// server closes, as long as Options.CloseWait.
	Handle func(context.Context, events.Recorded) error
}

var consumerName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

func (c *Consumer) check() error {
	if !consumerName.MatchString(c.Name) {
		return fmt.Errorf("the consumer name %q may hold letters, digits, - and _ only", c.Name)
	}
	if c.Handle == nil {
		return fmt.Errorf("the consumer %s handles nothing", c.Name)
	}
	return nil
}

// shared is the durable consumer that all servers of one trail use together.
// One message at a time keeps the order.
func (w *worker) shared(topic string) (string, jetstream.ConsumerConfig) {
	config := jetstream.ConsumerConfig{
		Durable:       "daybook-" + w.Name,
		Description:   "Wakes one of the Daybook servers for its consumer " + w.Name + ".",
		AckPolicy:     jetstream.AckExplicitPolicy,
		AckWait:       w.ackWait,
		MaxAckPending: 1,
		MaxDeliver:    -1,
		HeadersOnly:   true,
	}
	switch len(w.Subjects) {
	case 0:
		config.FilterSubject = topic
	case 1:
		config.FilterSubject = w.Subjects[0]
	default:
		config.FilterSubjects = w.Subjects
	}
	return EventsStream, config
}

func (c *Consumer) wants(subject string) bool {
	if len(c.Subjects) == 0 {
		return true
	}
	for _, f := range c.Subjects {
		if matches(subject, f) {
			return true
		}
	}
	return false
}

// A worker runs a Consumer in this process.
type worker struct {
	Consumer
	source      Source
	positions   *Positions
	poison      message.Publisher
	inCatalogue func(string) bool
	closing     func() bool
	ackWait     time.Duration
	m           *metrics
	log         *slog.Logger
	reached     atomic.Int64 // known to be done before this; another server may be further
}

func (w *worker) position() string { return "consumer/" + w.Name }

// begin writes down where a new consumer begins.
func (w *worker) begin(ctx context.Context) error {
	_, known, err := w.positions.Get(ctx, w.position())
	if err != nil || known {
		return err
	}
	at := int64(0)
	if !w.Oldest {
		if at, err = w.source.Size(ctx); err != nil {
			return err
		}
	}
	return w.positions.Advance(ctx, w.position(), at)
}

// handle takes a message as word that the trail reaches as far as it says.
func (w *worker) handle(m *message.Message) error {
	to, ok := Position(m)
	if !ok {
		return Permanent(fmt.Errorf("a message on %s names no position of the trail", m.Metadata.Get(SubjectKey)))
	}
	if to < w.reached.Load() {
		return nil
	}
	ctx := m.Context()
	size, err := w.source.Size(ctx)
	if err != nil {
		return err
	}
	return w.catchUp(ctx, min(to+1, size))
}

// saveEvery is the longest that work which is done goes unsaved, and so what is
// repeated after a kill.
const saveEvery = 100 * time.Millisecond

// catchUp handles everything before position to that is not done yet.
func (w *worker) catchUp(ctx context.Context, to int64) error {
	done, _, err := w.positions.Get(ctx, w.position())
	if err != nil {
		return err
	}
	saved, savedAt := done, time.Now()
	save := func() error {
		if done == saved {
			return nil
		}
		saved, savedAt = done, time.Now()
		return w.advance(ctx, done)
	}
	for done < to {
		batch, err := w.source.Read(ctx, done, to, 256)
		if err == nil && len(batch) == 0 {
			err = fmt.Errorf("the trail holds nothing at position %d", done)
		}
		for i := range batch {
			e := &batch[i]
			if e.Erased == nil && w.wants(Subject(e.Type, w.inCatalogue)) {
				if err = w.one(ctx, e); err != nil {
					break
				}
			}
			done = e.Position + 1
			if time.Since(savedAt) >= saveEvery {
				if err = save(); err != nil {
					break
				}
			}
		}
		if err != nil {
			return errors.Join(err, save())
		}
	}
	if err := save(); err != nil {
		return err
	}
	w.reached.Store(max(done, w.reached.Load()))
	return nil
}

// one handles an event, or puts it aside.
func (w *worker) one(ctx context.Context, e *events.Recorded) error {
	err := w.Handle(ctx, *e)
	if err == nil || !isPermanent(err) || w.closing() {
		return err
	}
	w.log.Error("an event is put aside: its consumer can never take it",
		"consumer", w.Name, "position", e.Position, "subject", PoisonPrefix+w.Name, "error", err)
	m := message.NewMessage(LeafID(e.Bytes), e.Bytes)
	m.SetContext(ctx)
	m.Metadata["Daybook-Reason"] = err.Error()
	m.Metadata[PositionHeader] = strconv.FormatInt(e.Position, 10)
	m.Metadata["Daybook-Time"] = time.Now().UTC().Format(time.RFC3339Nano)
	if err := w.poison.Publish(PoisonPrefix+w.Name, m); err != nil {
		return err
	}
	w.m.poisoned.WithLabelValues(w.Name).Inc()
	return nil
}

func (w *worker) advance(ctx context.Context, to int64) error {
	// Work that was done is written down even if time is up.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	return w.positions.Advance(ctx, w.position(), to)
}
