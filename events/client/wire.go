package client

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Media types of the API.
const (
	TypeEvent   = "application/cloudevents+json"       // one event, structured
	TypeBatch   = "application/cloudevents-batch+json" // a JSON array of events
	TypeLines   = "application/x-ndjson"               // one event a line
	TypeJSON    = "application/json"
	TypeProblem = "application/problem+json" // RFC 9457
	TypeBundle  = "application/vnd.daybook.bundle"
)

// A Hash is a SHA-256, as base64 in JSON, the way checkpoints write it.
type Hash [32]byte

func (h Hash) String() string { return base64.StdEncoding.EncodeToString(h[:]) }

// AppendText appends the hash as base64.
func (h Hash) AppendText(b []byte) ([]byte, error) {
	return base64.StdEncoding.AppendEncode(b, h[:]), nil
}

// MarshalText writes the hash as base64.
func (h Hash) MarshalText() ([]byte, error) { return h.AppendText(nil) }

// UnmarshalText reads what MarshalText writes.
func (h *Hash) UnmarshalText(b []byte) error {
	d, err := base64.StdEncoding.AppendDecode(nil, b)
	if err != nil || len(d) != len(h) {
		return fmt.Errorf("%q is not a SHA-256 in base64", b)
	}
	copy(h[:], d)
	return nil
}

// A Receipt says that one event is in the trail, durable and under a signed
// checkpoint.
type Receipt struct {
	Position   int64     `json:"position"`
	LeafHash   Hash      `json:"leaf_hash"`
	LedgerTime time.Time `json:"ledgertime"`
	Duplicate  bool      `json:"duplicate"` // it had been recorded before; this is the first receipt
}

// Outcomes of one event among several.
const (
	Accepted  = "accepted"  // recorded now (status 201)
	Duplicate = "duplicate" // recorded before, with the same content (200)
	Conflict  = "conflict"  // its source and id belong to another content, which is kept (409)
	Refused   = "refused"   // cannot be recorded as it is (422)
	Denied    = "denied"    // the caller may not write it (403)
)

// A Result says what became of one event of a batch or of one line.
type Result struct {
	Index    *int   `json:"index,omitempty"` // place in a batch, from 0
	Line     *int   `json:"line,omitempty"`  // line of newline-delimited JSON, from 1
	Outcome  string `json:"outcome"`
	Status   int    `json:"status"`              // what the event alone would have been answered with
	Position *int64 `json:"position,omitempty"`  // accepted, duplicate; for a conflict, where the kept one is
	LeafHash *Hash  `json:"leaf_hash,omitempty"` // accepted and duplicate
	Field    string `json:"field,omitempty"`     // the attribute at fault
	Detail   string `json:"detail,omitempty"`
}

// A Summary answers a batch or newline-delimited events: how many of each
// outcome, and what became of each. With "Prefer: return=minimal" only what was
// neither accepted nor a duplicate is listed. The status is 200 when everything
// is in the trail, 207 when some of it is, and 403, 409 or 422 (a [Problem]) when
// nothing is because of the events themselves. With any other status the ledger
// failed before the end: the [Problem] says why, and its summary how far it came.
//
// However it is asked for, no more than 50,000 events that reached the trail are
// listed; of those after them only the refused and denied ones are, which end the
// work when there are 10,000. Who sends more at once asks for return=minimal.
type Summary struct {
	Accepted   int      `json:"accepted"`
	Duplicates int      `json:"duplicates"`
	Conflicts  int      `json:"conflicts"`
	Refused    int      `json:"refused"`            // refused and denied together
	Last       *int64   `json:"last,omitempty"`     // position of the last event that is in the trail
	Unlisted   int      `json:"unlisted,omitempty"` // beyond the 50,000 that are listed
	Results    []Result `json:"results"`
	// Stopped says why the work ended early, and is empty when it did not. Then
	// everything before the line (or index) StoppedAt is done with, and nothing
	// from there on is recorded, unless Stopped says that this is not known.
	Stopped   string `json:"stopped,omitempty"`
	StoppedAt int    `json:"stopped_at,omitempty"`
}

