// Package events is the vocabulary of the ledger: what an event looks like,
// which types there are, what each one means, and how foreign bytes become
// one without a second reading.
//
// An event is a CloudEvents 1.0 event in JSON. [Parse] reads it strictly:
// duplicate names, invalid UTF-8, trailing bytes and ledger* attributes from
// outside are refused, because two readers must never see two meanings. What
// is not refused is kept, unknown types and misfitting data included: a
// ledger that turns records away teaches people to keep them elsewhere.
//
// A recorded event is the same event with the four attributes that only the
// ledger sets (position, time of acceptance, writer, salt), serialised once by
// [Event.Record]. Those bytes are stored, served, published and hashed; nothing
// ever serialises them again. [ParseRecorded] reads them back.
//
// # The catalogue
//
// The types are Go structs, a file for each family: [EmergencyDeclared],
// [FlagFlipped], [KillswitchEngaged]. Their tags and the table beside them are
// the one source of what a type means and carries; [Catalogue], [Schema],
// [Missing], CATALOGUE.md and the commands are made from it. [DataOf] reads an
// event's data field by field and never fails: what does not fit is absent, and
// named. What joins events (correlation keys) and who did it stand in
// attributes, everything else in data.
//
// What an organisation expects of itself is an event as well: [PolicySet],
// whose values [DefaultPolicy] explains.
//
// The package does no I/O and imports nothing else of this module.
package events
