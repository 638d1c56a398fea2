package timeline

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"

	"github.com/daybookhq/daybook/events"
)

// ContentID is the id that an event gets from a line that gives none.
func ContentID(e events.Event) (string, error) {
	e.ID = noID
	e, err := e.Checked()
	if err != nil {
		return "", err
	}
	return contentID(&e, 0), nil
}

// noID stands for the id while it is not known.
const noID = "-"

// contentID names an event, whose id is noID, by what it says. Of events that
// say the same, the later ones in a file are told apart by n.
func contentID(e *events.Event, n int) string {
	content := e.Body()
	if n > 0 {
		content = strconv.AppendInt(slices.Clone(content), int64(n), 10)
	}
	sum := sha256.Sum256(content)
	return "t-" + hex.EncodeToString(sum[:10])
}
