// Package fold turns the events of a story into what people ask about it: how
// an emergency was approved and what is still owed, where an incident's time
// went, how long decisions took, how often the escape hatch was used.
//
// A fold is a plain struct with an Apply method. It promises:
//
//   - It is pure: no clock, no I/O, no randomness. What depends on "now" (open,
//     overdue, at least so long) is a method that takes the time.
//   - Its state is plain JSON: a fold that is stored after any event, loaded and
//     carried on gives what one pass over all events gives.
//   - It never fails on input. A field of the wrong shape is absent and leaves a
//     [Problem]; an event it has no use for changes nothing.
//   - Every fact in it remembers the positions it rests on.
//   - Unknown is a reason in words, never zero.
//
// Feed a fold the events of one story in the order of (when it happened,
// position), corrected, as [Story] holds them; see [Sort]. When an event
// arrives late or is corrected, fold its story again from the start.
//
// METRICS.md beside this file defines every metric.
package fold
