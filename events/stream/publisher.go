package stream

import (
	"context"
	"fmt"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats.go/jetstream"
)

// A Publisher is a watermill publisher to JetStream: what it has published is
// in a stream when Publish returns nil. The message's UUID travels in a header
// and does not deduplicate.
type Publisher struct{ js jetstream.JetStream }

// NewPublisher returns a publisher on that connection, which it does not close.
func NewPublisher(js jetstream.JetStream) *Publisher { return &Publisher{js} }

// Publish publishes the messages in order on the subject and stops at the
// first that no stream took. A message's context limits it to 5 s at most.
func (p *Publisher) Publish(subject string, messages ...*message.Message) error {
	for _, m := range messages {
		ctx, cancel := context.WithTimeout(m.Context(), 5*time.Second)
		_, err := p.js.PublishMsg(ctx, sent(subject, m))
		cancel()
		if err != nil {
			return fmt.Errorf("publish on %s: %w", subject, err)
		}
	}
	return nil
}

// Close does nothing: the connection is its owner's.
func (p *Publisher) Close() error { return nil }
