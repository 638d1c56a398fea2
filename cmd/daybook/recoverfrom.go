package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/daybookhq/daybook/events/stream"
	"github.com/daybookhq/daybook/events/trail"
)

const fromStream = "stream"

// gatherTails reads all places that events may be found in. One that was named
// and cannot be read is an error; the stream that was not is left out.
func gatherTails(cmd *cobra.Command, s settings, r *trail.Recovery, o recoverOptions, out *recovered) error {
	from, named := o.from, true
	if len(from) == 0 {
		from, named = []string{fromStream}, false
	}
	for _, place := range from {
		err := gatherTail(cmd, s, r, place, out)
		if err != nil && (named || cmd.Context().Err() != nil) {
			return err
		}
		if err != nil {
			out.Warnings = append(out.Warnings, err.Error())
		}
	}
	return nil
}

func gatherTail(cmd *cobra.Command, s settings, r *trail.Recovery, place string, out *recovered) (err error) {
	tail, done, err := openTail(cmd.Context(), s, r.Trail().Origin(), place)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, done()) }()
	src := recoverSource{Name: tail.Name()}
	bar := recoverBar(cmd, "reading "+tail.Name())
	defer bar.Finish()
	src.Strange, err = r.Gather(cmd.Context(), tail, func(found int64) { src.Found = found; bar.Set64(found) })
	if err == nil {
		out.Sources = append(out.Sources, src)
	}
	return err
}

// openTail finds out what a place is. done closes it.
func openTail(ctx context.Context, s settings, origin, place string) (tail trail.Tail, done func() error, err error) {
	nothing := func() error { return nil }
	if place == fromStream {
		return openStream(ctx, s, origin)
	}
	if strings.HasPrefix(place, "postgres://") || strings.HasPrefix(place, "postgresql://") {
		return openCopy(ctx, trail.Options{DatabaseURL: place, DataDir: s.DataDir}, "the other database", origin)
	}
	info, err := os.Stat(place)
	switch {
	case err != nil:
		return nil, nil, fmt.Errorf("--from: %w", err)
	case !info.IsDir():
		if filepath.Base(place) == trail.DatabaseFile {
			return nil, nil, usagef("--from: %s is a database; name the data directory that it is in", place)
		}
		return trail.TailOfFile(place), nothing, nil
	case exists(filepath.Join(place, trail.DatabaseFile)):
		return openCopy(ctx, trail.Options{DataDir: place}, "the copy in "+place, origin)
	case exists(filepath.Join(place, "checkpoint")):
		return trail.TailOfTiles(place), nothing, nil
	}
	return nil, nil, usagef("--from: %s holds neither a database (%s) nor a log as files (checkpoint, tile/…)", place, trail.DatabaseFile)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func openCopy(ctx context.Context, o trail.Options, name, origin string) (trail.Tail, func() error, error) {
	o.ReadOnly, o.Logger = true, slog.New(slog.DiscardHandler)
	t, err := trail.Open(ctx, o)
	if err != nil {
		return nil, nil, fmt.Errorf("--from: open %s: %w", name, err)
	}
	if t.Origin() != origin {
		return nil, nil, errors.Join(fmt.Errorf("--from: %s is the log %q, not %q", name, t.Origin(), origin), t.Close())
	}
	return trail.TailOfTrail(name, t), t.Close, nil
}

func openStream(ctx context.Context, s settings, origin string) (trail.Tail, func() error, error) {
	dir := stream.EmbeddedDir(s.DataDir)
	if _, err := os.Stat(dir); s.NATSURL == "" && errors.Is(err, fs.ErrNotExist) {
		return nil, nil, fmt.Errorf("there is no stream in %s; name a broker with --nats-url, or another place with --from", s.DataDir)
	}
	b, err := stream.OpenBroker(ctx, stream.BrokerOptions{
		NATSURL: s.NATSURL, Dir: dir, Origin: origin, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return nil, nil, err
	}
	return stream.Tail(b, origin), func() error { return b.Close(context.WithoutCancel(ctx)) }, nil
}
