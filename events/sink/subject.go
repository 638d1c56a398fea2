package sink

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// A Broker hands out connections, as the server's does.
type Broker interface {
	JetStream(name string) (jetstream.JetStream, error)
}

// ownSubjects is what the server tells its own news under.
const ownSubjects = "daybook."

// A subject is published on. If a stream keeps it, its last message can be read
// back and a publication counts when the stream has it; otherwise it counts
// when the broker has it, whoever listens.
type subject struct {
	name string
	js   jetstream.JetStream
}

func openSubject(name string, o Options) (Sink, error) {
	if name == "" || strings.ContainsAny(name, " \t\r\n*>/") || strings.HasPrefix(name, ".") || strings.HasSuffix(name, ".") || strings.Contains(name, "..") {
		return nil, fmt.Errorf("the checkpoint sink nats:%s is no subject; write nats:checkpoints.payments, without slashes or wildcards", name)
	}
	if strings.HasPrefix(name, ownSubjects) || strings.HasPrefix(name, "$") || strings.HasPrefix(name, "_") {
		return nil, fmt.Errorf("the checkpoint sink nats:%s is a subject of the server's or the broker's own; choose another", name)
	}
	if o.Broker == nil {
		return nil, ErrNoBroker
	}
	js, err := o.Broker.JetStream("daybook checkpoints")
	if err != nil {
		return nil, err
	}
	return &subject{name, js}, nil
}

func (s *subject) Name() string { return "nats:" + s.name }

// natsPatience is how long the broker may take for an answer.
const natsPatience = 5 * time.Second

// stream is the one that keeps the subject, or nil.
func (s *subject) stream(ctx context.Context) (jetstream.Stream, error) {
	name, err := s.js.StreamNameBySubject(ctx, s.name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return s.js.Stream(ctx, name)
}

func (s *subject) Latest(ctx context.Context, origin string) ([]byte, int64, error) {
	ctx, cancel := context.WithTimeout(ctx, natsPatience)
	defer cancel()
	stream, err := s.stream(ctx)
	if err != nil {
		return nil, 0, fmt.Errorf("ask the broker about %s: %w", s.name, err)
	}
	if stream == nil {
		return nil, 0, ErrWriteOnly
	}
	msg, err := stream.GetLastMsgForSubject(ctx, s.name)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil, 0, ErrNone
	}
	if err != nil {
		return nil, 0, fmt.Errorf("read the last message of %s: %w", s.name, err)
	}
	c, err := ofLog(msg.Data, origin)
	if err != nil {
		return nil, 0, err
	}
	return msg.Data, c.size, nil
}

func (s *subject) Put(ctx context.Context, note []byte, _ int64) error {
	ctx, cancel := context.WithTimeout(ctx, natsPatience)
	defer cancel()
	stream, err := s.stream(ctx)
	if err != nil {
		return fmt.Errorf("ask the broker about %s: %w", s.name, err)
	}
	msg := &nats.Msg{Subject: s.name, Data: note}
	if stream != nil {
		_, err = s.js.PublishMsg(ctx, msg)
	} else if err = s.js.Conn().PublishMsg(msg); err == nil {
		err = s.js.Conn().FlushWithContext(ctx)
	}
	if err != nil {
		return fmt.Errorf("publish on %s: %w", s.name, err)
	}
	return nil
}
