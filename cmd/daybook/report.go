package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/daybookhq/daybook/events/client"
)

// formats of a document, and their media types.
var formats = map[string]string{"md": "text/markdown", "html": "text/html", "json": client.TypeJSON}

func newReportCmd() *cobra.Command {
	var out, format, asOf, at, zone string
	cmd := &cobra.Command{
		Use:   "report KIND ID",
		Short: "Print a document: postmortem, followup or emergencies",
		Long: `Report posts a document from the trail, as Markdown (or HTML, or its figures as
JSON). Every line of fact names the events behind it, and the footer says from
which prefix of the trail it was made: the same prefix gives the same bytes.

  postmortem INC-7       what happened in an incident or emergency
  followup EM-12         what an emergency still owes: gates to run, documents
  emergencies 2026-03    the emergencies of a month`,
		Example: `  daybook report postmortem INC-7 -o postmortem-INC-7.md
  daybook report followup EM-12 --at 2026-03-15T20:30:00Z
  daybook report emergencies 2026-03 --zone Asia/Kolkata --format html -o march.html`,
		Args: arguments(2, 2, "a KIND and an ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if format == "" {
				format = "md"
				if ext := strings.TrimPrefix(filepath.Ext(out), "."); formats[ext] != "" {
					format = ext
				}
				if settingsOf(cmd).JSON {
					format = "json"
				}
			}
			if formats[format] == "" {
				return usagef("--format: %q is neither md, html nor json", format)
			}
			q := url.Values{"format": {format}}
			for name, v := range map[string]string{"as-of": asOf, "at": at, "zone": zone} {
				if v != "" {
					q.Set(name, v)
				}
			}
			var doc []byte
			err := with(cmd, true, func(ctx context.Context, c *session) error {
				resp, err := c.Do(ctx, client.Request{
					Path: "/v1/reports/" + url.PathEscape(args[0]) + "/" + url.PathEscape(args[1]), Query: q, Accept: formats[format],
				})
				if err != nil {
					return err
				}
				defer resp.Body.Close()
				doc, err = io.ReadAll(resp.Body)
				return err
			})
			if err != nil {
				return err
			}
			if out != "" {
				if err := replaceFile(out, doc, 0o644); err != nil {
					return err
				}
				fmt.Fprintf(cmd.ErrOrStderr(), "wrote %s\n", out)
				return nil
			}
			w := cmd.OutOrStdout()
			if isTerminal(w) {
				_, err = io.WriteString(w, cleanLines(string(doc)))
			} else {
				_, err = w.Write(doc)
			}
			return err
		},
	}
	f := cmd.Flags()
	f.StringVarP(&out, "output", "o", "", "file to write the document to, instead of printing it")
	f.StringVar(&format, "format", "", "md, html or json; default by the name of --output, else md")
	f.StringVar(&asOf, "as-of", "", "only what was recorded by this time, or the first N events")
	f.StringVar(&at, "at", "", "the time that counts as now, for what is open or overdue")
	f.StringVar(&zone, "zone", "", "time zone to print beside UTC, as in Asia/Kolkata")
	return cmd
}

// replaceFile writes a file whole or not at all, whoever else does so too.
func replaceFile(path string, b []byte, mode os.FileMode) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".daybook-*")
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("writing %s: %w", path, err), os.Remove(f.Name()))
		}
	}()
	if _, err = f.Write(b); err != nil {
		f.Close()
		return err
	}
	if err = errors.Join(f.Chmod(mode), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
