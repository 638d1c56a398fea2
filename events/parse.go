package events

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// Parse reads one CloudEvents JSON object strictly. The error, if any, is a
// [Refusal]. It refuses only:
//
//   - what is not one JSON object in valid UTF-8, without duplicate names;
//   - an envelope without specversion 1.0, id, source, type or time;
//   - attributes that CloudEvents does not allow: names other than a-z and 0-9,
//     values other than strings, numbers and booleans, control characters;
//   - ledger* attributes, which only the ledger sets;
//   - what is over the limits of this package.
//
// An attribute that is null or an empty string counts as not given.
func Parse(b []byte) (Event, error) {
	if e, ok := parsePlain(b); ok {
		return e, nil
	}
	return parseAny(b)
}

// parsePlain reads the events that nearly all producers write; ok is false for
// others. A line end after the object, which many send, changes nothing.
func parsePlain(b []byte) (e Event, ok bool) {
	for len(b) > 0 && (b[len(b)-1] == '\n' || b[len(b)-1] == '\r') {
		b = b[:len(b)-1]
	}
	var s scanned
	ok = s.scan(b) && s.encode(&e, b)
	return e, ok
}

// parseAny reads what Parse reads, at leisure.
func parseAny(b []byte) (Event, error) {
	var e Event
	if err := e.read(b, nil); err != nil {
		return Event{}, err
	}
	if err := e.encode(); err != nil {
		return Event{}, err
	}
	return e, nil
}

// Checked returns the event as Parse would, for events made in Go. Time may
// carry any offset and is written with as many digits as it needs.
func (e Event) Checked() (Event, error) {
	if e.Time.IsZero() {
		return Event{}, refuse("time", "missing: say when it happened, in RFC 3339")
	}
	// What was parsed keeps the text of its time, unless the time was changed.
	if t, err := parseTime(e.timeText); err != nil || !t.Equal(e.Time) {
		e.timeText = e.Time.Format(time.RFC3339Nano)
	}
	// What stands unquoted in the body must be what it claims to be, or it
	// could carry further attributes with it.
	if e.Data != nil && !jsontext.Value(e.Data).IsValid() {
		return Event{}, refuse("data", "is not one JSON value")
	}
	for _, x := range e.Extensions {
		if err := checkName(x.Name); err != nil {
			return Event{}, err
		}
		if !jsontext.Value(x.JSON).IsValid() {
			return Event{}, refuse(x.Name, "is not one JSON value")
		}
	}
	for _, k := range e.Keys {
		if !k.Kind.IsCorrelation() {
			return Event{}, refuse(printable(string(k.Kind)), "is not a correlation key")
		}
	}
	e.Keys, e.Extensions, e.body = slices.Clone(e.Keys), slices.Clone(e.Extensions), nil
	if err := e.encode(); err != nil {
		return Event{}, err
	}
	// Read back what was written, so that both ways in keep the same rules.
	return Parse(append([]byte(`{"specversion":"1.0"`), e.body...))
}

// ledgerAttrs receives the attributes that only recorded events have.
type ledgerAttrs struct {
	position, time, writer, salt string
}

var decoders = sync.Pool{New: func() any {
	return jsontext.NewDecoder(bytes.NewBuffer(nil))
}}

// read fills e from b. With ledger nil, ledger* attributes are refused.
// e.Data aliases b where it is compact already.
func (e *Event) read(b []byte, ledger *ledgerAttrs) error {
	dec := decoders.Get().(*jsontext.Decoder)
	defer decoders.Put(dec)
	dec.Reset(bytes.NewBuffer(b))

	if tok, err := dec.ReadToken(); err != nil {
		return notJSON(err)
	} else if tok.Kind() != '{' {
		return refuse("", "a CloudEvents JSON object is expected, this is JSON of another kind")
	}
	spec, dataSeen := "", ""
	for dec.PeekKind() != '}' {
		rawName, err := dec.ReadValue()
		if err != nil {
			return notJSON(err)
		}
		name, err := unquote(rawName)
		if err != nil {
			return notJSON(err)
		}
		raw, err := dec.ReadValue()
		if err != nil {
			return notJSON(err)
		}
		switch name {
		case "data", "data_base64":
			if raw.Kind() == 'n' {
				continue
			}
			if dataSeen != "" {
				return refuse("data_base64", "data and data_base64 cannot both be given")
			}
			dataSeen = name
			if name == "data" {
				e.Data, err = compact(raw)
			} else if raw.Kind() != '"' {
				return refuse(name, "must be a base64 string")
			} else {
				e.DataBase64, err = unquote(raw)
			}
			if err != nil {
				return notJSON(err)
			}
			continue
		}
		if err := checkName(name); err != nil {
			return err
		}
		var s string
		switch raw.Kind() {
		case 'n':
			continue
		case '"':
			if s, err = unquote(raw); err != nil {
				return notJSON(err)
			}
			if s == "" {
				continue
			}
			if err := checkText(name, s); err != nil {
				return err
			}
		case 't', 'f', '0':
		default:
			return refuse(name, "must be a string, a number or a boolean; nested values belong in data")
		}
		if err := e.set(name, s, raw, &spec, ledger); err != nil {
			return err
		}
	}
	if _, err := dec.ReadToken(); err != nil {
		return notJSON(err)
	}
	if _, err := dec.ReadToken(); err != io.EOF {
		return refuse("", "there are bytes after the JSON object")
	}
	slices.SortStableFunc(e.Keys, func(a, b Key) int { return kindIndex(string(a.Kind)) - kindIndex(string(b.Kind)) })
	slices.SortStableFunc(e.Extensions, func(a, b Attr) int { return strings.Compare(a.Name, b.Name) })
	return e.checkEnvelope(spec)
}

