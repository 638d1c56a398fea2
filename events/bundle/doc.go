// Package bundle writes and checks extracts of a trail that prove themselves:
// one file with events as they were recorded, the proof of each, what was asked
// for, and what the extract covers. FORMAT.md says what stands on each line; the
// file itself says how to check it by hand.
//
// [Export] writes a bundle and [Verify] checks one, both in one pass and in
// memory that does not grow with it. The same request over the same prefix of
// the trail gives the same bytes up to the receipt, on either database. Verify
// needs nothing but the log's public key. It trusts no byte of the file, and
// names the first line that does not hold.
//
// What a bundle proves, and what not:
//
//   - each event in it is in the log, at its position, byte for byte;
//   - the ledger itself wrote down, in the log, that it gave out exactly these
//     bytes as its answer to exactly this question;
//   - that the ledger answered truly, and left nothing out that was asked for,
//     is not proved by it, except where the bundle holds the whole prefix: then
//     nothing can be missing.
package bundle

import _ "embed"

// Keywords of the lines of a bundle.
const (
	kwKey         = "key"
	kwRotation    = "rotation"
	kwAsked       = "asked"
	kwCheckpoint  = "checkpoint"
	kwCosigned    = "cosigned"
	kwConsistency = "consistency"
	kwEvent       = "event"
	kwErased      = "erased"
	kwAmends      = "amends"
	kwGap         = "gap"
	kwProof       = "proof"
	kwSource      = "source"
	kwCoverage    = "coverage"
	kwReceipt     = "receipt"
	kwSealed      = "sealed"
)

// Magic is the first line of every bundle.
const Magic = "daybook bundle v1"

// preamble is what a bundle begins with: the first line, and how to check the
// file by hand. It is part of the format: a file that says it otherwise could
// lead its reader astray.
//
//go:embed preamble.txt
var preamble string

// Limits of a bundle. What the ledger keeps is far below them.
const (
	MaxLineBytes     = 160 << 10 // one line
	maxRotationBytes = 8 << 20   // all rotations of the key together
	maxSources       = 4096      // sources that are counted by themselves
	maxAmendments    = 1000      // corrections and the like shown for one event
	maxPosition      = 1 << 62
)
