package handlers

import (
	"fmt"
	"mime"
	"net/http"
	"strconv"
	"strings"
)

// accepted returns which of the offered media types the caller likes best, the
// first offered of those liked equally, or "" if none.
func accepted(r *http.Request, offered ...string) string {
	header := strings.Join(r.Header.Values("Accept"), ",")
	if strings.TrimSpace(header) == "" {
		return offered[0]
	}
	best, bestQ := "", 0.0
	for _, offer := range offered {
		if q := quality(header, offer); q > bestQ {
			best, bestQ = offer, q
		}
	}
	return best
}

// quality is how much a header likes a media type; the most specific range counts.
func quality(header, offer string) float64 {
	q, specific := 0.0, -1
	kind, _, _ := strings.Cut(offer, "/")
	for part := range strings.SplitSeq(header, ",") {
		media, params, err := mime.ParseMediaType(part)
		if err != nil {
			continue
		}
		how := -1
		switch media {
		case offer:
			how = 2
		case kind + "/*":
			how = 1
		case "*/*":
			how = 0
		}
		if how <= specific {
			continue
		}
		specific, q = how, 1
		if v, ok := params["q"]; ok {
			if q, err = strconv.ParseFloat(v, 64); err != nil || q < 0 || q > 1 {
				q = 0
			}
		}
	}
	return q
}

func notAcceptable(offered ...string) error {
	return &fault{status: http.StatusNotAcceptable, field: "Accept", detail: fmt.Sprintf("this can be had as %s", strings.Join(offered, ", "))}
}
