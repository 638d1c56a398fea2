package stream

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/pubsub/tests"
	"github.com/nats-io/nats.go/jetstream"
)

// The subscriber passes the suite that watermill asks of every pub/sub. Topics
// are subjects of one stream; a consumer group is a durable consumer's name.
func TestWatermillConformance(t *testing.T) {
	for name, order := range map[string]bool{"Concurrent": false, "Ordered": true} {
		t.Run(name, func(t *testing.T) {
			b := openBroker(t, BrokerOptions{})
			js := connect(t, b)
			if _, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "SUITE", Subjects: []string{"suite.>"}}); err != nil {
				t.Fatal(err)
			}
			inGroup := func(t *testing.T, group string) (message.Publisher, message.Subscriber) {
				js := connect(t, b)
				pending := 200
				if order {
					pending = 1
				}
				return NewPublisher(js), NewSubscriber(SubscriberOptions{
					JetStream: js,
					NakDelay:  func(uint64) time.Duration { return 5 * time.Millisecond },
					CloseWait: 500 * time.Millisecond,
					Logger:    quiet(t),
					Consumer: func(topic string) (string, jetstream.ConsumerConfig) {
						return "SUITE", jetstream.ConsumerConfig{
							Durable:       group + strings.ReplaceAll(topic, ".", "_"),
							AckPolicy:     jetstream.AckExplicitPolicy,
							AckWait:       5 * time.Second,
							MaxAckPending: pending,
						}
					},
				})
			}
			tests.TestPubSub(t, tests.Features{
				ConsumerGroups:  true,
				GuaranteedOrder: order,
				Persistent:      true,
				// One message at a time, thousands take long and show nothing more.
				ForceShort:        order || testing.Short(),
				GenerateTopicFunc: func(c tests.TestContext) string { return "suite." + string(c.TestID) },
			}, func(t *testing.T) (message.Publisher, message.Subscriber) { return inGroup(t, "one") }, inGroup)
		})
	}
}

func openBroker(t testing.TB, o BrokerOptions) *Broker {
	t.Helper()
	if o.NATSURL == "" && o.Dir == "" {
		o.Dir = t.TempDir()
	}
	if o.Logger == nil {
		o.Logger = quiet(t)
	}
	b, err := OpenBroker(t.Context(), o)
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

func connect(t testing.TB, b *Broker) jetstream.JetStream {
	t.Helper()
	js, err := b.JetStream(t.Name())
	if err != nil {
		t.Fatal(err)
	}
	return js
}
