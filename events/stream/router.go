package stream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/message/router/middleware"
	"github.com/nats-io/nats.go/jetstream"
)

// defaultAckWait is how long the servers wait for a consumer that went silent;
// so long, too, waits a message that was in hand when the embedded server went
// down with its process. While it is being handled the servers are told so,
// well before the time is over.
const defaultAckWait = 10 * time.Second

// Retries happen where the message is, before it goes back to the servers, and
// all of them take a third of ackWait at most.
const (
	retries      = 4
	retryFirst   = 50 * time.Millisecond
	retryLongest = time.Second
	retryAll     = defaultAckWait / 3
)

// Permanent marks an error that no repetition can mend: the message is put
// aside on daybook.poison.<handler> and the next one is taken.
func Permanent(err error) error { return &permanentError{err} }

type permanentError struct{ err error }

func (e *permanentError) Error() string { return e.err.Error() }
func (e *permanentError) Unwrap() error { return e.err }

func isPermanent(err error) bool {
	var p *permanentError
	return errors.As(err, &p) && !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded)
}

// A router runs the handlers.
type router struct {
	*message.Router
	m       *metrics
	poison  message.Publisher
	log     *slog.Logger
	closing atomic.Bool // from here on nothing is called poisoned
	ended   chan struct{}
}

func newRouter(poison message.Publisher, m *metrics, closeWait time.Duration, log *slog.Logger) (*router, error) {
	// What watermill tells at Info is of use to a programmer.
	adapter := watermill.NewSlogLoggerWithLevelMapping(log, map[slog.Level]slog.Level{
		slog.LevelInfo:  slog.LevelDebug,
		slog.LevelError: slog.LevelWarn,
	})
	w, err := message.NewRouter(message.RouterConfig{CloseTimeout: closeWait + 5*time.Second}, adapter)
	if err != nil {
		return nil, fmt.Errorf("make the router: %w", err)
	}
	return &router{Router: w, m: m, poison: poison, log: log, ended: make(chan struct{})}, nil
}

// handle adds a handler with its middlewares, the outermost first.
func (r *router) handle(name, topic string, s message.Subscriber, f message.NoPublishHandlerFunc) error {
	poison, err := middleware.PoisonQueueWithFilter(r.poison, PoisonPrefix+name, func(err error) bool {
		if !isPermanent(err) || r.closing.Load() {
			return false
		}
		r.m.poisoned.WithLabelValues(name).Inc()
		r.log.Error("a message is put aside: its handler can never take it",
			"handler", name, "subject", PoisonPrefix+name, "error", err)
		return true
	})
	if err != nil {
		return err
	}
	r.AddConsumerHandler(name, topic, s, f).AddMiddleware(
		r.m.middleware,
		middleware.CorrelationID,
		poison,
		middleware.Retry{
			MaxRetries:          retries,
			InitialInterval:     retryFirst,
			MaxInterval:         retryLongest,
			Multiplier:          3,
			MaxElapsedTime:      retryAll,
			RandomizationFactor: 0.2,
			ResetContextOnRetry: true,
			ShouldRetry: func(p middleware.RetryParams) bool {
				return !isPermanent(p.Err) && !r.closing.Load()
			},
		}.Middleware,
		middleware.Recoverer,
	)
	return nil
}

// start runs the router and returns when its handlers are subscribed.
func (r *router) start() error {
	failed := make(chan error, 1)
	go func() {
		defer close(r.ended)
		// Ending this context would end handlers in the middle of their work;
		// stop closes the router instead.
		if err := r.Run(context.Background()); err != nil {
			failed <- err
		}
	}()
	select {
	case <-r.Running():
		return nil
	case err := <-failed:
		return fmt.Errorf("start the stream's handlers: %w", err)
	}
}

// stop lets handlers finish what they have and takes nothing new.
func (r *router) stop() error {
	r.closing.Store(true)
	err := r.Close()
	<-r.ended
	return err
}

// hints is the consumer of one process that wants to know how far the trail
// reaches and nothing else. Each process has its own, so that every one is
// told; the server forgets it a minute after its process is gone. What is
// missed while away is no loss: the newest message says it all.
func hints(topic string) (string, jetstream.ConsumerConfig) {
	return EventsStream, jetstream.ConsumerConfig{
		Description:       "Tells one Daybook server how far the trail reaches.",
		FilterSubject:     topic,
		DeliverPolicy:     jetstream.DeliverLastPolicy,
		AckPolicy:         jetstream.AckNonePolicy,
		HeadersOnly:       true,
		MemoryStorage:     true,
		Replicas:          1,
		InactiveThreshold: time.Minute,
	}
}

func hintHandler(hint func(int64)) message.NoPublishHandlerFunc {
	return func(m *message.Message) error {
		if p, ok := Position(m); ok {
			hint(p)
		}
		return nil
	}
}
