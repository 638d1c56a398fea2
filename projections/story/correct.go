package story

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/projections/fold"
)

// Types of the records that change how others are read.
const (
	typeCorrected = events.Prefix + "event.corrected.v1"
	typeRetracted = events.Prefix + "event.retracted.v1"
)

// correctors are the corrections and retractions known in a prefix, by the
// identity of what they name, ascending by position.
type correctors map[events.Identity][]events.Recorded

// view resolves how r stands. Each corrector is itself resolved first; path
// holds those being resolved, so that a circle ends.
func (c correctors) view(r events.Recorded, path []int64) fold.View {
	v := View(r)
	if r.Erased != nil {
		return v // what is left has no identity of its own, and nothing to correct
	}
	found := c[r.Identity()]
	if len(found) == 0 || superseded(v.Short()) {
		return v
	}
	original := r
	path = append(path, r.Position)
	for _, by := range found {
		if slices.Contains(path, by.Position) {
			continue
		}
		cv := c.view(by, path)
		if cv.Retracted != nil {
			continue
		}
		if by.Type == typeRetracted {
			if v.Retracted == nil {
				v.Retracted = said(&cv)
			}
			continue
		}
		if done := said(&cv); apply(&v, cv.Data, done) {
			v.Corrections = append(v.Corrections, *done)
			v.Original = &original
		}
	}
	return v
}

func said(v *fold.View) *fold.Correction {
	var data struct {
		Why string `json:"why"`
	}
	// A why that is not text is no why; everything else still counts.
	_ = json.Unmarshal(v.Data, &data)
	return &fold.Correction{Position: v.Position, At: v.At, Recorded: v.LedgerTime, Actor: v.AuthID, Why: data.Why}
}

// apply puts the fields of a correction into v and notes in done what changed.
// It reports whether anything did.
func apply(v *fold.View, correction []byte, done *fold.Correction) bool {
	fields, ok := members(member(correction, "fields"))
	if !ok {
		return false
	}
	var data []field
	dataOK, dataRead, dataChanged := false, false, false
	for _, f := range fields {
		from, ok := json.RawMessage(nil), false
		switch {
		case f.name == "time":
			from, ok = setTime(v, f.value)
		case f.name == "actor" || f.name == "authid":
			from, ok = setText(&v.AuthID, events.KindActor, f.value)
		case f.name == "subject":
			from, ok = setText(&v.Subject, "subject", f.value)
		case f.name == "causationid":
			from, ok = setText(&v.CausationID, "causationid", f.value)
		case events.Kind(f.name).IsCorrelation():
			from, ok = setKey(v, events.Kind(f.name), f.value)
		case v.Type == typeCorrected && f.name == "corrects", v.Type == typeRetracted && f.name == "retracts":
			// The target stays: the index leads to it by what was recorded.
		default:
			if !dataRead {
				data, dataOK = members(v.Data)
				dataOK, dataRead = dataOK || len(v.Data) == 0 && v.DataBase64 == "", true
			}
			if dataOK {
				data, from, ok = setField(data, f)
				dataChanged = dataChanged || ok
			}
		}
		if ok {
			done.Fields = append(done.Fields, fold.FieldChange{Name: f.name, From: from, To: f.value})
		}
	}
	if dataChanged {
		v.Data = object(data)
	}
	return len(done.Fields) > 0
}

func setTime(v *fold.View, value json.RawMessage) (from json.RawMessage, ok bool) {
	var text string
	if json.Unmarshal(value, &text) != nil {
		return nil, false
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return nil, false
	}
	from = quote(v.TimeText())
	// A copy made of the exported parts forgets the text of the old time.
	e := v.Event
	v.Event = events.Event{
		ID: e.ID, Source: e.Source, Type: e.Type, Time: t,
		Subject: e.Subject, DataContentType: e.DataContentType, DataSchema: e.DataSchema,
		RecordedTime: e.RecordedTime, Sequence: e.Sequence,
		CorrelationID: e.CorrelationID, CausationID: e.CausationID, AuthType: e.AuthType, AuthID: e.AuthID,
		Keys: e.Keys, Extensions: e.Extensions, Data: e.Data, DataBase64: e.DataBase64,
	}
	v.At = t.UTC()
	return from, true
}

