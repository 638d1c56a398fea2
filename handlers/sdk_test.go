package handlers_test

import (
	"context"
	"encoding/json"
	"net/http"
	"testing"
	"time"

	cloudevents "github.com/cloudevents/sdk-go/v2"
	"github.com/cloudevents/sdk-go/v2/binding"
	cehttp "github.com/cloudevents/sdk-go/v2/protocol/http"

	"github.com/daybookhq/daybook/events/client"
	"github.com/daybookhq/daybook/events/trail/trailtest"
	"github.com/daybookhq/daybook/handlers/access"
)

// TestTheCloudEventsClient writes with the CloudEvents project's own client, in
// the three modes of the HTTP binding. It is one event each time, so that what
// is recorded in one mode is a duplicate in the others.
func TestTheCloudEventsClient(t *testing.T) {
	s := serve(t, trailtest.SQLite(t))
	e := cloudevents.NewEvent()
	e.SetID("sdk-1")
	e.SetSource("/test/sdk")
	e.SetType("dev.daybook.flag.flipped.v1")
	e.SetSubject("flag/wäf 100%")
	e.SetTime(time.Date(2026, 3, 14, 16, 42, 0, 123456789, time.FixedZone("", 5*3600+1800)))
	e.SetExtension("flag", "wäf 100%")
	e.SetExtension("environment", "production")
	if err := e.SetData(cloudevents.ApplicationJSON, map[string]any{"from": "off", "to": "on"}); err != nil {
		t.Fatal(err)
	}
	c, err := cloudevents.NewClientHTTP(
		cehttp.WithTarget(s.URL+"/v1/events"),
		cehttp.WithHeader("Authorization", "Bearer "+s.secret[access.Recorder]),
	)
	if err != nil {
		t.Fatal(err)
	}
	statusOf := func(err error) int {
		t.Helper()
		var res *cehttp.Result
		if !cloudevents.ResultAs(err, &res) {
			t.Fatalf("%v", err)
		}
		return res.StatusCode
	}
	structured := c.Send(binding.WithForceStructured(t.Context()), e)
	if !cloudevents.IsACK(structured) || statusOf(structured) != http.StatusCreated {
		t.Fatalf("structured: %v", structured)
	}
	binary := c.Send(binding.WithForceBinary(t.Context()), e)
	if !cloudevents.IsACK(binary) || statusOf(binary) != http.StatusOK {
		t.Fatalf("binary: %v", binary)
	}
	second := e.Clone()
	second.SetID("sdk-2")
	batch := s.sendBatch(t.Context(), []cloudevents.Event{e, second})
	if batch.Accepted != 1 || batch.Duplicates != 1 {
		t.Fatalf("batch: %+v", batch)
	}

	bad := e.Clone()
	bad.SetSource("/elsewhere")
	if refused := c.Send(binding.WithForceStructured(t.Context()), bad); cloudevents.IsACK(refused) || statusOf(refused) != http.StatusForbidden {
		t.Fatalf("another source: %v", refused)
	}

	got, err := s.trail.Get(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	var back cloudevents.Event
	if err := json.Unmarshal(got.Bytes, &back); err != nil {
		t.Fatal(err)
	}
	if back.ID() != e.ID() || !back.Time().Equal(e.Time()) || back.Subject() != e.Subject() || back.Extensions()["flag"] != "wäf 100%" || string(back.Data()) != string(e.Data()) {
		t.Fatalf("read back %s", got.Bytes)
	}
	if err := back.Validate(); err != nil {
		t.Fatalf("what is stored is not a CloudEvent: %v", err)
	}
}

func (s *server) sendBatch(ctx context.Context, evs []cloudevents.Event) client.Summary {
	s.t.Helper()
	req, err := cehttp.NewHTTPRequestFromEvents(ctx, s.URL+"/v1/events", evs)
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+s.secret[access.Recorder])
	resp, err := s.Client().Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	var sum client.Summary
	if err := json.NewDecoder(resp.Body).Decode(&sum); err != nil || resp.StatusCode != http.StatusOK {
		s.t.Fatalf("%d %v", resp.StatusCode, err)
	}
	return sum
}
