package stream

import (
	"log/slog"
	"os"
	"testing"
)

// quiet logs only with STREAM_TEST_LOG set: these tests break things on purpose.
func quiet(testing.TB) *slog.Logger {
	if os.Getenv("STREAM_TEST_LOG") != "" {
		return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	return slog.New(slog.DiscardHandler)
}
