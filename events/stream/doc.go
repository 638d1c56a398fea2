// Package stream carries news of the trail: watermill over NATS JetStream.
//
// The trail is the truth and the stream is only told about it. A relay, one at
// a time, reads committed events in order and publishes the bytes that were
// recorded on daybook.events.<subject>.<predicate>; handlers on a watermill
// router learn from it that there is something to read, and read it from the
// trail. Nothing lives only in the stream: positions are kept in SQL, so a
// stream that is purged, replaced or unreachable costs time and loses nothing.
// What is published twice is harmless.
//
// # Streams
//
//	DAYBOOK_EVENTS  daybook.events.>  the news; old messages make room for new ones
//	DAYBOOK_INGEST  daybook.ingest.>  what producers send in; kept until recorded, a full stream refuses
//	DAYBOOK_DEAD    daybook.dead.>    what was refused on the way in, with the reason; a full stream refuses
//	DAYBOOK_POISON  daybook.poison.>  news that a handler can never take
//
// They live in a nats-server inside this process, which listens on no port, or
// on the JetStream servers of [Options.NATSURL]. A stream that exists keeps the
// limits and replicas that an operator gave it.
//
// # Order and repetition
//
// Each message says what the stream must end with before it. A relay that was
// replaced while it slept is therefore refused by the stream itself, and a
// message that went missing on the way stops those behind it: the stream holds
// events in the order of the trail, without a gap. Events repeat after the
// stream was purged or lost its tail, and after a stranger wrote to it.
//
// # What this package never does
//
// It never decides what is true, never keeps the only copy of anything, never
// deletes a durable consumer on closing, and never calls a message poisoned
// because the process is stopping.
package stream
