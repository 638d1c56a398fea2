// Package access decides who may write and read what. It holds the roles, what
// each may do, and which events only an administrator, or only the ledger
// itself, may write. Every way in (HTTP, the broker, the local socket) asks it,
// so that no door is wider than another.
//
// It does no I/O and keeps no state: who somebody is has been settled before.
package access

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/daybookhq/daybook/events"
)

// A Role is what a principal may do in general.
type Role string

// The roles. Each may do only what is said here; none includes another, except
// that Admin may do everything a person may.
const (
	Recorder Role = "recorder" // write events of the sources (and types) it was given; read nothing
	Reader   Role = "reader"   // read events, stories, statistics and documents
	Auditor  Role = "auditor"  // read all that a Reader may, export it, and read the state of the ledger itself
	Admin    Role = "admin"    // everything but what only the ledger itself writes
)

// Roles lists the roles.
func Roles() []Role { return []Role{Recorder, Reader, Auditor, Admin} }

// A Need is what a route asks of its caller.
type Need int

// What a caller may need to be allowed to do.
const (
	Nothing    Need = iota // anyone, without a token
	Record                 // write events
	Read                   // read events, stories, statistics and documents
	Follow                 // fetch checkpoint, tiles and entries; anyone, where the log is public
	Audit                  // export, which is written down; read the ledger's own state: projections, metrics
	Administer             // issue tokens, rebuild projections
)

func (n Need) String() string {
	return [...]string{"nothing", "record", "read", "follow the log", "audit", "administer"}[n]
}

// May reports whether the role meets the need.
func (r Role) May(n Need) bool {
	switch n {
	case Nothing:
		return true
	case Record:
		return r == Recorder || r == Admin
	case Read, Follow:
		return r == Reader || r == Auditor || r == Admin
	case Audit:
		return r == Auditor || r == Admin
	}
	return r == Admin
}

// A Principal is an authenticated caller. The zero Principal may do nothing.
type Principal struct {
	Name    string   // stands in events as ledgerwriter, as in "token/ci" or "local/ada"
	Role    Role     //
	Sources []string // globs of the sources a Recorder may write; none means no source
	Types   []string // globs of the types a Recorder may write, short or full; none means any
}

// A Denied error says what a principal may not do, and who could.
type Denied struct {
	Field  string // the attribute at fault, or empty
	Reason string
}

func (d *Denied) Error() string { return "not allowed: " + d.Reason }

func deny(field, format string, args ...any) error {
	return &Denied{Field: field, Reason: fmt.Sprintf(format, args...)}
}

// LedgerSource is the source of the events that the ledger writes itself.
// Nobody else may write under it, or they could take the place of one.
const LedgerSource = "daybook:ledger"

// ledgerOnly and adminOnly are families of types, by the short name's prefix.
var (
	ledgerOnly = []string{"witness.", "export.", "query.", "token.", "key.", "check.", "conflict.", "redaction.", "log."}
	adminOnly  = []string{"policy.", "finding."}
)

// MayRecord returns nil if p may write e, else a [Denied] error.
func (p Principal) MayRecord(e *events.Event) error {
	if !p.Role.May(Record) {
		return deny("", "%s has the role %q, which cannot write events; use a token with the role recorder", callerName(p), p.Role)
	}
	// A name without our prefix reads the same to people, so it counts the same.
	short := events.ShortType(e.Type)
	if hasPrefix(short, ledgerOnly) {
		return deny("type", "%s is written by the ledger itself, never from outside", short)
	}
	if own(e.Source) {
		return deny("source", "%s is the ledger's own; choose another", LedgerSource)
	}
	if p.Role == Admin {
		return nil
	}
	if hasPrefix(short, adminOnly) {
		return deny("type", "%s needs the role admin", short)
	}
	if !matchAny(p.Sources, e.Source) {
		return deny("source", "%s may not write as %q; its sources are %s", callerName(p), e.Source, list(p.Sources))
	}
	if len(p.Types) > 0 && !matchAny(p.Types, short) && !matchAny(p.Types, e.Type) {
		return deny("type", "%s may not write %s; its types are %s", callerName(p), short, list(p.Types))
	}
	for _, ref := range referred(short, e.Data) {
		if own(ref.Source) {
			return deny("data", "%s may not correct or retract what the ledger itself wrote; that needs the role admin", callerName(p))
		}
		if ref.Source != "" && !matchAny(p.Sources, ref.Source) {
			return deny("data", "%s may not correct or retract an event of %q; that needs a token for that source, or the role admin", callerName(p), ref.Source)
		}
	}
	return nil
}

// own reports whether a source is the ledger's.
func own(source string) bool {
	return source == LedgerSource || strings.HasPrefix(source, LedgerSource+"/")
}

// referred is what a correction or retraction is about. A reference of another
// shape has no effect, so there is nothing to forbid. Both fields are looked at
// in both types, so that a fold that reads one more widely lets nothing in.
func referred(short string, data []byte) []events.Ref {
	if short != "event.corrected" && short != "event.retracted" {
		return nil
	}
	var fields map[string]json.RawMessage
	if json.Unmarshal(data, &fields) != nil {
		return nil
	}
	var refs []events.Ref
	for _, name := range []string{"corrects", "retracts"} {
		var ref events.Ref
		if json.Unmarshal(fields[name], &ref) == nil {
			refs = append(refs, ref)
		}
	}
	return refs
}

// Match reports whether s fits the glob, in which * stands for any characters,
// slashes and dots included, and everything else for itself.
func Match(glob, s string) bool {
	parts := strings.Split(glob, "*")
	if len(parts) == 1 {
		return glob == s
	}
	s, ok := strings.CutPrefix(s, parts[0])
	if !ok {
		return false
	}
	last := parts[len(parts)-1]
	if s, ok = strings.CutSuffix(s, last); !ok {
		return false
	}
	for _, part := range parts[1 : len(parts)-1] {
		i := strings.Index(s, part)
		if i < 0 {
			return false
		}
		s = s[i+len(part):]
	}
	return true
}

func matchAny(globs []string, s string) bool {
	return slices.ContainsFunc(globs, func(g string) bool { return Match(g, s) })
}

func hasPrefix(s string, prefixes []string) bool {
	return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(s, p) })
}

func list(globs []string) string {
	if len(globs) == 0 {
		return "none"
	}
	return strings.Join(globs, ", ")
}

func callerName(p Principal) string {
	if p.Name == "" {
		return "the caller"
	}
	return p.Name
}
