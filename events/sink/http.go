package sink

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/daybookhq/daybook/events/seal"
)

// A resource is written with PUT and read back with GET.
type resource struct {
	url    string // without user
	name   string
	header http.Header
	client *http.Client
}

// httpPatience is how long a request to a sink may take.
const httpPatience = 10 * time.Second

func openHTTP(address string, o Options) (Sink, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Fragment != "" {
		// The address may hold a password, so it is not shown.
		return nil, errors.New("the checkpoint sink is no URL; write https://host/path, with user:password@ before the host if need be")
	}
	r := &resource{header: http.Header{}, client: &http.Client{
		Timeout: httpPatience,
		// Following one would carry the secret, and the checkpoint, elsewhere.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	if password, both := u.User.Password(); both {
		req := http.Request{Header: r.header}
		req.SetBasicAuth(u.User.Username(), password)
	} else if token := u.User.Username(); token != "" {
		r.header.Set("Authorization", "Bearer "+token)
	} else if o.Token != "" {
		r.header.Set("Authorization", "Bearer "+o.Token)
	}
	u.User = nil
	r.url = u.String()
	u.RawQuery = "" // where some services put a signature
	r.name = u.String()
	return r, nil
}

func (r *resource) Name() string { return r.name }

func (r *resource) do(ctx context.Context, method string, body []byte) (int, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, r.url, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	for name, values := range r.header {
		req.Header[name] = values
	}
	if method == http.MethodPut {
		req.Header.Set("Content-Type", "text/plain; charset=utf-8")
	}
	resp, err := r.client.Do(req)
	if err != nil {
		var uerr *url.Error
		if errors.As(err, &uerr) {
			err = uerr.Err // the URL in it is the whole one
		}
		return 0, nil, fmt.Errorf("%s %s: %w", method, r.name, err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, seal.MaxCheckpointBytes+1))
	if err != nil {
		return 0, nil, fmt.Errorf("%s %s: %w", method, r.name, err)
	}
	return resp.StatusCode, answer, nil
}

// Latest gets what is held. A service that takes PUT and forbids or does not
// know GET is one that cannot be read back.
func (r *resource) Latest(ctx context.Context, origin string) ([]byte, int64, error) {
	status, note, err := r.do(ctx, http.MethodGet, nil)
	if err != nil {
		return nil, 0, err
	}
	switch status {
	case http.StatusOK:
	case http.StatusNotFound, http.StatusGone, http.StatusNoContent:
		return nil, 0, ErrNone
	case http.StatusForbidden, http.StatusMethodNotAllowed, http.StatusNotImplemented:
		return nil, 0, ErrWriteOnly
	default:
		return nil, 0, fmt.Errorf("GET %s answered %d%s", r.name, status, said(note))
	}
	c, err := ofLog(note, origin)
	if err != nil {
		return nil, 0, err
	}
	return note, c.size, nil
}

func (r *resource) Put(ctx context.Context, note []byte, _ int64) error {
	status, answer, err := r.do(ctx, http.MethodPut, note)
	if err != nil {
		return err
	}
	if status < 200 || status > 299 {
		return fmt.Errorf("PUT %s answered %d%s", r.name, status, said(answer))
	}
	return nil
}

// said is the beginning of an answer, for a message.
func said(answer []byte) string {
	text := strings.Join(strings.Fields(string(answer)), " ")
	if text == "" {
		return ""
	}
	if len(text) > 200 {
		text = text[:200]
	}
	return fmt.Sprintf(": %q", text)
}
