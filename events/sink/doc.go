// Package sink sends a log's newest signed checkpoint to places that whoever
// runs the log's database does not control, and reads it back from there.
//
// A place is a [Sink]: a file, a directory, an HTTP resource or a NATS subject.
// A [Sender] brings the newest checkpoint to all of them, off the path of
// appends, again and again until each has it.
//
// It promises that a sink that can be read is never made to forget: a
// checkpoint that is there already and is larger than the log, or that the log
// does not continue, is left where it is. Such a checkpoint says that the
// database was rolled back or rewritten, so it is reported until somebody
// resolves it. A sink that can only be written is trusted to keep what it got.
package sink
