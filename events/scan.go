package events

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
	"unsafe"
)

// This file reads the events that nearly all producers write (compact JSON,
// plain text, nothing given twice) in one pass over the bytes. It never
// refuses: at anything unusual it gives up, and [Event.read], which knows every
// rule, starts again from the first byte. So it may only accept what read
// accepts, with the same result; a fuzz test holds the two against each other.

// Slots of the attributes that are not correlation keys, in the order in which
// they are serialised. The correlation keys' slots follow, in theirs.
const (
	slotID = iota
	slotSource
	slotType
	slotTime
	slotSubject
	slotDataContentType
	slotDataSchema
	slotRecordedTime
	slotSequence
	slotCorrelationID
	slotCausationID
	slotAuthType
	slotAuthID
	slotKinds // the first of the correlation keys

	slotLast = slotKinds + 15 // the last of them
	slotSpec = slotLast + 1   // no part of the body
	slots    = slotLast + 2
)

// attributeNames are those of the slots before slotKinds.
var attributeNames = [slotKinds]string{"id", "source", "type", "time", "subject", "datacontenttype", "dataschema",
	"recordedtime", "sequence", "correlationid", "causationid", "authtype", "authid"}

// slotOpen is what stands in the body before the value of each slot.
var slotOpen = func() (open [slotLast + 1]string) {
	for slot := range open {
		name := ""
		if slot < slotKinds {
			name = attributeNames[slot]
		} else {
			name = string(kinds[slot-slotKinds])
		}
		open[slot] = `,"` + name + `":"`
	}
	return open
}()

// A span is a part of the input.
type span struct{ from, to int }

func (s span) len() int { return s.to - s.from }

// An extra is an attribute without a slot; the value is inside the quotes.
type extra struct{ name, value span }

// scanned is what one pass over an event finds.
type scanned struct {
	values [slots]span // inside the quotes
	seen   uint64      // a bit for each slot that was given, empty ones included
	extra  [8]extra
	extras int
	data   span
}

// scan looks through b; ok is false when something calls for the full reader.
func (s *scanned) scan(b []byte) (ok bool) {
	return len(b) >= 2 && b[0] == '{' && len(b) <= MaxRecordedBytes && s.attributes(b, 1)
}

// scanBody looks through recorded bytes from the comma on that follows what the
// ledger wrote.
func (s *scanned) scanBody(b []byte, comma int) (ok bool) {
	s.seen = 1 << slotSpec
	return len(b) <= MaxRecordedBytes && s.attributes(b, comma+1)
}

// attributes looks through those that stand from b[i] to the end of an object.
func (s *scanned) attributes(b []byte, i int) (ok bool) {
	for ; ; i++ {
		for i < len(b) && b[i] == ' ' {
			i++
		}
		if i >= len(b) || b[i] != '"' {
			return false
		}
		i++
		name := span{i, i}
		for i < len(b) && (b[i] >= 'a' && b[i] <= 'z' || b[i] >= '0' && b[i] <= '9') {
			i++
		}
		name.to = i
		if name.len() == 0 || name.len() > MaxNameBytes || i+1 >= len(b) || b[i] != '"' || b[i+1] != ':' {
			return false
		}
		i += 2
		for i < len(b) && b[i] == ' ' {
			i++
		}
		if i >= len(b) {
			return false
		}
		if b[i] == '"' {
			i++
			value := span{i, i}
			for i < len(b) && b[i] >= 0x20 && b[i] < 0x7f && b[i] != '"' && b[i] != '\\' {
				i++
			}
			value.to = i
			if i >= len(b) || b[i] != '"' {
				return false
			}
			i++
			if !s.put(b, name, value) {
				return false
			}
		} else if b[i] == '{' && string(b[name.from:name.to]) == "data" && s.data.to == 0 {
			end, ok := plainJSON(b, i, 0)
			if !ok {
				return false
			}
			s.data = span{i, end}
			i = end
		} else {
			return false
		}
		for i < len(b) && b[i] == ' ' {
			i++
		}
		if i >= len(b) {
			return false
		}
		if b[i] == '}' {
			return i == len(b)-1
		}
		if b[i] != ',' {
			return false
		}
	}
}

