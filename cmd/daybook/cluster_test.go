package main

import (
	"fmt"
	"net/url"
	"path/filepath"
	"sync"
	"testing"
	"time"

	natsserver "github.com/nats-io/nats-server/v2/server"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/events/client"
	"github.com/daybookhq/daybook/events/trail"
	"github.com/daybookhq/daybook/events/trail/trailtest"
)

// TestTwoServersOnOneTrail runs two servers on one Postgres and one broker. Both
// take writes, each sees what the other took, a token of one works at the other
// and stops working there when it is revoked here. One of them has the trail
// witnessed, and both show that.
func TestTwoServersOnOneTrail(t *testing.T) {
	database := trailtest.Postgres(t)
	broker, err := natsserver.NewServer(&natsserver.Options{Host: "127.0.0.1", Port: -1, JetStream: true, StoreDir: t.TempDir(), NoSigs: true})
	if err != nil {
		t.Fatal(err)
	}
	broker.Start()
	t.Cleanup(func() { broker.Shutdown(); broker.WaitForShutdown() })
	if !broker.ReadyForConnections(20 * time.Second) {
		t.Fatal("the broker did not start")
	}
	key := filepath.Join(t.TempDir(), "signing.key")
	others := aWitness(t, key)
	var servers [2]*Server
	for i := range servers {
		servers[i] = runServer(t, settings{
			DataDir: filepath.Join(t.TempDir(), fmt.Sprint("node", i)), DatabaseURL: database, NATSURL: broker.ClientURL(),
			SigningKey: key, AllowOwner: true, Listen: "127.0.0.1:0", Elsewhere: others,
		})
	}
	if servers[0].AdminToken == "" || servers[1].AdminToken != "" {
		t.Fatal("one first administrator is wanted, from the first start")
	}
	var clients [2]*client.Client
	for i, s := range servers {
		if clients[i], err = client.New(client.Options{URL: s.URL(), Token: servers[0].AdminToken}); err != nil {
			t.Fatal(err)
		}
	}

	const each = 400
	var work sync.WaitGroup
	failed := make(chan error, 8)
	for writer := range 8 {
		work.Go(func() {
			for n := range each / 4 {
				e, err := events.Event{
					ID: fmt.Sprintf("%d-%d", writer, n), Source: "/two", Type: events.FullType("note.added"),
					Time: time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC), Data: []byte(`{"text":"x"}`),
				}.Checked()
				if err == nil {
					_, err = clients[writer%2].Record(t.Context(), e)
				}
				if err != nil {
					failed <- err
					return
				}
			}
		})
	}
	work.Wait()
	select {
	case err := <-failed:
		t.Fatal(err)
	default:
	}
	for i, c := range clients {
		p, err := c.Events(t.Context(), url.Values{"source": {"/two"}, "count": {"true"}, "limit": {"1"}})
		if err != nil || p.Count == nil || *p.Count != 2*each {
			t.Fatalf("server %d sees %v of %d events: %v", i, p.Count, 2*each, err)
		}
		var list []client.Projection
		if err := servers[i].runner.CatchUp(t.Context(), p.Size); err != nil {
			t.Fatal(err)
		}
		if err := c.JSON(t.Context(), client.Request{Path: "/v1/projections"}, &list); err != nil {
			t.Fatal(err)
		}
		for _, p := range list {
			if p.Behind != 0 || p.State != "running" {
				t.Errorf("server %d: %+v", i, p)
			}
		}
	}

	var reader client.Token
	if err := clients[0].Post(t.Context(), "/v1/tokens", client.TokenRequest{Name: "ada", Role: "reader"}, &reader); err != nil {
		t.Fatal(err)
	}
	there, err := client.New(client.Options{URL: servers[1].URL(), Token: reader.Secret})
	if err != nil {
		t.Fatal(err)
	}
	read := func() error { _, err := there.Events(t.Context(), url.Values{}); return err }
	eventually(t, "a token issued by one server works at the other", func() bool { return read() == nil })
	if err := clients[0].JSON(t.Context(), client.Request{Method: "DELETE", Path: "/v1/tokens/ada"}, nil); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a token revoked at one server is useless at the other", func() bool { return read() != nil })

	checkWitnessed(t, servers[:]...)
	report, err := servers[0].trail.Verify(t.Context(), trail.VerifyOptions{})
	if err != nil || !report.OK() {
		t.Fatalf("%+v, %v", report, err)
	}
}

// eventually waits for what two processes agree on within seconds.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); <-time.After(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it never came to be that %s", what)
		}
	}
}
