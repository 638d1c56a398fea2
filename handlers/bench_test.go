package handlers_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/daybookhq/daybook/events/client"
	"github.com/daybookhq/daybook/events/trail/trailtest"
	"github.com/daybookhq/daybook/handlers/access"
)

// sized is an event of about 600 bytes with an actor and four keys.
func sized(id string) string {
	return event(id, `"authid":"u-7","change":"CH-`+id+`","environment":"production","service":"edge","incident":"INC-7"`,
		`"data":{"text":"`+strings.Repeat("x", 330)+`"}`)
}

// BenchmarkOne records one event a request from 256 connections.
func BenchmarkOne(b *testing.B) { overHTTP(b, client.TypeEvent, 256, 1) }

// BenchmarkLines records 100 events a request from 32 connections.
func BenchmarkLines(b *testing.B) { overHTTP(b, client.TypeLines, 32, 100) }

func overHTTP(b *testing.B, contentType string, connections, each int) {
	s := serve(b, trailtest.SQLite(b))
	tr := &http.Transport{MaxIdleConnsPerHost: connections}
	hc := &http.Client{Transport: tr}
	defer tr.CloseIdleConnections()
	var next atomic.Int64
	b.SetParallelism(connections / 2)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			var body bytes.Buffer
			for range each {
				fmt.Fprintln(&body, sized(fmt.Sprint(next.Add(1))))
			}
			req, _ := http.NewRequest("POST", s.URL+"/v1/events", &body)
			req.Header.Set("Content-Type", contentType)
			req.Header.Set("Authorization", "Bearer "+s.secret[access.Recorder])
			resp, err := hc.Do(req)
			if err != nil {
				b.Error(err)
				return
			}
			io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
			if resp.StatusCode >= 300 {
				b.Errorf("status %d", resp.StatusCode)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N*each)/b.Elapsed().Seconds(), "events/s")
}