// put files an attribute. Values over a limit, and names given twice, are for
// the full reader to judge.
func (s *scanned) put(b []byte, name, value span) bool {
	slot := slotOf(b[name.from:name.to])
	switch {
	case slot < 0:
		n := string(b[name.from:name.to])
		if n == "data" || n == "data_base64" || strings.HasPrefix(n, "ledger") || s.extras == len(s.extra) {
			return false
		}
		for _, x := range s.extra[:s.extras] {
			if n == string(b[x.name.from:x.name.to]) {
				return false
			}
		}
		s.extra[s.extras] = extra{name, value}
		s.extras++
		return true
	case s.seen&(1<<slot) != 0,
		slot == slotSource && value.len() > MaxSourceBytes,
		(slot == slotID || slot == slotType || slot >= slotAuthID && slot <= slotLast) && value.len() > MaxNameBytes:
		return false
	}
	s.seen |= 1 << slot
	s.values[slot] = value
	return true
}

func slotOf(name []byte) int {
	switch string(name) {
	case "specversion":
		return slotSpec
	case "id":
		return slotID
	case "source":
		return slotSource
	case "type":
		return slotType
	case "time":
		return slotTime
	case "subject":
		return slotSubject
	case "datacontenttype":
		return slotDataContentType
	case "dataschema":
		return slotDataSchema
	case "recordedtime":
		return slotRecordedTime
	case "sequence":
		return slotSequence
	case "correlationid":
		return slotCorrelationID
	case "causationid":
		return slotCausationID
	case "authtype":
		return slotAuthType
	case "authid":
		return slotAuthID
	}
	if k := kindIndex(string(name)); k >= 0 {
		return slotKinds + k
	}
	return -1
}

// encode writes the body, lets the spans of the values point into it, and
// fills in the event. It reports whether the event is complete and not too
// large.
func (s *scanned) encode(e *Event, b []byte) bool {
	if v := s.values[slotSpec]; string(b[v.from:v.to]) != "1.0" {
		return false
	}
	body := make([]byte, 0, len(b))
	for slot := range slotLast + 1 {
		v := s.values[slot]
		s.values[slot] = span{}
		if v.len() > 0 {
			body = append(body, slotOpen[slot]...)
			s.values[slot] = span{len(body), len(body) + v.len()}
			body = append(body, b[v.from:v.to]...)
			body = append(body, '"')
		}
	}
	slices.SortFunc(s.extra[:s.extras], func(x, y extra) int {
		return bytes.Compare(b[x.name.from:x.name.to], b[y.name.from:y.name.to])
	})
	for i := range s.extra[:s.extras] {
		x := &s.extra[i]
		if x.value.len() == 0 {
			continue
		}
		from := len(body) + 2
		body = append(body, ',')
		body = append(body, b[x.name.from-1:x.name.to+1]...)
		body = append(body, ':')
		value := span{len(body) + 1, len(body) + 1 + x.value.len()}
		body = append(body, b[x.value.from-1:x.value.to+1]...)
		*x = extra{span{from, from + x.name.len()}, value}
	}
	if s.data.len() > 0 {
		body = append(body, `,"data":`...)
		body = append(body, b[s.data.from:s.data.to]...)
		s.data = span{len(body) - s.data.len(), len(body)}
	}
	body = append(body, '}')
	if len(body)+ledgerOverhead+MaxNameBytes > MaxRecordedBytes {
		return false
	}
	e.body = body
	return s.fill(e, body)
}

// fill sets the event's fields to parts of b, into which the spans point and
// which must not change any more. It reports whether the envelope is complete.
func (s *scanned) fill(e *Event, b []byte) bool {
	text := unsafe.String(unsafe.SliceData(b), len(b)) // Data is a part of b too
	get := func(slot int) string { return text[s.values[slot].from:s.values[slot].to] }
	e.ID, e.Source, e.Type, e.timeText = get(slotID), get(slotSource), get(slotType), get(slotTime)
	if e.ID == "" || e.Source == "" || e.Type == "" || e.timeText == "" {
		return false
	}
	var err error
	if e.Time, err = parseTime(e.timeText); err != nil {
		return false
	}
	e.Subject, e.DataContentType, e.DataSchema = get(slotSubject), get(slotDataContentType), get(slotDataSchema)
	e.RecordedTime, e.Sequence = get(slotRecordedTime), get(slotSequence)
	e.CorrelationID, e.CausationID = get(slotCorrelationID), get(slotCausationID)
	e.AuthType, e.AuthID = get(slotAuthType), get(slotAuthID)
	n := 0
	for _, v := range s.values[slotKinds : slotLast+1] {
		if v.len() > 0 {
			n++
		}
	}
	if n > 0 {
		e.Keys = slices.Grow(e.Keys[:0], n)
		for i, v := range s.values[slotKinds : slotLast+1] {
			if v.len() > 0 {
				e.Keys = append(e.Keys, Key{kinds[i], text[v.from:v.to]})
			}
		}
	}
	for _, x := range s.extra[:s.extras] {
		if x.value.len() > 0 {
			e.Extensions = append(e.Extensions, Attr{text[x.name.from:x.name.to], text[x.value.from-1 : x.value.to+1]})
		}
	}
	if s.data.len() > 0 {
		e.Data = b[s.data.from:s.data.to:s.data.to]
	}
	return true
}

