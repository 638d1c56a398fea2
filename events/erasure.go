package events

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
)

// An Erasure stands in a [Recorded] event in place of a content that had to be
// erased. The event's position, ledger time and leaf hash stay; everything else
// of it is gone, and its Bytes are nil.
type Erasure struct {
	Leaf  [32]byte  // Merkle leaf hash of the bytes that were there
	By    int64     // position of the redaction.applied that says so
	At    time.Time // when that was recorded
	Basis string    // the legal basis it gives
}

// erasedPrefix begins what is served in place of an erased event. No recorded
// event begins with it.
const erasedPrefix = `{"ledgererased":`

// The shape of what is served in place of an erased event.
type erasedJSON struct {
	Erased     erasureJSON `json:"ledgererased"`
	Position   string      `json:"ledgerposition"`
	LedgerTime string      `json:"ledgertime"`
}

type erasureJSON struct {
	LeafHash string `json:"leaf_hash"` // hex
	By       int64  `json:"by"`
	At       string `json:"at"`
	Basis    string `json:"legal_basis"`
}

// Served is what is given out for an event: its Bytes and, where they were
// erased, a JSON object with the one attribute "ledgererased" besides
// "ledgerposition" and "ledgertime", which is no CloudEvent.
func (r *Recorded) Served() []byte {
	x := r.Erased
	if x == nil {
		return r.Bytes
	}
	b, err := json.Marshal(erasedJSON{
		Erased:     erasureJSON{LeafHash: hex.EncodeToString(x.Leaf[:]), By: x.By, At: x.At.UTC().Format(LedgerTimeFormat), Basis: x.Basis},
		Position:   strconv.FormatInt(r.Position, 10),
		LedgerTime: r.LedgerTime.UTC().Format(LedgerTimeFormat),
	})
	if err != nil {
		return nil // text that came out of JSON goes into it
	}
	return b
}

// ParseServed reads what [Recorded.Served] wrote. It keeps b; do not change it
// after.
func ParseServed(b []byte) (Recorded, error) {
	if len(b) < len(erasedPrefix) || string(b[:len(erasedPrefix)]) != erasedPrefix {
		return ParseRecorded(b)
	}
	var s erasedJSON
	if err := json.Unmarshal(b, &s, json.RejectUnknownMembers(true)); err != nil {
		return Recorded{}, fmt.Errorf("read an erased event: %w", err)
	}
	r := Recorded{Erased: &Erasure{By: s.Erased.By, Basis: s.Erased.Basis}}
	if n, err := hex.Decode(r.Erased.Leaf[:], limit(s.Erased.LeafHash, 64)); err != nil || n != 32 || len(s.Erased.LeafHash) != 64 {
		return Recorded{}, refuse("ledgererased", "the leaf hash is not 64 hex digits")
	}
	var err error
	if r.Position, err = strconv.ParseInt(s.Position, 10, 64); err != nil || r.Position < 0 {
		return Recorded{}, refuse("ledgerposition", "%q is not a position", printable(s.Position))
	}
	if r.Erased.By <= r.Position {
		return Recorded{}, refuse("ledgererased", "an event at %d cannot have been erased by the one at %d", r.Position, r.Erased.By)
	}
	if r.LedgerTime, err = time.Parse(LedgerTimeFormat, s.LedgerTime); err != nil {
		return Recorded{}, refuse("ledgertime", "%q is not a ledger time", printable(s.LedgerTime))
	}
	if r.Erased.At, err = time.Parse(LedgerTimeFormat, s.Erased.At); err != nil {
		return Recorded{}, refuse("ledgererased", "%q is not a ledger time", printable(s.Erased.At))
	}
	return r, nil
}

// limit is the beginning of a text, so that decoding it cannot overrun.
func limit(s string, n int) []byte { return []byte(s[:min(len(s), n)]) }
