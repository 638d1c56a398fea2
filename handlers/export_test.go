package handlers

import (
	"github.com/daybookhq/daybook/handlers/access"
	"github.com/daybookhq/daybook/handlers/cloudevent"
)

// A RouteInfo is what tests need to know of a route.
type RouteInfo struct {
	Method, Path string
	Need         access.Need
}

// Routes lists the whole API.
func Routes() []RouteInfo {
	var out []RouteInfo
	for _, r := range routes() {
		out = append(out, RouteInfo{r.method, r.path, r.need})
	}
	return out
}

var (
	DecodeBinary = cloudevent.Binary
)

const (
	PieceBytes   = pieceBytes
	MaxLineBytes = maxLineBytes
	MaxRefusals  = maxRefusals
	MaxListed    = maxListed
)
