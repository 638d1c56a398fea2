package handlers

import (
	"encoding/json"
	"net/http"

	"github.com/daybookhq/daybook/events/client"
	"github.com/daybookhq/daybook/reports"
)

// formats are the forms a document can be had in, by ?format= and by media type.
var formats = map[string]string{"md": "text/markdown", "html": "text/html", "json": client.TypeJSON}

// getReport writes a document. Its ETag names everything the document depends
// on, so a reader who has it is told so without it being sent again.
func (a *api) getReport(w http.ResponseWriter, r *http.Request) error {
	if a.Reports == nil {
		return unavailable("documents")
	}
	p := parametersOf(r)
	format, zone, names, at := p.text("format"), p.text("zone"), p.yes("names"), p.moment("at")
	pre, err := a.prefix(r, p)
	if e := p.done(); e != nil {
		return e
	}
	if err != nil {
		return err
	}
	media := formats[format]
	if format == "" {
		media = accepted(r, "text/markdown", "text/html", client.TypeJSON)
		if media == "" {
			return notAcceptable("text/markdown", "text/html", client.TypeJSON)
		}
	} else if media == "" {
		return badParameter("format", "%q is neither md, html nor json", format)
	}
	if at.IsZero() {
		at = pre.at
	}
	doc, err := a.Reports.Render(r.Context(), reports.Request{
		Kind: r.PathValue("kind"), ID: r.PathValue("id"), Size: pre.orAll(), At: at, Zone: zone, Names: names,
	})
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Cache-Control", "private, no-cache")
	h.Set("Vary", "Accept, Authorization")
	// One document in three forms is three representations.
	etag := doc.ETag[:len(doc.ETag)-1] + "-" + media[len(media)-4:] + `"`
	switch media {
	case "text/html":
		h.Set("Content-Type", "text/html; charset=utf-8")
		h.Set("Content-Security-Policy", reports.ContentSecurityPolicy()+"; frame-ancestors 'none'; sandbox allow-top-navigation-by-user-activation")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		return conditional(w, r, etag, reports.HTML(doc.Markdown))
	case client.TypeJSON:
		b, err := json.Marshal(doc.Model)
		if err != nil {
			return err
		}
		h.Set("Content-Type", client.TypeJSON)
		return conditional(w, r, etag, b)
	}
	h.Set("Content-Type", "text/markdown; charset=utf-8")
	return conditional(w, r, etag, doc.Markdown)
}
