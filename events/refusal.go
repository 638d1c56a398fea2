package events

import (
	"errors"
	"fmt"
)

// Limits on what is recorded. One event beyond them would stop every reader
// behind it: a tile entry bundle holds 16-bit lengths, an index has a widest key.
const (
	MaxRecordedBytes = 60 << 10 // a recorded event, ledger attributes included
	MaxSourceBytes   = 512      // the source attribute
	MaxNameBytes     = 256      // id, type, authid, and each correlation key
)

// A Refusal says why bytes could not be recorded. Nothing else is refused:
// see [Parse].
type Refusal struct {
	Field  string // the attribute at fault; empty when the whole is
	Reason string // what is wrong with it, and what would be right
}

func (r *Refusal) Error() string {
	if r.Field == "" {
		return "event refused: " + r.Reason
	}
	return "event refused: " + r.Field + ": " + r.Reason
}

// IsRefusal reports whether err is, or wraps, a [Refusal].
func IsRefusal(err error) bool {
	var r *Refusal
	return errors.As(err, &r)
}

func refuse(field, format string, args ...any) *Refusal {
	return &Refusal{Field: field, Reason: fmt.Sprintf(format, args...)}
}
