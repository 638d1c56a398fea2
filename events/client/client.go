// Package client speaks the HTTP API of a ledger: it is what the commands use,
// and what a Go program can use to record events from its own process.
//
// A client keeps no state besides connections and is safe for concurrent use.
// Sending an event again is always safe, since source and id name it; so what
// fails for want of a connection, or because the server is busy, is tried again
// a few times before the error is returned.
package client

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/daybookhq/daybook/events"
)

// Options say which ledger to speak to, and how.
type Options struct {
	URL   string       // base URL, as in https://ledger.example.com
	Token string       // bearer token; empty where the transport itself says who calls
	HTTP  *http.Client // default: a client of its own with a 10 s connection timeout
	Tries int          // attempts for what may be tried again; default 4
	Wait  func(context.Context, time.Duration) error
}

// A Client speaks to one ledger. Make one with [New].
type Client struct {
	base  *url.URL
	token string
	http  *http.Client
	tries int
	wait  func(context.Context, time.Duration) error
}

// New returns a client. It does not connect yet.
func New(o Options) (*Client, error) {
	u, err := url.Parse(o.URL)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return nil, fmt.Errorf("%q is not the address of a server; give one like https://ledger.example.com", o.URL)
	}
	c := &Client{base: u, token: o.Token, http: o.HTTP, tries: cmp.Or(o.Tries, 4), wait: o.Wait}
	if c.http == nil {
		t := http.DefaultTransport.(*http.Transport).Clone()
		t.DialContext = (&net.Dialer{Timeout: 10 * time.Second}).DialContext
		t.MaxIdleConnsPerHost = 64
		c.http = &http.Client{Transport: t}
	}
	if c.wait == nil {
		c.wait = pause
	}
	return c, nil
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// A Request is one call of the API.
type Request struct {
	Method string // default GET
	Path   string // as in /v1/events, with what needs it percent-encoded
	Query  url.Values
	Type   string // media type of Body
	Body   []byte
	Accept string      // default application/json
	Header http.Header // further headers
	Once   bool        // do not try again: a second time is not the same as one
}

// Do sends a request and returns the answer, whose body the caller closes. An
// answer of 400 or more is returned as an error, a [*Problem] where the server
// sent one.
func (c *Client) Do(ctx context.Context, r Request) (*http.Response, error) {
	for try := 1; ; try++ {
		resp, err := c.once(ctx, r)
		if err == nil && resp.StatusCode < 400 {
			return resp, nil
		}
		after := time.Duration(0)
		if err == nil {
			after = retryAfter(resp)
			err = problemOf(resp)
		}
		if r.Once || try >= c.tries || !again(err) || ctx.Err() != nil {
			return nil, err
		}
		if e := c.wait(ctx, max(after, 200*time.Millisecond<<(2*(try-1)))); e != nil {
			return nil, err
		}
	}
}

func (c *Client) once(ctx context.Context, r Request) (*http.Response, error) {
	u := *c.base
	plain, err := url.PathUnescape(r.Path)
	if err != nil {
		return nil, err
	}
	u.RawPath = strings.TrimSuffix(u.EscapedPath(), "/") + r.Path
	u.Path = strings.TrimSuffix(u.Path, "/") + plain
	u.RawQuery = r.Query.Encode()
	req, err := http.NewRequestWithContext(ctx, cmp.Or(r.Method, http.MethodGet), u.String(), bytes.NewReader(r.Body))
	if err != nil {
		return nil, err
	}
	if r.Body == nil {
		req.Body, req.ContentLength = http.NoBody, 0
	}
	for name, values := range r.Header {
		req.Header[name] = values
	}
	if r.Type != "" {
		req.Header.Set("Content-Type", r.Type)
	}
	req.Header.Set("Accept", cmp.Or(r.Accept, TypeJSON))
	req.Header.Set("User-Agent", "daybook")
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		var ue *url.Error
		if errors.As(err, &ue) {
			err = ue.Err // the URL would only repeat what the caller gave
		}
		return nil, &unreachable{c.base.Redacted(), err}
	}
	return resp, nil
}

type unreachable struct {
	url string
	err error
}

func (u *unreachable) Error() string {
	return fmt.Sprintf("no answer from %s: %v; is the server running, and is this its address?", u.url, u.err)
}
func (u *unreachable) Unwrap() error { return u.err }

