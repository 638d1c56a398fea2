package stream

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// BrokerOptions say where the streams live.
type BrokerOptions struct {
	// NATSURL lists the servers to use, separated by commas, as in
	// nats://a:4222,nats://b:4222 or tls://…; user:password or a token may stand
	// before the host. Empty starts a server inside this process, in Dir.
	NATSURL string
	Dir     string // of the embedded store; unused with NATSURL

	CredentialsFile string      // a NATS .creds file
	NKeyFile        string      // a file with an NKey seed
	TLS             *tls.Config // client certificate or private authorities; tls:// alone needs none

	Origin string // of the trail; streams of another trail are refused
	Limits Limits // of streams that do not exist yet

	// ConnectWait is how long to wait for the servers at start. After it the
	// broker works on and connects when they are there. Default 5 s.
	ConnectWait time.Duration
	Logger      *slog.Logger // default slog.Default()
}

// A Broker hands out connections to the streams. Each user of it takes one of
// its own, so that closing one never closes another.
type Broker struct {
	o        BrokerOptions
	embedded *Embedded // nil with NATSURL
	log      *slog.Logger

	mu    sync.Mutex // guards conns
	conns []*nats.Conn
}

// OpenBroker starts the embedded server or prepares to use others. Servers that
// cannot be reached are no error: the trail takes events without them.
func OpenBroker(ctx context.Context, o BrokerOptions) (*Broker, error) {
	b := &Broker{o: o, log: cmp.Or(o.Logger, slog.Default())}
	if o.NATSURL == "" {
		e, err := StartEmbedded(o.Dir, b.log)
		if err != nil {
			return nil, err
		}
		b.embedded = e
	} else if err := checkURLs(o.NATSURL); err != nil {
		return nil, err
	}
	js, err := b.JetStream("daybook setup")
	if err == nil {
		err = b.prepare(ctx, js)
	}
	if err != nil {
		return nil, errors.Join(err, b.Close(ctx))
	}
	return b, nil
}

// prepare makes the streams, if the servers answer in time.
func (b *Broker) prepare(ctx context.Context, js jetstream.JetStream) error {
	defer b.Release(js)
	wait, cancel := context.WithTimeout(ctx, cmp.Or(b.o.ConnectWait, 5*time.Second))
	defer cancel()
	for {
		_, err := b.Ensure(wait, js)
		var other *OtherTrailError
		switch {
		case err == nil:
			return nil
		case errors.As(err, &other):
			return err
		case ctx.Err() != nil:
			return ctx.Err()
		case wait.Err() != nil:
			b.log.Warn("the stream cannot be reached; events are taken and told later",
				"nats_url", redactURLs(b.o.NATSURL), "error", err, "connection", js.Conn().LastError())
			return nil
		}
		sleep(wait, 100*time.Millisecond)
	}
}

// JetStream opens a connection of its own for one user; Release gives it back.
// It does not wait for the servers: while they are away, calls fail at once.
func (b *Broker) JetStream(name string) (jetstream.JetStream, error) {
	opts := []nats.Option{
		nats.Name(name),
		nats.RetryOnFailedConnect(true),
		nats.MaxReconnects(-1),
		nats.IgnoreAuthErrorAbort(), // credentials may be put right while this runs
		nats.ReconnectWait(250 * time.Millisecond),
		nats.ReconnectJitter(100*time.Millisecond, 500*time.Millisecond),
		// A message that waits in a buffer for the servers to come back is
		// one whose sender believes it lost.
		nats.ReconnectBufSize(-1),
		nats.PingInterval(5 * time.Second),
		nats.MaxPingsOutstanding(2),
		nats.Timeout(3 * time.Second),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				b.log.Warn("lost the stream's server; trying again", "connection", name, "error", err)
			}
		}),
		nats.ReconnectHandler(func(*nats.Conn) { b.log.Info("the stream's server is back", "connection", name) }),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			b.log.Warn("the stream's server reports an error", "connection", name, "error", err)
		}),
	}
	if b.embedded != nil {
		opts = append(opts, nats.InProcessServer(b.embedded))
	}
	if b.o.CredentialsFile != "" {
		opts = append(opts, nats.UserCredentials(b.o.CredentialsFile))
	}
	if b.o.NKeyFile != "" {
		opt, err := nats.NkeyOptionFromSeed(b.o.NKeyFile)
		if err != nil {
			return nil, fmt.Errorf("read the NATS key %s: %w", b.o.NKeyFile, err)
		}
		opts = append(opts, opt)
	}
	if b.o.TLS != nil {
		opts = append(opts, nats.Secure(b.o.TLS))
	}
	nc, err := nats.Connect(cmp.Or(b.o.NATSURL, nats.DefaultURL), opts...)
	if err != nil {
		return nil, fmt.Errorf("connect to the stream: %w", err)
	}
	js, err := jetstream.New(nc)
	if err != nil {
		nc.Close()
		return nil, fmt.Errorf("use JetStream: %w", err)
	}
	b.mu.Lock()
	b.conns = append(b.conns, nc)
	b.mu.Unlock()
	return js, nil
}

// Release closes a connection that JetStream opened, sending first what it has
// been told to send, acknowledgements above all.
func (b *Broker) Release(js jetstream.JetStream) {
	nc := js.Conn()
	if nc.IsConnected() {
		_ = nc.FlushTimeout(time.Second)
	}
	nc.Close()
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := range b.conns {
		if b.conns[i] == nc {
			b.conns = append(b.conns[:i], b.conns[i+1:]...)
			return
		}
	}
}

// Embedded is the server inside this process, or nil.
func (b *Broker) Embedded() *Embedded { return b.embedded }

// Close closes every connection that is left, then the embedded server.
func (b *Broker) Close(ctx context.Context) error {
	b.mu.Lock()
	conns := b.conns
	b.conns = nil
	b.mu.Unlock()
	for _, nc := range conns {
		nc.Close()
	}
	if b.embedded != nil {
		return b.embedded.Close(ctx)
	}
	return nil
}

// EmbeddedDir is where the embedded store stands in a data directory.
func EmbeddedDir(dataDir string) string { return filepath.Join(dataDir, "stream") }

func checkURLs(list string) error {
	for s := range strings.SplitSeq(list, ",") {
		u, err := url.Parse(strings.TrimSpace(s))
		if err != nil || u.Host == "" {
			return fmt.Errorf("the NATS URL %q is not one; write it as nats://host:4222", redactURLs(s))
		}
		switch u.Scheme {
		case "nats", "tls", "ws", "wss":
		default:
			return fmt.Errorf("the NATS URL %q has the scheme %q; nats, tls, ws and wss are known", redactURLs(s), u.Scheme)
		}
	}
	return nil
}

// redactURLs hides the secrets in what is logged or shown.
func redactURLs(list string) string {
	var out []string
	for s := range strings.SplitSeq(list, ",") {
		u, err := url.Parse(strings.TrimSpace(s))
		if err != nil {
			out = append(out, "(not a URL)")
			continue
		}
		if u.User != nil {
			u.User = url.User("xxxxx")
		}
		out = append(out, u.String())
	}
	return strings.Join(out, ",")
}

// sleep waits for d or for the context, whichever is first.
func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
