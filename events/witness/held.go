package witness

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/daybookhq/daybook/events/sink"
)

// askPatience is how long a witness may take for an answer.
const askPatience = 10 * time.Second

// Holders returns the witnesses of the policy that have an address, as those
// who hold a checkpoint of a log. newest returns the log's own newest signed
// checkpoint: a witness that does not show what it holds is asked to co-sign
// that, which tells its size.
func (p *Policy) Holders(newest func(context.Context) ([]byte, error)) []sink.Held {
	var all []sink.Held
	client := newHTTPClient(askPatience, nil)
	for i := range p.Witnesses {
		if p.Witnesses[i].URL != nil {
			all = append(all, &holder{&p.Witnesses[i], client, newest})
		}
	}
	return all
}

type holder struct {
	witness *Witness
	client  *http.Client
	newest  func(context.Context) ([]byte, error)
}

func (h *holder) Name() string { return "the witness " + h.witness.Name }

func (h *holder) Latest(ctx context.Context, origin string) ([]byte, int64, error) {
	b, err := h.witness.latest(ctx, h.client, origin)
	if err != nil {
		return nil, 0, fmt.Errorf("%s: %w", h.Name(), err)
	}
	if b != nil {
		text, _, _ := bytes.Cut(b, []byte("\n\n"))
		t, err := readTree(string(text) + "\n")
		return b, t.size, err
	}
	checkpoint, err := h.newest(ctx)
	if err != nil {
		return nil, 0, err
	}
	text, _, _ := bytes.Cut(checkpoint, []byte("\n\n"))
	_, err = h.witness.ask(ctx, h.client, &Request{Checkpoint: checkpoint}, string(text)+"\n", time.Now())
	held, isHeld := errors.AsType[*heldError](err)
	switch {
	case err == nil: // it had none, and now has this one
		return nil, 0, sink.ErrNone
	case !isHeld:
		return nil, 0, fmt.Errorf("%s: %w", h.Name(), err)
	case held.size == 0:
		return nil, 0, sink.ErrNone
	}
	return nil, held.size, nil
}
