package trail

import (
	"errors"
	"fmt"
)

// What can go wrong with an append or a read. Use errors.Is.
var (
	// ErrClosed: the trail is closed, or closing.
	ErrClosed = errors.New("the trail is closed")

	// ErrUnavailable: the database could not be reached or took nothing.
	// Nothing was recorded; the same call may be repeated.
	ErrUnavailable = errors.New("the trail's database is unavailable; nothing was recorded, repeat the request")

	// ErrFull: there is no room left for the database. Nothing was recorded and
	// nothing was lost; when there is room again, the same call works.
	ErrFull = errors.New("no room left on the database's disk; nothing was recorded and nothing is lost, free some space and repeat the request")

	// ErrUnknown: the database went away while committing and has not come
	// back, so whether the events are recorded is not known. Repeating the call
	// is safe: what was recorded is then a duplicate.
	ErrUnknown = errors.New("the database went away during the commit; repeat the request, what was recorded will be a duplicate")

	// ErrStopped: the trail found something that must not be, and takes no
	// more appends until it is opened again.
	ErrStopped = errors.New("the trail has stopped taking events; run `daybook verify`")

	// ErrReadOnly: it was opened for reading only.
	ErrReadOnly = errors.New("the trail is open for reading only")

	// ErrNotFound: there is no event at that position.
	ErrNotFound = errors.New("no such event")
)

// classified joins one of the errors above with the database's own.
type classified struct {
	class error
	err   error
}

func (c *classified) Error() string   { return fmt.Sprintf("%v (%v)", c.class, c.err) }
func (c *classified) Unwrap() []error { return []error{c.class, c.err} }

// fault says how a database error bears on the pool in which it happened.
type fault int

const (
	faultOther fault = iota // fails the pool
	faultAway               // the database cannot be reached or is busy: try again
	faultFull               // no room
	faultData               // it refused what was written: some event may be at fault
)
