package cloudevent

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/daybookhq/daybook/events"
)

// MaxBatch is how many events a batch may have: what is kept of each until all
// are recorded is far more than the few bytes it takes to send an empty one.
const MaxBatch = 10_000

// Batch yields the elements of a JSON array as it comes to them, each as it came
// and part of b. What stands twice within an element is that element's fault,
// and for events.Parse to refuse. An error is the last it yields; only without
// one is the array whole.
func Batch(b []byte) iter.Seq2[jsontext.Value, error] {
	return func(yield func(jsontext.Value, error) bool) {
		if err := batch(b, func(v jsontext.Value) bool { return yield(v, nil) }); err != nil {
			yield(nil, err)
		}
	}
}

func batch(b []byte, each func(jsontext.Value) bool) error {
	refuse := func(reason string) error { return &events.Refusal{Reason: reason} }
	dec := jsontext.NewDecoder(bytes.NewBuffer(b), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	if tok, err := dec.ReadToken(); err != nil || tok.Kind() != '[' {
		return refuse("a batch is one JSON array of events")
	}
	for n := 0; dec.PeekKind() != ']'; n++ {
		v, err := dec.ReadValue()
		if err != nil {
			if errors.Is(err, io.ErrUnexpectedEOF) {
				return refuse("the JSON array of the batch ends too early")
			}
			return refuse("the batch is not a valid JSON array: " + err.Error())
		}
		if n == MaxBatch {
			return refuse(fmt.Sprintf("a batch may have %d events and this one has more; send it in parts, or as one event a line", MaxBatch))
		}
		end := dec.InputOffset()
		if !each(b[end-int64(len(v)) : end : end]) { // v itself lasts only until the next
			return nil
		}
	}
	if _, err := dec.ReadToken(); err != nil {
		return refuse("the batch is not a valid JSON array: " + err.Error())
	}
	if _, err := dec.ReadToken(); err != io.EOF {
		return refuse("there are bytes after the JSON array of the batch")
	}
	return nil
}
