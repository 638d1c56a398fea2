package events

import (
	"crypto/sha256"
	"time"
)

// An Event is what a producer says happened: a CloudEvents 1.0 event. Make one
// with [Parse], or fill one in and call [Event.Checked].
type Event struct {
	ID     string // with Source, the idempotency key
	Source string
	Type   string    // full name; see ShortType
	Time   time.Time // when it happened, in the offset given

	Subject         string
	DataContentType string
	DataSchema      string
	RecordedTime    string // when the producer wrote it down, RFC 3339 as given
	Sequence        string // order within the source, not the ledger's
	CorrelationID   string
	CausationID     string
	AuthType        string
	AuthID          string // the actor: a pseudonymous id

	Keys       []Key  // correlation keys, in the order of Kinds, each kind at most once
	Extensions []Attr // all other attributes, by name

	Data       []byte // compact JSON as it came, or nil
	DataBase64 string // the text of data_base64, where the producer sent binary

	timeText string // Time as given
	body     []byte // from `,"id":` to the closing brace; set by Parse and Checked
}

// An Attr is an extension attribute that is not a correlation key.
type Attr struct {
	Name string
	JSON string // its value as compact JSON: a string, a number or a boolean
}

// Key returns the value of the correlation key of that kind, or "".
func (e *Event) Key(k Kind) string {
	for i := range e.Keys {
		if e.Keys[i].Kind == k {
			return e.Keys[i].Value
		}
	}
	return ""
}

// Short is the event's short type, as in "emergency.declared". It is the short
// name of a catalogue type only for an event of that very type: one without our
// prefix or of a version that is not known here means something else, however
// much its type looks the same, and gets a name that no catalogue type has.
func (e *Event) Short() string {
	switch v := TypeVersion(e.Type); {
	case v == 1, v > 1 && KnownType(e.Type):
		return ShortType(e.Type)
	case v == 0 && ShortType(e.Type) == e.Type:
		if _, ok := Lookup(e.Type); ok {
			return "other:" + e.Type
		}
	}
	return e.Type
}

// TimeText is the time as the producer wrote it.
func (e *Event) TimeText() string {
	if e.timeText != "" {
		return e.timeText
	}
	return e.Time.Format(time.RFC3339Nano)
}

// Body is everything the producer said, as it will stand in the recorded bytes
// after the ledger's own attributes: from `,"id":` to the closing brace. Two
// events have the same content exactly when their bodies are equal. It is nil
// until the event is checked; do not change it.
func (e *Event) Body() []byte { return e.body }

// Identity is the idempotency key in a fixed width: the first 16 bytes of the
// SHA-256 of source, a zero byte and id. Neither part can hold a zero byte.
type Identity [16]byte

// Identity returns the event's idempotency key.
func (e *Event) Identity() Identity { return IdentityOf(e.Source, e.ID) }

// IdentityOf returns the idempotency key of that source and id.
func IdentityOf(source, id string) Identity {
	b := make([]byte, 0, 256)
	b = append(b, source...)
	b = append(b, 0)
	b = append(b, id...)
	sum := sha256.Sum256(b)
	return Identity(sum[:16])
}
