package events

import (
	"fmt"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// EvidenceKind says what sort of thing a piece of evidence is.
type EvidenceKind string

// The kinds of evidence.
const (
	EvidenceGraph      EvidenceKind = "graph"
	EvidenceLog        EvidenceKind = "log"
	EvidenceChat       EvidenceKind = "chat"
	EvidenceTicket     EvidenceKind = "ticket"
	EvidenceRun        EvidenceKind = "run"
	EvidenceCommit     EvidenceKind = "commit"
	EvidenceRecording  EvidenceKind = "recording"
	EvidenceStatusPage EvidenceKind = "status_page"
	EvidenceRaw        EvidenceKind = "raw"
	EvidenceOther      EvidenceKind = "other"
)

func (EvidenceKind) enum() []string {
	return names(EvidenceGraph, EvidenceLog, EvidenceChat, EvidenceTicket, EvidenceRun, EvidenceCommit,
		EvidenceRecording, EvidenceStatusPage, EvidenceRaw, EvidenceOther)
}

// Evidence says where a fact can be seen. In JSON it is an object, or a
// string: a URL where it has a scheme, else a reference.
type Evidence struct {
	Kind   EvidenceKind `json:"kind,omitzero" doc:"what sort of thing it is"`
	URL    string       `json:"url,omitzero" doc:"where it is"`
	Ref    string       `json:"ref,omitzero" doc:"what it is called, where it has no URL"`
	Label  string       `json:"label,omitzero" doc:"what it shows"`
	Digest string       `json:"digest,omitzero" doc:"hash of its content, as in sha256:…"`
}

// UnmarshalJSON accepts an object or a string.
func (e *Evidence) UnmarshalJSON(b []byte) error { return json.Unmarshal(b, e) }

// UnmarshalJSONFrom accepts an object or a string.
func (e *Evidence) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	*e = Evidence{}
	if dec.PeekKind() == '"' {
		var s string
		if err := json.UnmarshalDecode(dec, &s); err != nil {
			return err
		}
		if strings.Contains(s, "://") {
			e.URL = s
		} else {
			e.Ref = s
		}
		return nil
	}
	type object Evidence
	return json.UnmarshalDecode(dec, (*object)(e))
}

// A Link names another event, by its id (of the same source unless one is
// given), or everything that carries a correlation key, as in "change/CHG-7".
// In JSON it is a string or an object of source and id.
type Link struct {
	Source string `json:"source,omitzero" doc:"the event's source; the citing event's own when not given"`
	ID     string `json:"id,omitzero" doc:"the event's id"`
}

// Key is the correlation key that the link names, if it is of that form.
func (l Link) Key() (Key, bool) {
	kind, value, ok := strings.Cut(l.ID, "/")
	if !ok || l.Source != "" || value == "" || !Kind(kind).IsCorrelation() {
		return Key{}, false
	}
	return Key{Kind(kind), value}, true
}

// Identity is that of the event the link names when it stands in an event of
// the given source.
func (l Link) Identity(source string) Identity {
	if l.Source != "" {
		source = l.Source
	}
	return IdentityOf(source, l.ID)
}

// MarshalJSON writes a string where no source is given.
func (l Link) MarshalJSON() ([]byte, error) {
	if l.Source == "" {
		return json.Marshal(l.ID)
	}
	type object Link
	return json.Marshal(object(l))
}

// UnmarshalJSON accepts a string or an object.
func (l *Link) UnmarshalJSON(b []byte) error { return json.Unmarshal(b, l) }

// UnmarshalJSONFrom accepts a string or an object.
func (l *Link) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	*l = Link{}
	if dec.PeekKind() == '"' {
		return json.UnmarshalDecode(dec, &l.ID)
	}
	type object Link
	if err := json.UnmarshalDecode(dec, (*object)(l)); err != nil {
		return err
	}
	if l.ID == "" {
		return fmt.Errorf("a link needs the id of an event")
	}
	return nil
}
