package main

import (
	"bytes"
	"context"
	"fmt"
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
	tr := &http.Transport{MaxIdleConnsPerHost: connections, DisableCompression: true}
	defer tr.CloseIdleConnections()
	hc := &http.Client{Transport: tr}
	bodies := make([][]byte, connections)
	return drive(ctx, connections, each, b.duration, func(ctx context.Context, caller int, from int64) error {
		body := bodies[caller][:0]
		for i := range each {
			body = append(appendBenchEvent(body, from+int64(i)), '\n')
		}
		bodies[caller] = body
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+l.Addr().String()+"/v1/events", bytes.NewReader(body))
		if err != nil {
			return err
		}
		req.Header.Set("Content-Type", contentType)
		req.Header.Set("Authorization", "Bearer "+secret)
		resp, err := hc.Do(req)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		said, err := io.ReadAll(resp.Body)
		if err == nil && resp.StatusCode >= 300 {
			err = fmt.Errorf("the API answered %s: %s", resp.Status, shorten(oneLine(string(said)), 200))
		}
		return err
	})
}
