package projections

import (
	"encoding/hex"

	"github.com/daybookhq/daybook/events"
)

// identityOf reads an identity as the index writes it.
func identityOf(s string) (events.Identity, bool) {
	var id events.Identity
	if hex.DecodedLen(len(s)) != len(id) {
		return id, false
	}
	_, err := hex.Decode(id[:], []byte(s))
	return id, err == nil
}
