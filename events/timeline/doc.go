// Package timeline reads and writes the plain text in which a person writes an
// incident down while it is going on:
//
//	@ incident=INC-7 zone=UTC
//	2019-07-02 13:42  change.shipped change=waf-rule environment=production
//	13:45  incident.detected detected_by=alert | first page
//	14:02  we think it is the firewall, not an attack
//	~14:07 killswitch.engaged flag=waf environment=production actor=u-9 intent=deliberate
//
// [Parse] turns each line into an event or into an error that names the line;
// it drops nothing silently. [Format] writes events as lines that read back as
// the same events, byte for byte. A [Builder] reads the same words for a
// command line.
//
// # Grammar
//
//	file      = { line "\n" }
//	line      = blank | "#" anything | "@" { default } | date | event | more
//	default   = "zone=" zone | "date=" date | attribute "=" [ value ]
//	event     = [ "~" ] time [ type ] { field } [ "|" text ]
//	          | [ "~" ] time text
//	more      = "|" text
//	time      = date ( "T" | " " ) clock [ offset ] | clock [ offset ]
//	date      = YYYY-MM-DD
//	clock     = HH:MM [ ":" SS [ "." digits ] ]
//	offset    = "Z" | ( "+" | "-" ) HH:MM
//	field     = name "=" value | name ":=" JSON
//	name      = word | JSON string
//	value     = item { "," item } | JSON object | JSON list
//	item      = word | JSON string
//
// Words end at a space or tab. FORMAT.md beside this file explains each rule
// with examples, which a test reads.
//
// # Identity
//
// A line without id= gets one made from everything it says, so that the same
// file taken in twice gives the same events, and a line repeated within a file
// is told apart by how often it stood before.
//
// The package does no I/O but reading the given reader.
package timeline
