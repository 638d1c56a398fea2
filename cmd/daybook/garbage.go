package main

import (
	"os"
	"runtime/debug"
)

// collectLess lets the garbage of a server, or of verifying a trail, grow to three
// times what is in use before it is collected, unless GOGC says otherwise. What
// is in use is some tens of megabytes whatever the trail's size, and collecting it
// as often as Go does by itself took a tenth of the processor while appending or
// verifying. GOMEMLIMIT still holds.
func collectLess() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(300)
	}
}
