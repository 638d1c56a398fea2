package events

import (
	"bytes"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"time"
	"unsafe"

	"github.com/go-json-experiment/json/jsontext"
)

// LedgerTimeFormat is how ledgertime is written: UTC, always six decimals.
const LedgerTimeFormat = "2006-01-02T15:04:05.000000Z"

// ledgerOverhead is the most that Record adds to a body, the writer's name apart.
const ledgerOverhead = len(`{"specversion":"1.0","ledgerposition":"9223372036854775807","ledgertime":"2006-01-02T15:04:05.000000Z","ledgerwriter":"","ledgersalt":"00000000000000000000000000000000"`)

// A Recorded event is one that the trail has accepted.
type Recorded struct {
	Event
	Position   int64     // its place in the trail: 0, 1, 2 …
	LedgerTime time.Time // when it was accepted; never runs backwards along the trail
	Writer     string    // the authenticated principal that wrote it, which is not the actor
	Salt       string    // 32 hex digits
	Bytes      []byte    // the exact bytes that are stored and hashed
	Erased     *Erasure  // the content had to be erased: only Position and LedgerTime are left; nil for nearly all
}

// encode sets e.body and checks the sizes that need no ledger attribute.
func (e *Event) encode() error {
	slices.SortStableFunc(e.Keys, func(a, b Key) int { return kindIndex(string(a.Kind)) - kindIndex(string(b.Kind)) })
	slices.SortStableFunc(e.Extensions, func(a, b Attr) int { return strings.Compare(a.Name, b.Name) })
	b := make([]byte, 0, 256+len(e.Data)+len(e.DataBase64))
	var err error
	put := func(name, value string) {
		if value == "" || err != nil {
			return
		}
		b = append(b, ',', '"')
		b = append(b, name...)
		b = append(b, '"', ':')
		if b, err = jsontext.AppendQuote(b, value); err != nil {
			err = refuse(name, "is not valid UTF-8")
		}
	}
	put("id", e.ID)
	put("source", e.Source)
	put("type", e.Type)
	put("time", e.TimeText())
	put("subject", e.Subject)
	put("datacontenttype", e.DataContentType)
	put("dataschema", e.DataSchema)
	put("recordedtime", e.RecordedTime)
	put("sequence", e.Sequence)
	put("correlationid", e.CorrelationID)
	put("causationid", e.CausationID)
	put("authtype", e.AuthType)
	put("authid", e.AuthID)
	for _, k := range e.Keys {
		put(string(k.Kind), k.Value)
	}
	for _, x := range e.Extensions {
		b = append(b, ',', '"')
		b = append(b, x.Name...)
		b = append(b, '"', ':')
		b = append(b, x.JSON...)
	}
	if e.Data != nil {
		b = append(b, `,"data":`...)
		b = append(b, e.Data...)
	}
	put("data_base64", e.DataBase64)
	if err != nil {
		return err
	}
	b = append(b, '}')
	if n := len(b) + ledgerOverhead + MaxNameBytes; n > MaxRecordedBytes {
		return refuse("", "it would take %d bytes as a recorded event, at most %d are kept; put large payloads elsewhere and cite them as evidence", n, MaxRecordedBytes)
	}
	e.body = b
	return nil
}

// Record appends the recorded bytes of a checked event to dst: the bytes that
// are stored, and hashed as the Merkle leaf.
func (e *Event) Record(dst []byte, position int64, at time.Time, writer string, salt [16]byte) []byte {
	var digits [32]byte
	hex.Encode(digits[:], salt[:])
	return append(appendLedger(dst, position, at, writer, digits[:]), e.body...)
}

