package main

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestCommandsWaitForAServerThatStarts runs commands while a server has the
// directory and does not answer yet.
func TestCommandsWaitForAServerThatStarts(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	srv, err := openServer(t.Context(), settings{DataDir: dir, Listen: "127.0.0.1:0"}, discard())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { srv.Close() })
	type result struct {
		code int
		errs string
	}
	done := make(chan result)
	for _, args := range [][]string{{"note", "hello"}, {"trail", "list"}} {
		go func() {
			code, _, errs := daybookIn(t.Context(), append(args, "--data-dir", dir)...)
			done <- result{code, errs}
		}()
	}
	time.Sleep(300 * time.Millisecond)
	if err := srv.Listen(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if r := <-done; r.code != 0 {
			t.Errorf("code %d: %s", r.code, r.errs)
		}
	}
}

func TestAServerThatNeverAnswers(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	lock, err := tryLock(dir, "serve")
	if err != nil {
		t.Fatal(err)
	}
	defer lock.release()
	// Also a command that only reads, where there is no ledger yet.
	code, _, errs := daybook(t, "trail", "list", "--data-dir", dir)
	if code == 0 || !strings.Contains(errs, "is starting") || strings.Contains(errs, "stop it first") {
		t.Fatalf("code %d: %s", code, errs)
	}
	held := heldBy(dir)
	if held == nil {
		t.Fatal("nobody has the directory")
	}
	held.by.URL = "http://127.0.0.1:1"
	if s := (&errSilent{held}).Error(); !strings.Contains(s, "stopping, or hangs") {
		t.Fatal(s)
	}
}

// TestTheFirstTokenIsNotLost starts a server whose port is taken, and then one
// that can start: the second must show the token.
func TestTheFirstTokenIsNotLost(t *testing.T) {
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	s := settings{DataDir: filepath.Join(t.TempDir(), "data"), Listen: busy.Addr().String()}
	if err := serve(t.Context(), s, discard(), io.Discard); err == nil {
		t.Fatal("two servers on one port")
	}
	s.Listen = "127.0.0.1:0"
	srv := runServer(t, s)
	if srv.AdminToken == "" {
		t.Fatal("the first start that failed took the administrator's token along")
	}
	req, _ := http.NewRequestWithContext(t.Context(), "GET", srv.URL()+"/v1/tokens", nil)
	req.Header.Set("Authorization", "Bearer "+srv.AdminToken)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Fatal(resp.Status)
	}
}

// TestABrokerThatIsAwayIsShownAndStopsNothing runs a server whose broker is not
// there: it is ready, says that the stream is not, and takes events.
func TestABrokerThatIsAwayIsShownAndStopsNothing(t *testing.T) {
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone.Close()
	dir := filepath.Join(t.TempDir(), "data")
	srv := runServer(t, settings{DataDir: dir, Listen: "127.0.0.1:0", NATSURL: "nats://" + gone.Addr().String()})
	srv.Grace = time.Second
	resp, err := http.Get(srv.URL() + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var got struct {
		Status   string
		Degraded map[string]string
	}
	if err := json.NewDecoder(resp.Body).Decode(&got); err != nil || resp.StatusCode != http.StatusOK || got.Status != "ready" || got.Degraded["stream"] == "" {
		t.Fatalf("%s %+v %v", resp.Status, got, err)
	}
	if code, _, errs := daybook(t, "note", "hello", "--data-dir", dir); code != 0 {
		t.Fatal(errs)
	}
}

// TestRecordKeepsAFieldCalledSource: some types have a field of the data that is
// called as an attribute is.
func TestRecordKeepsAFieldCalledSource(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	for _, args := range [][]string{
		{"flag.state_checked", "flag=waf", "environment=production", "source=control-plane"},
		{"flag.state_checked", "flag=waf", "environment=production", "source=control-plane", "--source", "/me"},
	} {
		if code, _, errs := daybook(t, append(append([]string{"record"}, args...), "--data-dir", dir)...); code != 0 {
			t.Fatal(errs)
		}
	}
	_, out, _ := daybook(t, "trail", "list", "--json", "--type", "flag.*", "--data-dir", dir)
	if strings.Count(out, `"source":"control-plane"`) != 2 || strings.Count(out, `"source":"`+defaultSource+`"`) != 1 || strings.Count(out, `"source":"/me"`) != 1 {
		t.Fatal(out)
	}
}
