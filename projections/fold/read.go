package fold

import (
	"bytes"
	"slices"
	"time"

	"github.com/daybookhq/daybook/events"
)

// maxProblems is how many problems one fold keeps: enough to mend a producer,
// too few for one to fill a database.
const maxProblems = 100

// Data reads the data of an event as T; what does not fit is absent.
func Data[T any](v *View) T {
	d, _ := events.DataOf[T](&v.Event)
	return d
}

// FactOf is what every fold remembers of an event.
func FactOf(v *View) Fact {
	var common events.Common
	if mentions(v.Data, `"note"`, `"precision"`, `"role"`, `\`) {
		common, _ = events.DataOf[events.Common](&v.Event)
	}
	return factWith(v, &common)
}

// mentions spares most events the decoding of fields they do not have. A name
// can also be written with escapes, so a backslash counts as a mention.
func mentions(data []byte, any ...string) bool {
	return slices.ContainsFunc(any, func(s string) bool { return bytes.Contains(data, []byte(s)) })
}

func factWith(v *View, c *events.Common) Fact {
	f := Fact{
		At: v.At, Position: v.Position, Recorded: v.LedgerTime, Type: v.Short(), ID: v.ID, Source: v.Source,
		Actor: v.AuthID, Role: string(c.Role), Corrected: len(v.Corrections) > 0, Note: c.Note,
	}
	if c.Precision != events.PrecisionExact {
		f.Precision = string(c.Precision)
	}
	return f
}

// hasCommon is every data struct of the catalogue.
type hasCommon[T any] interface {
	*T
	CommonOf() *events.Common
}

// read decodes the data of an event and notes what could not be used.
func read[T any, P hasCommon[T]](v *View, problems *[]Problem) (T, Fact) {
	d, bad := events.DataOf[T](&v.Event)
	for _, p := range bad {
		note(problems, v, p.Field, p.Reason)
	}
	return d, factWith(v, P(&d).CommonOf())
}

func note(problems *[]Problem, v *View, field, reason string) {
	if len(*problems) < maxProblems {
		*problems = append(*problems, Problem{Position: v.Position, Type: v.Short(), Field: field, Reason: reason})
	}
}

func person(a *events.Actor) Person {
	if a == nil {
		return Person{}
	}
	return Person{ID: a.ID, Role: string(a.Role), Automated: a.Kind == events.ActorAutomation || a.Kind == events.ActorService}
}

func people(actors []events.Actor) []Person {
	var out []Person
	for i := range actors {
		out = append(out, person(&actors[i]))
	}
	return out
}

func texts[T ~string](values []T) []string {
	var out []string
	for _, v := range values {
		out = append(out, string(v))
	}
	return out
}

// number turns an optional number of any sort into an optional float64.
func number[T ~int | ~int64 | ~float64](n *T) *float64 {
	if n == nil {
		return nil
	}
	return new(float64(*n))
}

func whenText(w *events.When) string {
	if w == nil {
		return ""
	}
	return w.String()
}

// moment is a time of day that is known, in UTC; a bare date is not one.
func moment(w *events.When) *time.Time {
	if w == nil || w.Day {
		return nil
	}
	return new(w.Time.UTC())
}

func link(l *events.Link) events.Link {
	if l == nil {
		return events.Link{}
	}
	return *l
}

// names reports whether a link means the record behind a fact. A link that gives
// no source means the id, whoever's it is: within a story that is unambiguous,
// and gates are run by another program than the one that declares a bypass.
func names(l events.Link, f Fact) bool {
	return l.ID != "" && l.ID == f.ID && (l.Source == "" || l.Source == f.Source)
}

// before is the order of a story.
func before(a, b Fact) bool {
	if c := a.At.Compare(b.At); c != 0 {
		return c < 0
	}
	return a.Position < b.Position
}

// earliest keeps the first of two facts.
func earliest(have *Fact, f Fact) *Fact {
	if have == nil || before(f, *have) {
		return &f
	}
	return have
}

func addOnce[T comparable](list []T, value T) []T {
	var zero T
	if value == zero || slices.Contains(list, value) {
		return list
	}
	return append(list, value)
}

// positions lists the positions of facts, ascending and each once.
func positions(facts ...*Fact) []int64 {
	var out []int64
	for _, f := range facts {
		if f != nil {
			out = append(out, f.Position)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// production reports whether rates count what happened there. A record that
// names no environment is taken to mean production.
func production(environment string) bool {
	return environment == "" || environment == "production" || environment == "prod"
}
