package cloudevent

import (
	"encoding/base64"
	"encoding/hex"
	"mime"
	"net/http"
	"net/textproto"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/daybookhq/daybook/events"
)

// Binary turns a binary CloudEvent (attributes in ce-* headers, data in the
// body) into the JSON that the structured mode would have sent, so that one and
// the same event is a duplicate of itself in either.
func Binary(h http.Header, body []byte) (events.Event, error) {
	b := []byte{'{'}
	put := func(name, value string) error {
		if len(b) > 1 {
			b = append(b, ',')
		}
		b = append(b, '"')
		b = append(b, name...)
		b = append(b, '"', ':')
		var err error
		if b, err = jsontext.AppendQuote(b, value); err != nil {
			return &events.Refusal{Field: name, Reason: "is not valid UTF-8"}
		}
		return nil
	}
	var names []string
	for header := range h {
		if name, ok := strings.CutPrefix(header, "Ce-"); ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, header := range names {
		values := h["Ce-"+header]
		name := strings.ToLower(header)
		if !attributeName(name) {
			return events.Event{}, &events.Refusal{Field: name, Reason: "attribute names are lower-case letters and digits only"}
		}
		if name == "data" || name == "database64" || name == "datacontenttype" {
			return events.Event{}, &events.Refusal{Field: name, Reason: "is not sent as a header: the body is the data, and Content-Type says what it is"}
		}
		if len(values) != 1 {
			return events.Event{}, &events.Refusal{Field: name, Reason: "stands in more than one header"}
		}
		if err := put(name, headerValue(values[0])); err != nil {
			return events.Event{}, err
		}
	}
	contentType := h.Get("Content-Type")
	if contentType != "" {
		if err := put("datacontenttype", contentType); err != nil {
			return events.Event{}, err
		}
	}
	if len(body) > 0 {
		switch media, _, _ := mime.ParseMediaType(contentType); {
		case contentType == "" || isJSON(media):
			// One value and no more: what follows it could pass for an attribute.
			if v := jsontext.Value(body); !v.IsValid(jsontext.AllowDuplicateNames(true)) {
				return events.Event{}, &events.Refusal{Field: "data", Reason: "the body is not one JSON value, which its Content-Type says it is"}
			}
			b = append(append(b, `,"data":`...), body...)
		case strings.HasPrefix(media, "text/") && utf8.Valid(body):
			if err := put("data", string(body)); err != nil {
				return events.Event{}, err
			}
		default:
			b = append(b, `,"data_base64":"`...)
			b = append(base64.StdEncoding.AppendEncode(b, body), '"')
		}
	}
	return events.Parse(append(b, '}'))
}

func attributeName(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') })
}

func isJSON(media string) bool {
	return media == "application/json" || media == "text/json" || strings.HasSuffix(media, "+json")
}

// headerValue undoes what the HTTP binding allows to be done to a value: double
// quotes around it, then percent-encoding, once. A % that encodes nothing stands
// for itself, since the CloudEvents client for Go sends values as they are.
func headerValue(s string) string {
	s = textproto.TrimString(s)
	if len(s) >= 2 && s[0] == '"' && s[len(s)-1] == '"' {
		var b strings.Builder
		for i := 1; i < len(s)-1; i++ {
			if s[i] == '\\' && i+1 < len(s)-1 {
				i++
			}
			b.WriteByte(s[i])
		}
		s = b.String()
	}
	var b []byte
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if c, err := hex.DecodeString(s[i+1 : i+3]); err == nil {
				b = append(b, c[0])
				i += 2
				continue
			}
		}
		b = append(b, s[i])
	}
	return string(b)
}
