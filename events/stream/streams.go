package stream

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go/jetstream"
)

// The streams and what they listen to.
const (
	EventsStream = "DAYBOOK_EVENTS"
	IngestStream = "DAYBOOK_INGEST"
	DeadStream   = "DAYBOOK_DEAD"
	PoisonStream = "DAYBOOK_POISON"

	EventsPrefix = "daybook.events."
	IngestPrefix = "daybook.ingest."
	DeadPrefix   = "daybook.dead."
	PoisonPrefix = "daybook.poison."
)

// Limits are the sizes of streams that do not exist yet; an operator changes
// those of an existing stream with NATS's own tools, and they stay.
type Limits struct {
	Replicas     int           // of each stream; 0 is three in a cluster and one elsewhere
	EventsBytes  int64         // DAYBOOK_EVENTS; default 512 MiB
	EventsAge    time.Duration // DAYBOOK_EVENTS; default 7 days
	IngestBytes  int64         // DAYBOOK_INGEST; default 1 GiB
	DeadBytes    int64         // DAYBOOK_DEAD and DAYBOOK_POISON each; default 1 GiB
	DedupeWindow time.Duration // DAYBOOK_EVENTS; default 2 s
}

// MaxIngestBytes is the largest message that DAYBOOK_INGEST takes, headers
// included. It leaves room under the servers' usual limit of 1 MiB for the
// same message with every header named longer and the reason added, so that
// whatever can come in can also be kept as a dead letter.
const MaxIngestBytes = 192 << 10

// Metadata of DAYBOOK_EVENTS: whose events these are, and which stream this is,
// so that a stream that was replaced is not taken for its predecessor.
const (
	originKey   = "daybook-origin"
	streamIDKey = "daybook-stream-id"
)

// An OtherTrailError says that the streams hold the events of another trail.
type OtherTrailError struct {
	Theirs, Ours string // origins
	Dir          string // of the embedded store; empty with servers elsewhere
}

func (e *OtherTrailError) Error() string {
	what := "give this trail a NATS account of its own, or delete that stream if its trail is gone"
	if e.Dir != "" {
		what = "if that trail is gone, remove the directory " + e.Dir + " (it holds news only); else use another data directory"
	}
	return fmt.Sprintf("the stream %s carries the trail %q and this is %q: %s", EventsStream, e.Theirs, e.Ours, what)
}

// Ensure makes the streams that are missing and returns the identity of
// DAYBOOK_EVENTS. It never changes one that exists.
func (b *Broker) Ensure(ctx context.Context, js jetstream.JetStream) (id string, err error) {
	l := b.o.Limits
	replicas := l.Replicas
	if replicas == 0 {
		replicas = 1
		if js.Conn().ConnectedClusterName() != "" {
			replicas = 3
		}
	}
	ingestMax := int32(MaxIngestBytes)
	if most := js.Conn().MaxPayload() / 5; most > 0 && most < MaxIngestBytes {
		ingestMax = int32(most)
	}
	s, err := b.ensure(ctx, js, jetstream.StreamConfig{
		Name:        EventsStream,
		Description: "News of the Daybook trail, in its order. The trail is the truth.",
		Subjects:    []string{EventsPrefix + ">"},
		MaxBytes:    cmp.Or(l.EventsBytes, 512<<20),
		MaxAge:      cmp.Or(l.EventsAge, 7*24*time.Hour),
		Discard:     jetstream.DiscardOld,
		// The relay's own fence keeps repeats out; this is for a second
		// network path only, and each entry is memory in the server.
		Duplicates: cmp.Or(l.DedupeWindow, 2*time.Second),
		Metadata:   map[string]string{originKey: b.o.Origin, streamIDKey: uuid.NewString()},
		Replicas:   replicas,
	})
	if err != nil {
		return "", err
	}
	meta := s.CachedInfo().Config.Metadata
	if theirs := meta[originKey]; theirs != "" && b.o.Origin != "" && theirs != b.o.Origin {
		e := &OtherTrailError{Theirs: theirs, Ours: b.o.Origin}
		if b.embedded != nil {
			e.Dir = b.o.Dir
		}
		return "", e
	}
	id = streamID(s.CachedInfo())
	for _, c := range []jetstream.StreamConfig{{
		Name:        IngestStream,
		Description: "CloudEvents on their way into the Daybook trail; each is kept until it is recorded.",
		Subjects:    []string{IngestPrefix + ">"},
		Retention:   jetstream.WorkQueuePolicy,
		Discard:     jetstream.DiscardNew,
		MaxBytes:    cmp.Or(l.IngestBytes, 1<<30),
		MaxMsgSize:  ingestMax,
	}, {
		Name:        DeadStream,
		Description: "What the Daybook trail refused, with the reason.",
		Subjects:    []string{DeadPrefix + ">"},
		Discard:     jetstream.DiscardNew,
		MaxBytes:    cmp.Or(l.DeadBytes, 1<<30),
	}, {
		Name:        PoisonStream,
		Description: "News that a handler can never take, with the reason.",
		Subjects:    []string{PoisonPrefix + ">"},
		Discard:     jetstream.DiscardOld,
		MaxBytes:    cmp.Or(l.DeadBytes, 1<<30),
	}} {
		c.Replicas = replicas
		if _, err := b.ensure(ctx, js, c); err != nil {
			return "", err
		}
	}
	return id, nil
}

// streamID tells a stream from one that took its place.
func streamID(i *jetstream.StreamInfo) string {
	if id := i.Config.Metadata[streamIDKey]; id != "" {
		return id
	}
	// Made by hand: the moment of its birth will do.
	return "created-" + i.Created.UTC().Format("20060102T150405.000000000")
}

func (b *Broker) ensure(ctx context.Context, js jetstream.JetStream, c jetstream.StreamConfig) (jetstream.Stream, error) {
	s, err := js.Stream(ctx, c.Name)
	if err == nil {
		return s, nil
	}
	if !errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil, fmt.Errorf("look for the stream %s: %w", c.Name, err)
	}
	c.Storage = jetstream.FileStorage
	s, err = js.CreateStream(ctx, c)
	if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
		// Another node was faster.
		s, err = js.Stream(ctx, c.Name)
	}
	if err != nil {
		return nil, fmt.Errorf("create the stream %s: %w", c.Name, err)
	}
	b.log.Info("created a stream", "stream", c.Name, "subjects", c.Subjects, "max_bytes", c.MaxBytes, "replicas", c.Replicas)
	return s, nil
}