func (e *Event) set(name, s string, raw jsontext.Value, spec *string, ledger *ledgerAttrs) error {
	text := raw.Kind() == '"'
	dst, limit := (*string)(nil), 0
	switch name {
	case "specversion":
		dst = spec
	case "id":
		dst, limit = &e.ID, MaxNameBytes
	case "source":
		dst, limit = &e.Source, MaxSourceBytes
	case "type":
		dst, limit = &e.Type, MaxNameBytes
	case "time":
		dst = &e.timeText
	case "subject":
		dst = &e.Subject
	case "datacontenttype":
		dst = &e.DataContentType
	case "dataschema":
		dst = &e.DataSchema
	case "recordedtime":
		dst = &e.RecordedTime
	case "sequence":
		dst = &e.Sequence
	case "correlationid":
		dst = &e.CorrelationID
	case "causationid":
		dst = &e.CausationID
	case "authtype":
		dst = &e.AuthType
	case "authid":
		dst, limit = &e.AuthID, MaxNameBytes
	}
	if dst == nil && strings.HasPrefix(name, "ledger") {
		if ledger == nil {
			return refuse(name, "only the ledger sets attributes that begin with ledger")
		}
		switch name {
		case "ledgerposition":
			dst = &ledger.position
		case "ledgertime":
			dst = &ledger.time
		case "ledgerwriter":
			dst = &ledger.writer
		case "ledgersalt":
			dst = &ledger.salt
		}
	}
	if dst != nil {
		if !text {
			return refuse(name, "must be a string")
		}
		if limit > 0 && len(s) > limit {
			return refuse(name, "is %d bytes long, at most %d are kept", len(s), limit)
		}
		*dst = s
		return nil
	}
	if i := kindIndex(name); i >= 0 {
		if !text {
			return refuse(name, "is a correlation key and must be a string")
		}
		if len(s) > MaxNameBytes {
			return refuse(name, "is %d bytes long, at most %d are kept", len(s), MaxNameBytes)
		}
		e.Keys = append(e.Keys, Key{kinds[i], s})
		return nil
	}
	e.Extensions = append(e.Extensions, Attr{Name: name, JSON: string(raw)})
	return nil
}

func (e *Event) checkEnvelope(spec string) error {
	for _, f := range []struct{ name, value, want string }{
		{"specversion", spec, `"1.0"`},
		{"id", e.ID, "a string, unique within the source"},
		{"source", e.Source, "a URI-reference naming the producer"},
		{"type", e.Type, "as in dev.daybook.flag.flipped.v1"},
		{"time", e.timeText, "when it happened, in RFC 3339"},
	} {
		if f.value == "" {
			return refuse(f.name, "missing: %s", f.want)
		}
	}
	if spec != "1.0" {
		return refuse("specversion", "%q is not supported, only 1.0 is", spec)
	}
	t, err := parseTime(e.timeText)
	if err != nil {
		return refuse("time", "%q is not RFC 3339 (as in 2006-01-02T15:04:05Z or 2006-01-02T15:04:05+05:30)", e.timeText)
	}
	e.Time = t
	return nil
}

func checkName(name string) error {
	if name == "" {
		return refuse("", "an attribute has an empty name")
	}
	for i := range len(name) {
		if c := name[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return refuse(printable(name), "attribute names are lower-case letters and digits only; other fields belong in data")
		}
	}
	if len(name) > MaxNameBytes {
		return refuse(name[:32]+"…", "attribute name of %d bytes, at most %d are kept", len(name), MaxNameBytes)
	}
	return nil
}

func checkText(name, s string) error {
	for i := 0; i < len(s); {
		c := s[i]
		if c < 0x20 || c == 0x7f {
			return refuse(name, "holds a control character (U+%04X at byte %d)", c, i)
		}
		if c < utf8.RuneSelf {
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		if r >= 0x80 && r <= 0x9f {
			return refuse(name, "holds a control character (U+%04X at byte %d)", r, i)
		}
		i += n
	}
	return nil
}

func unquote(raw jsontext.Value) (string, error) {
	if len(raw) >= 2 && raw[0] == '"' && bytes.IndexByte(raw, '\\') < 0 {
		return string(raw[1 : len(raw)-1]), nil
	}
	b, err := jsontext.AppendUnquote(nil, raw)
	return string(b), err
}

// compact removes white space and nothing else: order, number text and string
// escapes stay as they came. The result never aliases a buffer of the decoder.
func compact(raw jsontext.Value) ([]byte, error) {
	v := jsontext.Value(bytes.Clone(raw))
	if err := v.Compact(jsontext.PreserveRawStrings(true)); err != nil {
		return nil, err
	}
	return v, nil
}

func notJSON(err error) error {
	var syn *jsontext.SyntacticError
	if errors.Is(err, io.ErrUnexpectedEOF) || err == io.EOF {
		return refuse("", "the JSON ends too early")
	}
	if errors.Is(err, jsontext.ErrDuplicateName) {
		return refuse("", "a name stands twice in one object: %s", printable(trimPkg(err)))
	}
	if errors.As(err, &syn) {
		return refuse("", "not valid JSON at byte %d: %s", syn.ByteOffset, printable(trimPkg(syn.Err)))
	}
	return refuse("", "not valid JSON: %s", printable(trimPkg(err)))
}

func trimPkg(err error) string { return strings.TrimPrefix(err.Error(), "jsontext: ") }

// printable makes foreign text safe for a one-line message.
func printable(s string) string {
	var b strings.Builder
	for _, r := range s {
		if r < 0x20 || (r >= 0x7f && r <= 0x9f) || r == utf8.RuneError {
			r = '?'
		}
		b.WriteRune(r)
		if b.Len() > 120 {
			b.WriteString("…")
			break
		}
	}
	return b.String()
}
