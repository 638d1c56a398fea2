package main

import (
	"log/slog"
	"testing"
)

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

// runServer runs a server in this process until the test ends.
func runServer(t *testing.T, s settings) *Server {
	t.Helper()
	srv, err := openServer(t.Context(), s, discard())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := srv.Close(); err != nil {
			t.Errorf("closing the server: %v", err)
		}
	})
	if err := srv.Listen(); err != nil {
		t.Fatal(err)
	}
	return srv
}
