package main

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"

	"github.com/daybookhq/daybook/events/client"
)

// A demoDocument is one document and the moment from which its reader looks:
// the same record read today would show every open duty as months overdue.
type demoDocument struct {
	kind, id string
	at       string // RFC 3339
	zone     string
	reader   string // who reads it, and when
}

var demoDocuments = []demoDocument{
	{"postmortem", "INC-2019-07-02", "2019-07-03T09:00:00Z", "", "as its reader would see it on the morning after"},
	{"followup", "EM-12", "2026-03-15T20:30:00Z", "Asia/Kolkata", "as its reader would see it 26 hours after the fix shipped"},
	{"emergencies", "2026-03", "2026-04-01T06:00:00Z", "", "as its reader would see it on the first of April"},
}

func (r demoDocument) file() string {
	return r.kind + "-" + r.id
}

// render prints each document and keeps it in --output as Markdown and HTML.
func (d *demo) render(ctx context.Context, c *client.Client) error {
	if err := os.MkdirAll(d.dir, 0o755); err != nil {
		return fmt.Errorf("making a directory for the documents: %w", err)
	}
	for _, r := range demoDocuments {
		var md []byte
		for _, format := range []string{"md", "html"} {
			text, err := r.fetch(ctx, c, format)
			if err != nil {
				return fmt.Errorf("the document %s %s: %w", r.kind, r.id, err)
			}
			if err := replaceFile(filepath.Join(d.dir, r.file()+"."+format), text, 0o644); err != nil {
				return fmt.Errorf("keeping the document %s %s: %w", r.kind, r.id, err)
			}
			if format == "md" {
				md = text
			}
		}
		heading := fmt.Sprintf("── %s.md, %s ", filepath.Join(d.dir, r.file()), r.reader)
		fmt.Fprintf(d.out, "\n%s\n\n", paint(d.out, faint, heading))
		if err := printMarkdown(d.out, md); err != nil {
			return err
		}
	}
	fmt.Fprintf(d.out, "\n%s\n", paint(d.out, faint, "──"))
	fmt.Fprintf(d.out, "The three documents are in %s, as Markdown and HTML.\n", d.dir)
	return nil
}

func (r demoDocument) fetch(ctx context.Context, c *client.Client, format string) ([]byte, error) {
	q := url.Values{"format": {format}, "at": {r.at}}
	if r.zone != "" {
		q.Set("zone", r.zone)
	}
	resp, err := c.Do(ctx, client.Request{Path: "/v1/reports/" + r.kind + "/" + r.id, Query: q, Accept: "*/*"})
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	return io.ReadAll(resp.Body)
}
