// Package seal makes a sequence of records tamper-evident: an RFC 6962 Merkle
// tree over their bytes, kept as tiles of 256 hashes, and checkpoints (C2SP
// signed notes over origin, size and root) that commit to all of a prefix.
//
// It promises that a root computed here equals the one any other RFC 6962
// implementation computes from the same bytes, and that [OpenCheckpoint]
// returns nothing a holder of the key did not sign.
//
// It does no I/O beyond key files, and knows neither SQL nor HTTP. Whoever
// holds the signing key can sign a different history: what makes a rewritten
// trail detectable is a checkpoint that somebody else holds.
package seal
