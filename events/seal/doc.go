// Package seal makes a sequence of records tamper-evident: an RFC 6962 Merkle
// tree over their bytes, kept as tiles of 256 hashes, and checkpoints (C2SP
// signed notes over origin, size and root) that commit to all of a prefix.
//
// It promises that a root computed here equals the one any other RFC 6962
// implementation computes from the same bytes, and that [OpenCheckpoint] and
// [Keyring.Open] return nothing a holder of the key did not sign. A proof that
// [CheckInclusion] takes shows that a record is at a position under a root; one
// that [CheckConsistencyProof] takes, that a tree continues an earlier one.
//
// What that proves to whom: whoever knows the public key and holds a checkpoint
// can tell, from a database that they do not trust, that every record up to it is
// there, unchanged and in order. Against somebody with the database alone, the
// public key is enough, but for a tail that was cut off. Against somebody who has
// the signing key too, only a checkpoint helps that somebody else holds: they can
// sign a different history, but not one that continues it.
//
// What it does not prove: that producers recorded all that happened, or told the
// truth; who used a key that was stolen; anything behind the newest checkpoint
// that somebody else holds; and that an extract leaves nothing out. PROOFS.md,
// beside this file, says all of it in plain words.
//
// It does no I/O beyond key files, and knows neither SQL nor HTTP.
package seal
