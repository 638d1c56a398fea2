package sink

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
)

// A Sink is a place that the newest checkpoint is sent to.
type Sink interface {
	Held

	// Put makes the place hold a signed checkpoint of that size. It does not
	// look at what is there: a [Sender] does that first.
	Put(ctx context.Context, note []byte, size int64) error
}

// Options are what sinks need besides their address.
type Options struct {
	// Token is sent as bearer token to HTTP sinks whose URL has no user.
	Token string

	// Broker is what nats: sinks publish on. Without it they cannot be opened.
	Broker Broker
}

// ErrNoBroker: a nats: sink was asked for where there is no broker.
var ErrNoBroker = errors.New("a nats: sink needs the server's broker")

// Open makes the sink of an address:
//
//	/var/lib/other/checkpoint      a file, replaced as a whole
//	file:///var/lib/other/checkpoint
//	/mnt/worm/checkpoints/         a directory (it ends in a slash), a file for each
//	dir:///mnt/worm/checkpoints
//	https://user:password@host/at  PUT there, and GET to read it back
//	nats:checkpoints.payments      a subject of the server's broker
//
// Open touches nothing; whether the place can be reached shows at the first Put.
func Open(address string, o Options) (Sink, error) {
	scheme, rest, isURL := strings.Cut(address, ":")
	switch {
	case address == "":
		return nil, errors.New("a checkpoint sink needs an address: a path, file://…, dir://…, https://… or nats:SUBJECT")
	case isURL && (scheme == "http" || scheme == "https"):
		return openHTTP(address, o)
	case isURL && scheme == "nats":
		return openSubject(rest, o)
	case isURL && (scheme == "file" || scheme == "dir"):
		u, err := url.Parse(address)
		if err != nil || u.Host != "" || !filepath.IsAbs(u.Path) || u.RawQuery != "" {
			return nil, fmt.Errorf("the checkpoint sink %q is no such URL; write %s:///an/absolute/path", address, scheme)
		}
		if scheme == "dir" {
			return &directory{filepath.Clean(u.Path)}, nil
		}
		return openPath(u.Path)
	case isURL && strings.HasPrefix(rest, "//"):
		return nil, fmt.Errorf("the checkpoint sink has the scheme %q; file, dir, http, https and nats are known", scheme)
	}
	return openPath(address)
}

func openPath(path string) (Sink, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("the checkpoint sink %q: %w", path, err)
	}
	if strings.HasSuffix(path, "/") || strings.HasSuffix(path, string(filepath.Separator)) {
		return &directory{abs}, nil
	}
	return &file{abs}, nil
}
