// Package trail is the append-only store of the ledger, over SQLite or
// Postgres: append, read in order, query, prove.
//
// It promises, on both databases alike:
//
//   - an event that [Trail.Append] has answered for is in the trail, at its
//     position, with its bytes, durably, and under a signed checkpoint;
//   - positions are 0, 1, 2 … in the order of commit, with no gap and no reuse,
//     however many callers and servers write;
//   - ledger time never runs backwards along positions;
//   - the same source and id with the same content is recorded once, however
//     often it is sent; with other content the first is kept, and the ledger
//     says so in a conflict.observed.
//
// It never changes or removes what it holds, but that [Trail.Redact] can erase
// what an event says: the ledger first records which and why, and the place and
// the hash stay. Readers get such an event with its Erased set and nothing else;
// the log's entry bundles hold an empty entry for it. [Verify] recomputes everything
// from the stored bytes and names the first position that does not fit.
package trail
