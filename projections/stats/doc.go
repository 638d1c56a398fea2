// Package stats holds the statistics that small counts and short lists of
// durations can honestly bear: exact intervals, tail probabilities, and
// percentiles that are actual observations.
//
// Every function is pure. Where the data cannot carry an answer (no exposure,
// too few values) it says so with a false second result; it never returns zero
// for unknown.
package stats
