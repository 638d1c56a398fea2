// Package ingest is the ledger's door on the broker: CloudEvents published to
// daybook.ingest.> are recorded by a durable consumer, with the checks of the
// HTTP API.
//
// # Publishing
//
// The token after daybook.ingest. names the writer: what comes on
// daybook.ingest.ci.build is recorded with the ledgerwriter nats/ci. Who may
// publish where is the broker's to say, by its permissions. Writers are
// recorders: policies, findings, redactions and what only the ledger writes are
// not taken here.
//
// A message is one structured event (application/cloudevents+json, or JSON
// without a content type), a JSON array of them
// (application/cloudevents-batch+json), or one binary event: its attributes in
// ce-* headers, percent-encoded as in HTTP, its data the payload. With its
// headers it may have 192 KiB.
//
// # What is promised
//
// The broker's own acknowledgement says that the message is queued. It stays
// queued until its events are durable in the trail and under a signed
// checkpoint, whatever dies meanwhile; by source and id each is recorded once,
// however often it is delivered. Who wants to know names a reply subject that
// begins with _INBOX in the header Daybook-Reply: there comes, when everything
// is settled, the JSON that HTTP answers a batch with (client.Summary). It may
// come more than once.
//
// What cannot be recorded goes to daybook.dead.ingest.<rest of the subject>,
// payload as it came; of a batch each refused element for itself. Its headers
// say why: Daybook-Outcome (refused, denied or conflict), Daybook-Reason,
// Daybook-Field, Daybook-Subject, Daybook-Sequence and Daybook-Time of the
// message, Daybook-Index in a batch, and each header that it had under
// Daybook-Header-<name>. Only when it is safely there is the message let go of;
// meanwhile those behind it go on. Dead letters are never removed from here: a
// full stream of them holds messages back rather than lose one.
package ingest
