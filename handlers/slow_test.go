package handlers_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/daybookhq/daybook/events/client"
	"github.com/daybookhq/daybook/events/trail/trailtest"
	"github.com/daybookhq/daybook/handlers"
	"github.com/daybookhq/daybook/handlers/access"
)

// A body that stops coming is answered, with what had been recorded of it, and
// holds nothing up. One that is slow and does come is taken.
func TestBodiesThatStopComing(t *testing.T) {
	t.Parallel()
	s := serve(t, trailtest.SQLite(t), func(d *handlers.Deps) { d.ReadTimeout = 2 * time.Second })
	send := func(length int, parts ...string) *http.Response {
		t.Helper()
		c, err := net.Dial("tcp", s.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		fmt.Fprintf(c, "POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Type: %s\r\nContent-Length: %d\r\nAuthorization: Bearer %s\r\n\r\n",
			client.TypeLines, length, s.secret[access.Recorder])
		for i, p := range parts {
			if i > 0 {
				<-time.After(500 * time.Millisecond)
			}
			fmt.Fprint(c, p)
		}
		c.SetReadDeadline(time.Now().Add(20 * time.Second))
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		return resp
	}

	a, b := event("slow-1")+"\n", event("slow-2")+"\n"
	resp := send(len(a)+len(b), a, b[:10], b[10:20], b[20:30], b[30:40], b[40:])
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("a slow body: %s", resp.Status)
	}
	resp = send(10_000, event("stuck-1")+"\n"+event("stuck-2"))
	var p client.Problem
	if err := json.NewDecoder(resp.Body).Decode(&p); err != nil || resp.StatusCode != http.StatusRequestTimeout {
		t.Fatalf("a stuck body: %s, %v", resp.Status, err)
	}
	if p.Summary == nil || p.Summary.Accepted != 1 || p.Summary.StoppedAt != 2 {
		t.Fatalf("%+v", p.Summary)
	}
}