func setText(dst *string, kind events.Kind, value json.RawMessage) (from json.RawMessage, ok bool) {
	text, ok := textOf(kind, value)
	if !ok {
		return nil, false
	}
	if *dst != "" {
		from = quote(*dst)
	}
	*dst = text
	return from, true
}

func setKey(v *fold.View, kind events.Kind, value json.RawMessage) (from json.RawMessage, ok bool) {
	text, ok := textOf(kind, value)
	if !ok {
		return nil, false
	}
	// The record may share its slice with others that were read with it.
	keys := slices.Clone(v.Keys)
	i := slices.IndexFunc(keys, func(k events.Key) bool { return k.Kind == kind })
	if i >= 0 {
		from = quote(keys[i].Value)
	}
	switch {
	case i >= 0 && text != "":
		keys[i].Value = text
	case i >= 0:
		keys = slices.Delete(keys, i, i+1)
	case text != "":
		keys = append(keys, events.Key{Kind: kind, Value: text})
		order := events.Kinds()
		slices.SortFunc(keys, func(a, b events.Key) int {
			return slices.Index(order, a.Kind) - slices.Index(order, b.Kind)
		})
	default:
		return nil, false // it had none
	}
	v.Keys = keys
	return from, true
}

// textOf reads a new value for an attribute. Null and "" take it away.
func textOf(kind events.Kind, value json.RawMessage) (string, bool) {
	if bytes.Equal(value, []byte("null")) {
		return "", true
	}
	var text string
	if json.Unmarshal(value, &text) != nil {
		return "", false
	}
	return text, text == "" || (events.Key{Kind: kind, Value: text}).Valid()
}

// A field is one member of a JSON object.
type field struct {
	name  string
	value json.RawMessage
}

func setField(data []field, f field) (_ []field, from json.RawMessage, ok bool) {
	i := slices.IndexFunc(data, func(d field) bool { return d.name == f.name })
	null := bytes.Equal(f.value, []byte("null"))
	switch {
	case i >= 0 && null:
		from = data[i].value
		data = slices.Delete(data, i, i+1)
	case i >= 0:
		from = data[i].value
		data[i].value = f.value
	case null:
		return data, nil, false
	default:
		data = append(data, f)
	}
	return data, from, true
}

// members reads a JSON object, keeping the order of its members.
func members(raw []byte) ([]field, bool) {
	if len(raw) == 0 || raw[0] != '{' {
		return nil, false
	}
	dec := jsontext.NewDecoder(bytes.NewReader(raw))
	if _, err := dec.ReadToken(); err != nil {
		return nil, false
	}
	var list []field
	for dec.PeekKind() != '}' {
		name, err := dec.ReadToken()
		if err != nil {
			return nil, false
		}
		f := field{name: name.String()}
		value, err := dec.ReadValue()
		if err != nil {
			return nil, false
		}
		f.value = json.RawMessage(bytes.Clone(value))
		list = append(list, f)
	}
	return list, true
}

func member(raw []byte, name string) json.RawMessage {
	list, _ := members(raw)
	for _, f := range list {
		if f.name == name {
			return f.value
		}
	}
	return nil
}

func object(list []field) []byte {
	b := []byte{'{'}
	for i, f := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, quote(f.name)...)
		b = append(b, ':')
		b = append(b, f.value...)
	}
	return append(b, '}')
}

func quote(s string) json.RawMessage {
	// The text was valid UTF-8 when it was read.
	b, _ := jsontext.AppendQuote(nil, s)
	return b
}

// superseded reports whether events of a type are superseded by later ones of
// their kind and never corrected: those that only an administrator may write,
// while corrections are for whoever may write as the source of the original.
func superseded(short string) bool {
	return strings.HasPrefix(short, "policy.") || strings.HasPrefix(short, "finding.") || strings.HasPrefix(short, "redaction.")
}
