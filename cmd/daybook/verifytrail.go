package main

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/daybookhq/daybook/events/seal"
	"github.com/daybookhq/daybook/events/trail"
)

// verifyTrail verifies the trail that the settings mean and prints the report.
func verifyTrail(cmd *cobra.Command, s settings, vo trail.VerifyOptions) error {
	if s.Server != "" {
		return usagef("verify reads the database itself, since a server could say anything; leave --server out")
	}
	if err := s.exists(); err != nil {
		return err
	}
	collectLess()
	bar := verifyBar(cmd)
	phase := ""
	vo.Progress = func(now string, done, total int64) {
		if now != phase {
			phase = now
			bar.Describe("verifying " + now)
		}
		if total > 0 {
			bar.ChangeMax64(total)
		} else {
			bar.ChangeMax64(done)
		}
		bar.Set64(done)
	}
	report, err := trail.Verify(cmd.Context(), trailOptions(s, slog.New(slog.DiscardHandler)), vo)
	bar.Finish()
	if err != nil {
		return err
	}
	if s.JSON {
		err = printJSON(cmd.OutOrStdout(), report)
	} else {
		var b bytes.Buffer
		report.WriteTo(&b)
		_, err = io.WriteString(cmd.OutOrStdout(), cleanLines(strings.TrimRight(b.String(), "\n"))+"\n")
	}
	if err != nil {
		return err
	}
	if !report.OK() {
		return notHeld("the trail is not what was recorded; the first bad position is #%d", report.FirstBad())
	}
	return nil
}

// savedElsewhere reads the checkpoints in files, and in the files of
// directories: all that are not hidden. One that is there several times is
// looked at once.
func savedElsewhere(names []string) ([]trail.Elsewhere, error) {
	var files []string
	for _, name := range names {
		info, err := os.Stat(name)
		if err != nil {
			return nil, fmt.Errorf("reading saved checkpoints: %w", err)
		}
		if !info.IsDir() {
			files = append(files, name)
			continue
		}
		entries, err := os.ReadDir(name)
		if err != nil {
			return nil, fmt.Errorf("reading saved checkpoints: %w", err)
		}
		before := len(files)
		for _, e := range entries {
			if e.Type().IsRegular() && !strings.HasPrefix(e.Name(), ".") {
				files = append(files, filepath.Join(name, e.Name()))
			}
		}
		if len(files) == before {
			return nil, fmt.Errorf("there is no saved checkpoint in the directory %s", name)
		}
	}
	var saved []trail.Elsewhere
	seen := map[string]bool{}
	for _, name := range files {
		b, err := readSmall(name, seal.MaxSavedBytes)
		if err != nil {
			return nil, fmt.Errorf("reading saved checkpoints: %w", err)
		}
		notes, err := seal.SplitCheckpoints(b)
		if err != nil {
			return nil, fmt.Errorf("%s does not hold saved checkpoints: %w", name, err)
		}
		for i, note := range notes {
			if seen[string(note)] {
				continue
			}
			seen[string(note)] = true
			from := name
			if len(notes) > 1 {
				from = fmt.Sprintf("number %d in %s", i+1, name)
			}
			saved = append(saved, trail.Elsewhere{From: from, Note: note})
		}
	}
	return saved, nil
}
