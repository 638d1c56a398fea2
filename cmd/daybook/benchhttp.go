package main

import (
	"context"
	"io"
	"net"
	"net/http"

	"github.com/daybookhq/daybook/handlers"
)

// http measures recording over HTTP, one event and a hundred a request.
func (b *benchmark) http(ctx context.Context) error {
	collectLess()
	var measures []measure
	for _, c := range []struct {
		connections, each int
		contentType       string
		what              string
	}{
		{256, 1, "application/cloudevents+json", "http, 256 connections × 1"},
		{64, 100, "application/x-ndjson", "http, 64 connections × NDJSON of 100"},
	} {
		err := b.ledger(ctx, func(l *ledger) error {
			secret, err := handlers.FirstAdmin(ctx, l.trail, l.tokens)
			if err != nil {
				return err
			}
			ours, err := b.overLoopback(ctx, l.api, secret, c.connections, c.each, c.contentType)
			if err != nil {
				return err
			}
			nothing := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				io.Copy(io.Discard, r.Body)
				w.WriteHeader(http.StatusOK)
			})
			raw, err := b.overLoopback(ctx, nothing, secret, c.connections, c.each, c.contentType)
			if err != nil {
				return err
			}
			m := ours.measure(c.what, b.database())
			m.limit(float64(raw.events)/raw.elapsed.Seconds(), "Raw limit: the same requests to a server that reads them and stores nothing.")
			m.Note = "Server and client share the processors; the stream and the projections do not run."
			measures = append(measures, m)
			return nil
		})
		if err != nil {
			return err
		}
	}
	return b.print(measures)
}

func (b *benchmark) overLoopback(ctx context.Context, h http.Handler, secret string, connections, each int, contentType string) (load, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return load{}, err
	}
	srv := newHTTPServer(h, nil)
	go srv.Serve(l)
	defer srv.Close()
	clients := make([]*benchClient, connections)
	for i := range clients {
		if clients[i], err = dialBench(l.Addr().String(), "/v1/events", contentType, secret); err != nil {
			return load{}, err
		}
		defer clients[i].conn.Close()
	}
	// Whoever interrupts the benchmark does not wait for an answer.
	defer context.AfterFunc(ctx, func() {
		for _, c := range clients {
			c.conn.Close()
		}
	})()
	return drive(ctx, connections, each, b.duration, func(_ context.Context, caller int, from int64) error {
		c := clients[caller]
		c.body = c.body[:0]
		for i := range each {
			c.body = append(appendBenchEvent(c.body, from+int64(i)), '\n')
		}
		return c.post()
	})
}