// A Page is one answer of a query, in the order asked for.
type Page struct {
	Events []json.RawMessage `json:"events"`                   // recorded events, each exactly as stored; see events.ParseServed for erased ones
	Next   string            `json:"next,omitempty"`           // cursor of the next page; empty on the last
	Count  *int64            `json:"count,omitempty"`          // how many match in all, if asked
	More   bool              `json:"count_at_least,omitempty"` // Count is of the first million looked at; there may be more
	Size   int64             `json:"size"`                     // the prefix of the trail that was looked at
}

// A Story is everything that belongs to one key, in the order it happened.
type Story struct {
	Root   string       `json:"root"` // as in "incident/INC-7"
	Keys   []string     `json:"keys"` // all that joined it, the root first
	Size   int64        `json:"size"` // the prefix of the trail it was read from
	Events []StoryEvent `json:"events"`
	Linked []StoryEvent `json:"linked,omitempty"` // reached by causation or an explicit link only
}

// A StoryEvent is one event of a story, with what was later said of it.
type StoryEvent struct {
	Position    int64           `json:"position"`
	At          time.Time       `json:"at"`    // when it happened, corrected
	Event       json.RawMessage `json:"event"` // exactly as recorded
	Corrections []Correction    `json:"corrections,omitempty"`
	Retracted   *Correction     `json:"retracted,omitempty"`
}

// A Correction says who changed or took back a record, when and why.
type Correction struct {
	Position int64         `json:"position"`
	At       time.Time     `json:"at"`
	Actor    string        `json:"actor,omitempty"`
	Why      string        `json:"why,omitempty"`
	Fields   []FieldChange `json:"fields,omitempty"`
}

// A FieldChange is one field before and after a correction.
type FieldChange struct {
	Name string          `json:"name"`
	From json.RawMessage `json:"from,omitempty"`
	To   json.RawMessage `json:"to,omitempty"`
}

// A Head names a prefix of the trail.
type Head struct {
	Size       int64     `json:"size"`
	Root       Hash      `json:"root"`
	LedgerTime time.Time `json:"ledgertime"`
	Origin     string    `json:"origin"`
	Checkpoint string    `json:"checkpoint,omitempty"`
}

// A Projection is the state of one read model.
type Projection struct {
	Name       string `json:"name"`
	Version    string `json:"version"`
	Checkpoint int64  `json:"checkpoint"`      // events it has taken, from position 0
	Behind     int64  `json:"behind"`          // events of the trail it has still to take
	State      string `json:"state"`           // running, rebuilding or stopped
	Error      string `json:"error,omitempty"` // why it stopped
}

// A StatName is one of the statistics that there are.
type StatName struct {
	Name    string `json:"name"`
	Meaning string `json:"meaning"`
}

// A Token describes an access token, never its secret.
type Token struct {
	ID      string     `json:"id"`
	Name    string     `json:"name"`
	Role    string     `json:"role"`
	Sources []string   `json:"sources,omitempty"`
	Types   []string   `json:"types,omitempty"`
	Created time.Time  `json:"created"`
	By      string     `json:"by"`
	Expires *time.Time `json:"expires,omitempty"`
	Revoked *time.Time `json:"revoked,omitempty"`
	Used    *time.Time `json:"used,omitempty"` // last use, to the minute at best
	Secret  string     `json:"secret,omitempty"`
}

// A TokenRequest asks for a new token.
type TokenRequest struct {
	Name    string     `json:"name"`
	Role    string     `json:"role"`
	Sources []string   `json:"sources,omitempty"`
	Types   []string   `json:"types,omitempty"`
	Expires *time.Time `json:"expires,omitempty"`
}

