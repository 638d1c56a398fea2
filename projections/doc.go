// Package projections posts the trail's events to tables that people and
// programs read: stories, the emergency register, changes, the escape hatch,
// incidents and stages.
//
// The [Runner] reads the trail in order, in batches, and keeps for each
// projection a checkpoint: the size of the prefix its rows stand for. Rows and
// checkpoint move in one transaction, and the checkpoint only from where it was
// read, so that with any number of nodes, redelivered hints and kills at any
// instant the rows equal a fold of the prefix from zero.
//
// What the folds compute lives in package fold; this package decides which
// events a fold sees, in which order, and keeps the result. An event that is
// the newest of its story is applied to what is kept; one that comes late, a
// correction, and a key that turns out to belong to the story make the story be
// folded again from its events.
//
// Tables are plain SQL for anyone to query, described in TABLES.md. A table is
// named for its projection's version (stories_v100) and a view without it
// (stories) points at the newest that has caught up. A new version is built
// beside the old, which other nodes may still be writing and reading.
//
// A projection that cannot take an event, or cannot write, stops alone. Its
// status says so, and it is tried again with growing pauses.
//
// Nothing here is truth: every row can be dropped and built again.
package projections
