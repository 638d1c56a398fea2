// Package story reads the events that belong together out of a trail, as they
// stand after every correction known in the prefix that is read.
//
// # Which events belong to a story
//
// The root of a story is one key, such as incident/INC-7. To it belong:
//
//   - the events that carry the root key;
//   - where the root names one thing that happens once (an incident, an
//     emergency, a change, a rollback, an approval, a postmortem, a drill) or a
//     rollout: the events that carry a change, emergency, incident, rollback,
//     approval or postmortem key found on those (one hop);
//   - the events that carry an approval or rollback key found on the events of
//     that hop (a second hop, for these two kinds only).
//
// Keys that many stories share (service, environment, region, flag, gate,
// cohort, stage, hatch, actor) never lead from one event to another, and as a
// root lead no further than their own events. Nothing is joined because it
// happened at about the same time.
//
// What only a causationid or a link in the data connects is not part of a
// story: folds count by equal keys alone. [Linked] finds it for a timeline.
//
// # Corrections
//
// A correction (event.corrected) names one record by source and id and gives
// new values for its time, actor, correlation keys, subject, causationid or
// fields of its data; null takes a value away. Corrections are merged field by
// field: the one at the highest position that names a field wins. A retraction
// (event.retracted) takes a record out of every fold; documents still show it.
//
// Both are records themselves, so both can be corrected and retracted, to any
// depth; a retracted retraction leaves the record standing. A correction may be
// recorded before its target. It cannot change what it corrects: retract it and
// record another. Where corrections name each other in a circle, none acts on
// itself. A value that does not fit (a time that is not RFC 3339, a key that is
// not text) changes nothing.
//
// Only what is recorded below the given size counts, so the same prefix always
// gives the same story. The package never writes.
package story