// parseTime reads RFC 3339 and, other than time.Parse, neither a comma before
// the fraction nor an hour of one digit.
func parseTime(s string) (time.Time, error) {
	if len(s) < len("2006-01-02T15:04:05Z") || s[13] != ':' || s[19] == ',' {
		return time.Time{}, errNotRFC3339
	}
	return time.Parse(time.RFC3339Nano, s)
}

var errNotRFC3339 = errors.New("not RFC 3339")

// plainJSON finds the end of the value at b[i], if it is compact JSON of the
// plainest sort: no white space, no \u escape, no name twice in an object.
func plainJSON(b []byte, i, depth int) (end int, ok bool) {
	if i >= len(b) || depth > 32 {
		return 0, false
	}
	switch c := b[i]; {
	case c == '"':
		return plainString(b, i)
	case c == '{':
		var names [16]span
		n := 0
		if i++; i < len(b) && b[i] == '}' {
			return i + 1, true
		}
		for {
			if i >= len(b) || b[i] != '"' || n == len(names) {
				return 0, false
			}
			name := span{i, 0}
			if name.to, ok = plainName(b, i); !ok {
				return 0, false
			}
			for _, other := range names[:n] {
				if string(b[other.from:other.to]) == string(b[name.from:name.to]) {
					return 0, false
				}
			}
			names[n] = name
			n++
			if i = name.to; i >= len(b) || b[i] != ':' {
				return 0, false
			}
			if i, ok = plainJSON(b, i+1, depth+1); !ok || i >= len(b) {
				return 0, false
			}
			switch b[i] {
			case '}':
				return i + 1, true
			case ',':
				i++
			default:
				return 0, false
			}
		}
	case c == '[':
		if i++; i < len(b) && b[i] == ']' {
			return i + 1, true
		}
		for {
			if i, ok = plainJSON(b, i, depth+1); !ok || i >= len(b) {
				return 0, false
			}
			switch b[i] {
			case ']':
				return i + 1, true
			case ',':
				i++
			default:
				return 0, false
			}
		}
	case c == 't':
		return i + 4, i+4 <= len(b) && string(b[i:i+4]) == "true"
	case c == 'f':
		return i + 5, i+5 <= len(b) && string(b[i:i+5]) == "false"
	case c == 'n':
		return i + 4, i+4 <= len(b) && string(b[i:i+4]) == "null"
	}
	return plainNumber(b, i)
}

// plainName is a string without escapes, so that equal names have equal bytes.
func plainName(b []byte, i int) (end int, ok bool) {
	for i++; i < len(b) && b[i] >= 0x20 && b[i] < 0x80 && b[i] != '"' && b[i] != '\\'; i++ {
	}
	return i + 1, i < len(b) && b[i] == '"'
}

func plainString(b []byte, i int) (end int, ok bool) {
	from, ascii := i, true
	for i++; i < len(b); i++ {
		switch c := b[i]; {
		case c == '"':
			return i + 1, ascii || utf8.Valid(b[from:i])
		case c == '\\':
			if i++; i >= len(b) || strings.IndexByte(`"\/bfnrt`, b[i]) < 0 {
				return 0, false
			}
		case c < 0x20:
			return 0, false
		case c >= 0x80:
			ascii = false
		}
	}
	return 0, false
}

func plainNumber(b []byte, i int) (end int, ok bool) {
	digits := func() bool {
		from := i
		for i < len(b) && b[i] >= '0' && b[i] <= '9' {
			i++
		}
		return i > from
	}
	if i < len(b) && b[i] == '-' {
		i++
	}
	if i < len(b) && b[i] == '0' {
		i++
	} else if !digits() {
		return 0, false
	}
	if i < len(b) && b[i] == '.' {
		if i++; !digits() {
			return 0, false
		}
	}
	if i < len(b) && (b[i] == 'e' || b[i] == 'E') {
		if i++; i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		if !digits() {
			return 0, false
		}
	}
	return i, true
}