// again reports whether the same request may do better later.
func again(err error) bool {
	var p *Problem
	if errors.As(err, &p) {
		return p.Status == http.StatusTooManyRequests || p.Status == http.StatusServiceUnavailable || p.Status == http.StatusBadGateway
	}
	var u *unreachable
	return errors.As(err, &u) && !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded)
}

func retryAfter(resp *http.Response) time.Duration {
	s, err := strconv.Atoi(resp.Header.Get("Retry-After"))
	if err != nil || s < 0 {
		return 0
	}
	return min(time.Duration(s)*time.Second, time.Minute)
}

func problemOf(resp *http.Response) error {
	defer resp.Body.Close()
	b, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	p := &Problem{}
	if t, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")); t != TypeProblem || json.Unmarshal(b, p) != nil {
		p = &Problem{Title: resp.Status, Detail: "the server answered " + resp.Status}
	}
	p.Status = resp.StatusCode
	return p
}

// JSON sends a request and decodes the answer into v, unless v is nil.
func (c *Client) JSON(ctx context.Context, r Request, v any) error {
	resp, err := c.Do(ctx, r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if v == nil {
		_, err := io.Copy(io.Discard, resp.Body)
		return err
	}
	if err := json.NewDecoder(resp.Body).Decode(v); err != nil {
		return fmt.Errorf("reading the answer of %s: %w", r.Path, err)
	}
	return nil
}

// Post sends v as JSON, once, and decodes the answer into out, unless out is nil.
func (c *Client) Post(ctx context.Context, path string, v, out any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return c.JSON(ctx, Request{Method: http.MethodPost, Path: path, Type: TypeJSON, Body: b, Once: true}, out)
}

// Record records one checked event and returns its receipt. A [*Problem] with
// status 409 says that its source and id belong to another content.
func (c *Client) Record(ctx context.Context, e events.Event) (Receipt, error) {
	body := append([]byte(`{"specversion":"1.0"`), e.Body()...)
	var r Receipt
	err := c.JSON(ctx, Request{Method: http.MethodPost, Path: "/v1/events", Type: TypeEvent, Body: body}, &r)
	return r, err
}

// SendLines records newline-delimited events in their order and says what
// became of each. With minimal, only what was neither accepted nor a duplicate
// is listed. A summary without an error says what became of every line up to
// StoppedAt, also when none could be recorded. A summary with an error, which is a
// [*Problem], says that the ledger failed midway: what the summary counts is done,
// and the lines from StoppedAt on are to be sent again.
func (c *Client) SendLines(ctx context.Context, lines []byte, minimal bool) (Summary, error) {
	h := http.Header{}
	if minimal {
		h.Set("Prefer", "return=minimal")
	}
	var s Summary
	err := c.JSON(ctx, Request{Method: http.MethodPost, Path: "/v1/events", Type: TypeLines, Body: lines, Header: h}, &s)
	var p *Problem
	if errors.As(err, &p) && p.Summary != nil {
		switch p.Status {
		case http.StatusForbidden, http.StatusConflict, http.StatusUnprocessableEntity:
			return *p.Summary, nil // it is the lines that are at fault, and the summary says which
		}
		return *p.Summary, err
	}
	return s, err
}

// Events returns one page of a query; see the query parameters of GET /v1/events.
func (c *Client) Events(ctx context.Context, q url.Values) (Page, error) {
	var p Page
	err := c.JSON(ctx, Request{Path: "/v1/events", Query: q}, &p)
	return p, err
}

// Event returns the event at a position, exactly as recorded, or, where its
// content was erased, what is left of it.
func (c *Client) Event(ctx context.Context, position int64) (events.Recorded, error) {
	resp, err := c.Do(ctx, Request{Path: "/v1/events/" + strconv.FormatInt(position, 10), Accept: TypeEvent})
	if p, ok := errors.AsType[*Problem](err); ok && p.Erased != nil {
		return events.ParseServed(p.Erased)
	}
	if err != nil {
		return events.Recorded{}, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return events.Recorded{}, fmt.Errorf("reading event %d: %w", position, err)
	}
	return events.ParseRecorded(b)
}