// appendLedger writes what stands before the body.
func appendLedger(dst []byte, position int64, at time.Time, writer string, salt []byte) []byte {
	dst = append(dst, `{"specversion":"1.0","ledgerposition":"`...)
	dst = strconv.AppendInt(dst, position, 10)
	dst = append(dst, `","ledgertime":"`...)
	dst = at.UTC().AppendFormat(dst, LedgerTimeFormat)
	dst = append(dst, `","ledgerwriter":`...)
	dst, _ = jsontext.AppendQuote(dst, writer)
	dst = append(dst, `,"ledgersalt":"`...)
	dst = append(dst, salt...)
	return append(dst, '"')
}

// ParseRecorded reads recorded bytes back. It keeps b; do not change it after.
// The error is a [Refusal] naming what does not belong in recorded bytes.
func ParseRecorded(b []byte) (Recorded, error) {
	var r Recorded
	err := r.Reparse(b)
	return r, err
}

// Reparse is [ParseRecorded] for whoever reads many events and looks at one at a
// time: r becomes the event in b, in the memory of the one that it was.
func (r *Recorded) Reparse(b []byte) (err error) {
	var s scanned
	*r = Recorded{Bytes: b, Event: Event{Keys: r.Keys[:0], Extensions: r.Extensions[:0]}}
	if comma, ok := r.front(b); ok && s.scanBody(b, comma) && s.fill(&r.Event, b) {
		r.body = b[comma:]
		return nil
	}
	*r, err = parseAnyRecorded(b)
	return err
}

// What stands between the values that the ledger writes first.
const (
	frontPosition = `{"specversion":"1.0","ledgerposition":"`
	frontTime     = `","ledgertime":"`
	frontWriter   = `","ledgerwriter":"`
	frontSalt     = `","ledgersalt":"`
	frontEnd      = `",`
)

// front reads the ledger's own attributes where and as appendLedger writes them,
// and returns the place of the comma after them; ok is false when something
// calls for the full reader, a writer's name that is escaped for example.
func (r *Recorded) front(b []byte) (comma int, ok bool) {
	text := unsafe.String(unsafe.SliceData(b), len(b))
	rest, ok := strings.CutPrefix(text, frontPosition)
	n := 0
	for ; n < len(rest) && n < 19 && rest[n] >= '0' && rest[n] <= '9'; n++ {
		r.Position = 10*r.Position + int64(rest[n]-'0')
	}
	if !ok || n == 0 || r.Position < 0 || rest[0] == '0' && n > 1 {
		return 0, false
	}
	if rest, ok = strings.CutPrefix(rest[n:], frontTime); !ok || len(rest) < len(LedgerTimeFormat) {
		return 0, false
	}
	if r.LedgerTime, ok = parseLedgerTime(rest[:len(LedgerTimeFormat)]); !ok {
		return 0, false
	}
	if rest, ok = strings.CutPrefix(rest[len(LedgerTimeFormat):], frontWriter); !ok {
		return 0, false
	}
	for n = 0; n < len(rest) && rest[n] >= 0x20 && rest[n] < 0x7f && rest[n] != '"' && rest[n] != '\\'; n++ {
	}
	r.Writer = rest[:n]
	if rest, ok = strings.CutPrefix(rest[n:], frontSalt); !ok || len(rest) < 32+len(frontEnd) || rest[32:32+len(frontEnd)] != frontEnd {
		return 0, false
	}
	r.Salt = rest[:32]
	for i := range len(r.Salt) {
		if c := r.Salt[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return 0, false
		}
	}
	return len(b) - len(rest) + len(r.Salt) + len(frontEnd) - 1, true
}

