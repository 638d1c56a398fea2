// Package cloudevent reads the forms in which CloudEvents travel besides one
// structured event, for every way in alike: whichever door an event takes, the
// same content becomes the same bytes, and is a duplicate of itself.
//
// Errors are refusals of package events. It does no I/O.
package cloudevent
