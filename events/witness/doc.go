// Package witness is both ends of C2SP tlog-witness: it asks witnesses to
// co-sign the checkpoints of a trail, and it is a witness for others' logs.
//
// A witness remembers the largest checkpoint of a log that it has seen and
// signs only what continues it. Who trusts enough witnesses not to plot with
// the log need not trust the log to show everybody the same history. How many
// of which are enough is a policy, in the C2SP tlog-policy format.
//
// The asking side, [Rounds], asks all witnesses of a policy for the newest
// checkpoint, verifies what they answer, keeps it as rows beside the trail, and
// writes a refusal into the trail as witness.refused. What it shows to others,
// [Rounds.Published], is the newest checkpoint that satisfies the policy.
//
// The other side, a [Server], co-signs for the logs that it is told of. It
// promises that whatever it has signed is in its state before anybody learns of
// it, so that it never signs two roots for one size of a log, nor a smaller
// size after a larger one, however often it is killed in between. Two signed
// checkpoints that contradict each other are kept as evidence, for ever.
//
// Signatures are made and checked, and policies evaluated, by
// github.com/transparency-dev/formats, which logs and witnesses of others use.
package witness