// parseLedgerTime reads a time in LedgerTimeFormat, which has but one way to
// write each.
func parseLedgerTime(s string) (t time.Time, ok bool) {
	ok = len(s) == len(LedgerTimeFormat)
	number := func(from, to, least, most int) (n int) {
		for i := from; i < to && ok; i++ {
			n, ok = 10*n+int(s[i]-'0'), s[i] >= '0' && s[i] <= '9'
		}
		ok = ok && n >= least && n <= most
		return n
	}
	year, month, day := number(0, 4, 0, 9999), number(5, 7, 1, 12), number(8, 10, 1, 31)
	hour, minute, second := number(11, 13, 0, 23), number(14, 16, 0, 59), number(17, 19, 0, 59)
	us := number(20, 26, 0, 999_999)
	if !ok || s[4] != '-' || s[7] != '-' || s[10] != 'T' || s[13] != ':' || s[16] != ':' || s[19] != '.' || s[26] != 'Z' {
		return time.Time{}, false
	}
	t = time.Date(year, time.Month(month), day, hour, minute, second, 1000*us, time.UTC)
	return t, t.Day() == day // of a month that is shorter
}

// parseAnyRecorded reads what ParseRecorded reads, at leisure.
func parseAnyRecorded(b []byte) (Recorded, error) {
	r := Recorded{Bytes: b}
	var l ledgerAttrs
	if err := r.Event.read(b, &l); err != nil {
		return Recorded{}, err
	}
	if err := r.setLedger(l); err != nil {
		return Recorded{}, err
	}
	return r, nil
}

// setLedger takes over the ledger's own attributes, which must stand at the
// beginning, as Record wrote them; what follows is the body.
func (r *Recorded) setLedger(l ledgerAttrs) error {
	var err error
	if r.Position, err = strconv.ParseInt(l.position, 10, 64); err != nil || r.Position < 0 {
		return refuse("ledgerposition", "%q is not a position", printable(l.position))
	}
	if r.LedgerTime, err = time.Parse(LedgerTimeFormat, l.time); err != nil {
		return refuse("ledgertime", "%q is not a ledger time", printable(l.time))
	}
	var salt [16]byte
	if n, err := hex.Decode(salt[:], []byte(l.salt)); len(l.salt) != 32 || n != 16 || err != nil {
		return refuse("ledgersalt", "32 hex digits are expected")
	}
	r.Writer, r.Salt = l.writer, l.salt
	var room [256]byte
	var digits [32]byte
	hex.Encode(digits[:], salt[:])
	front := appendLedger(room[:0], r.Position, r.LedgerTime, r.Writer, digits[:])
	if !bytes.HasPrefix(r.Bytes, front) || len(r.Bytes) == len(front) || r.Bytes[len(front)] != ',' {
		return refuse("", "the ledger's attributes do not stand where the ledger writes them")
	}
	r.body = r.Bytes[len(front):]
	return nil
}

// SameContent reports whether e says what r says. The order in which
// attributes are serialised may differ where r was recorded by a version that
// knew fewer correlation keys; the content is then the same all the same.
func (r *Recorded) SameContent(e *Event) bool {
	if bytes.Equal(r.body, e.body) {
		return true
	}
	again, err := Parse(append([]byte(`{"specversion":"1.0"`), r.body...))
	return err == nil && bytes.Equal(again.body, e.body)
}

// IndexKeys lists what the trail indexes an event under: its correlation keys,
// its actor, type and source, and what it says of other records. It appends to
// dst, and names no key twice.
func (e *Event) IndexKeys(dst []Key) []Key {
	dst = append(dst, e.Keys...)
	if e.AuthID != "" {
		dst = append(dst, Key{KindActor, e.AuthID})
	}
	dst = append(dst, Key{KindType, e.Type}, Key{KindSource, e.Source})
	if e.CausationID != "" {
		cause := IdentityOf(e.Source, e.CausationID)
		dst = append(dst, Key{KindCause, hex.EncodeToString(cause[:])})
	}
	for _, t := range e.Targets() {
		dst = append(dst, Key{KindTarget, hex.EncodeToString(t[:])})
	}
	// The others are of kinds that an event has one of; a correction may move
	// its target to one key at several depths.
	moved := len(dst)
	for _, k := range e.Moved() {
		if k := (Key{KindMoved, k.String()}); !slices.Contains(dst[moved:], k) {
			dst = append(dst, k)
		}
	}
	return dst
}
