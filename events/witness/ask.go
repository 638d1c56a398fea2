package witness

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode"

	"golang.org/x/mod/sumdb/note"
)

// maxAnswerBytes is the most that is read of a witness's answer.
const maxAnswerBytes = 64 << 10

// aheadOfUs is how far a witness's clock may be before this one's.
const aheadOfUs = 10 * time.Minute

// A heldError is a witness's answer that it holds a tree of another size than
// the one that it was asked to go on from.
type heldError struct{ size int64 }

func (e *heldError) Error() string { return fmt.Sprintf("it holds a checkpoint of %d events", e.size) }

// refusals are the answers by which the protocol has a witness refuse.
var refusals = map[int]string{
	http.StatusBadRequest:          "it does not understand the request",
	http.StatusForbidden:           "it knows no key that signed the checkpoint",
	http.StatusNotFound:            "it does not know this log, or its address in the policy is not the right one",
	http.StatusConflict:            "it says that the checkpoint contradicts what it holds",
	http.StatusUnprocessableEntity: "it says that the checkpoint does not continue what it holds",
}

// A RefusedError is a witness's answer that it will not co-sign.
type RefusedError struct {
	Status int    // of the HTTP answer
	Said   string // what it said, cleaned and cut
}

func (e *RefusedError) Error() string {
	what := fmt.Sprintf("%s (HTTP %d)", refusals[e.Status], e.Status)
	if e.Said != "" {
		what += fmt.Sprintf("; it said %q", e.Said)
	}
	return what
}

// contradicts reports whether the refusal is about the log's history.
func (e *RefusedError) contradicts() bool {
	return e.Status == http.StatusConflict || e.Status == http.StatusUnprocessableEntity
}

// newHTTPClient follows no redirects: they would make a GET of a POST, and the
// address is the policy's to say.
func newHTTPClient(patience time.Duration, transport http.RoundTripper) *http.Client {
	return &http.Client{Timeout: patience, Transport: transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// ask makes one add-checkpoint call. text is that of the checkpoint in it. The
// co-signature was verified. Errors are a *heldError, a *RefusedError, or any
// other where the witness did not answer as it should.
func (w *Witness) ask(ctx context.Context, client *http.Client, req *Request, text string, now time.Time) (note.Signature, error) {
	var none note.Signature
	h, err := http.NewRequestWithContext(ctx, http.MethodPost, w.URL.JoinPath("add-checkpoint").String(), bytes.NewReader(req.Bytes()))
	if err != nil {
		return none, err
	}
	h.Header.Set("Content-Type", typeText)
	resp, err := client.Do(h)
	if err != nil {
		if uerr, ok := errors.AsType[*url.Error](err); ok {
			err = uerr.Err // whose URL it is, is known
		}
		return none, fmt.Errorf("it does not answer: %w", err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswerBytes+1))
	if err != nil {
		return none, fmt.Errorf("its answer broke off: %w", err)
	}
	if len(body) > maxAnswerBytes {
		return none, fmt.Errorf("its answer is longer than %d bytes", maxAnswerBytes)
	}
	switch status := resp.StatusCode; {
	case status == http.StatusOK:
		return w.read(body, text, now)
	case status == http.StatusConflict && mediaType(resp.Header) == typeSize:
		size, err := parseSize(strings.TrimSuffix(string(body), "\n"))
		if err != nil {
			return none, fmt.Errorf("it answered 409 without a size: %w", err)
		}
		return none, &heldError{size}
	case status == http.StatusTooManyRequests:
		return none, errors.New("it says that it is asked too often (HTTP 429)")
	case refusals[status] != "":
		return none, &RefusedError{status, said(body)}
	default:
		return none, fmt.Errorf("it answered HTTP %d", status)
	}
}

func mediaType(h http.Header) string {
	t, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err != nil {
		return ""
	}
	return t
}

// read finds the witness's co-signature among the lines of an answer.
func (w *Witness) read(body []byte, text string, now time.Time) (note.Signature, error) {
	var none note.Signature
	if len(body) == 0 {
		return none, errors.New("its answer is empty")
	}
	for line := range strings.Lines(string(body)) {
		if !isLine(line) {
			return none, errors.New("its answer is not made of signature lines")
		}
		// Each line by itself: one by a key that is not known, or a bad one,
		// takes nothing from the others.
		n, err := note.Open([]byte(text+"\n"+line), note.VerifierList(w.verifier))
		if err != nil || len(n.Sigs) != 1 {
			continue
		}
		at := cosignedAt(n.Sigs[0])
		if at.IsZero() || at.After(now.Add(aheadOfUs)) {
			return none, fmt.Errorf("its co-signature says that it was given at %s, which cannot be", at.Format(time.RFC3339))
		}
		return n.Sigs[0], nil
	}
	return none, errors.New("there is no good signature by its key in its answer")
}

// said is the beginning of what a witness said, fit to be recorded.
func said(body []byte) string {
	text := strings.Join(strings.Fields(strings.ToValidUTF8(string(body), "")), " ")
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
			return -1
		}
		return r
	}, text)
	if r := []rune(text); len(r) > 200 {
		text = string(r[:200])
	}
	return text
}

// latest gets the newest checkpoint that the witness shows of a log, or nil
// where it shows none. Not all witnesses do.
func (w *Witness) latest(ctx context.Context, client *http.Client, origin string) ([]byte, error) {
	h, err := http.NewRequestWithContext(ctx, http.MethodGet, w.URL.JoinPath(OriginHash(origin), "checkpoint").String(), nil)
	if err != nil {
		return nil, err
	}
	resp, err := client.Do(h)
	if err != nil {
		if uerr, ok := errors.AsType[*url.Error](err); ok {
			err = uerr.Err
		}
		return nil, fmt.Errorf("it does not answer: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, nil
	}
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswerBytes+1))
	if err != nil {
		return nil, fmt.Errorf("its answer broke off: %w", err)
	}
	text, _, _ := bytes.Cut(b, []byte("\n\n"))
	if t, err := readTree(string(text) + "\n"); err != nil || t.origin != origin || len(b) > maxAnswerBytes {
		return nil, nil // something else answers there
	}
	return b, nil
}