// Keys are the keys that a log has signed with.
type Keys struct {
	Origin    string `json:"origin"`
	PublicKey string `json:"public_key"` // of the key in use
	FirstKey  string `json:"first_key"`  // the public key that is enough to verify everything with
	Keys      []Key  `json:"keys"`       // oldest first
	// Rotations prove how one key followed from the other, as package seal
	// reads them.
	Rotations json.RawMessage `json:"rotations"`
	File      *KeyFile        `json:"file,omitempty"` // for an administrator
}

// A Key is one of a log's keys.
type Key struct {
	PublicKey string     `json:"public_key"`
	From      int64      `json:"from"`               // the smallest size that it signs
	To        int64      `json:"to,omitempty"`       // the largest; 0 while it is in use
	Position  *int64     `json:"position,omitempty"` // of the event by which it took over; none for the first key
	Since     *time.Time `json:"since,omitempty"`
	Actor     string     `json:"actor,omitempty"`
	Reason    string     `json:"reason,omitempty"`
}

// A KeyFile is where the server keeps the private key.
type KeyFile struct {
	Path string `json:"path"`
	Mode string `json:"mode"`           // as in chmod: 0600
	Next string `json:"next,omitempty"` // the public key of the one that waits to take over
}

// A KeyRotation asks for a new key.
type KeyRotation struct {
	Reason string `json:"reason,omitempty"`
}

// A KeyRotated says how the key was replaced.
type KeyRotated struct {
	Position  int64  `json:"position"` // of the key.rotated
	OldKey    string `json:"old_key"`
	PublicKey string `json:"public_key"`
	File      string `json:"file"`              // where the new private key is
	Retired   string `json:"retired,omitempty"` // where the old one is kept
}

// A Problem is an answer that is not what was asked for (RFC 9457).
type Problem struct {
	Type      string `json:"type"`
	Title     string `json:"title"`
	Status    int    `json:"status"`
	Detail    string `json:"detail,omitempty"`
	Field     string `json:"field,omitempty"`    // the attribute or parameter at fault
	Position  *int64 `json:"position,omitempty"` // of the event that stands in the way
	RequestID string `json:"request_id,omitempty"`
	// Summary is there when the problem is that nothing of several events could
	// be recorded.
	Summary *Summary `json:"summary,omitempty"`
	// Erased is there when the event's content was erased: what is left of it,
	// as [events.ParseServed] reads it.
	Erased json.RawMessage `json:"erased,omitempty"`
}

func (p *Problem) Error() string {
	var b strings.Builder
	if p.Field != "" {
		b.WriteString(p.Field + ": ")
	}
	b.WriteString(p.Detail)
	if p.Detail == "" {
		b.WriteString(p.Title)
	}
	if p.Status >= http.StatusInternalServerError && p.RequestID != "" {
		b.WriteString(" (request " + p.RequestID + ")")
	}
	return b.String()
}

// An Inclusion proves that an event is among the first Size of the trail, by
// RFC 6962. Hashes are SHA-256 in base64.
type Inclusion struct {
	Position   int64  `json:"position"`
	Size       int64  `json:"size"`
	LeafHash   Hash   `json:"leaf_hash"`
	Root       Hash   `json:"root"`
	Hashes     []Hash `json:"proof"`                // the audit path, the leaf's sibling first
	Checkpoint string `json:"checkpoint,omitempty"` // the signed one of that size, where there is one
}

// A Consistency proves that the trail of To events begins with the one of From,
// by RFC 6962. Hashes are SHA-256 in base64.
type Consistency struct {
	From           int64  `json:"from"`
	To             int64  `json:"to"`
	FromRoot       Hash   `json:"from_root"`
	ToRoot         Hash   `json:"to_root"`
	Hashes         []Hash `json:"proof"`
	FromCheckpoint string `json:"from_checkpoint,omitempty"` // the signed ones of these sizes, where there are any
	ToCheckpoint   string `json:"to_checkpoint,omitempty"`
}
