package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/daybookhq/daybook/events/client"
	"github.com/daybookhq/daybook/events/trail"
	"github.com/daybookhq/daybook/events/trail/trailtest"
)

// TestSurvivesSIGKILL kills the whole server at random moments, while starting
// as well as under load, and then holds it to what it acknowledged: every
// event at its place with its bytes, no gap, the tree whole, and every read
// model equal to one built from nothing.
func TestSurvivesSIGKILL(t *testing.T) {
	kills := 50
	if testing.Short() {
		kills = 5
	}
	trailtest.Each(t, func(t *testing.T, o trail.Options) {
		t.Parallel()
		s := &survivor{t: t, dir: t.TempDir(), databaseURL: o.DatabaseURL, acked: map[string]client.Receipt{}}
		random := rand.New(rand.NewPCG(7, 11))
		for i := range kills {
			s.round = i
			p := s.start()
			if random.IntN(8) > 0 { // else it dies while it starts
				s.ready()
			}
			stop := s.load()
			time.Sleep(time.Duration(random.IntN(120)) * time.Millisecond) // the random moment
			p.Process.Kill()
			p.Wait()
			stop()
		}
		if len(s.acked) < kills {
			t.Fatalf("only %d events were acknowledged in %d lives: nothing was tried", len(s.acked), kills)
		}
		s.check()
	})
}

// A survivor is one data directory, and what its servers have promised.
type survivor struct {
	t           *testing.T
	dir         string
	databaseURL string
	round       int

	mu     sync.Mutex
	acked  map[string]client.Receipt // by source and id
	unsure []string                  // lines sent without an answer, to be sent again
}

func (s *survivor) args(args ...string) []string {
	args = append(args, "--data-dir", s.dir)
	if s.databaseURL != "" {
		args = append(args, "--database-url", s.databaseURL, "--allow-owner")
	}
	return args
}

func (s *survivor) start() *exec.Cmd {
	cmd := exec.Command("daybook", s.args("serve", "--listen", "127.0.0.1:0")...)
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = io.Discard, &log
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		cmd.Process.Kill()
		if s.t.Failed() && log.Len() > 0 {
			s.t.Logf("a server said:\n%s", lastLines(log.String(), 8))
		}
	})
	return cmd
}

func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// ready waits until the server answers on the directory's socket.
func (s *survivor) ready() *http.Client {
	s.t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); <-time.After(2 * time.Millisecond) {
		c, ok := socketClient(s.dir)
		if !ok {
			continue
		}
		if resp, err := c.Get("http://daybook/readyz"); err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return c
			}
		}
		c.CloseIdleConnections()
	}
	s.t.Fatal("the server did not come up within a minute")
	return nil
}

// load sends events from several connections until the returned function is
// called; what is answered is remembered.
func (s *survivor) load() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var work sync.WaitGroup
	for w := range 4 {
		work.Go(func() {
			random := rand.New(rand.NewPCG(uint64(s.round), uint64(w)))
			for n := 0; ctx.Err() == nil; n++ {
				c, ok := socketClient(s.dir)
				if !ok {
					continue
				}
				for ; ctx.Err() == nil; n++ {
					if !s.send(ctx, c, s.lines(random, w, n)) {
						break
					}
				}
				c.CloseIdleConnections()
			}
		})
	}
	return func() { cancel(); work.Wait() }
}

// lines makes some events, a few of them late or about keys of earlier lives,
// and takes up what was left unanswered before.
func (s *survivor) lines(random *rand.Rand, w, n int) []string {
	var lines []string
	s.mu.Lock()
	if len(s.unsure) > 0 && random.IntN(3) == 0 {
		lines, s.unsure = s.unsure, nil
	}
	s.mu.Unlock()
	base := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	for i := range 1 + random.IntN(40) {
		key := random.IntN(30)
		at := base.Add(time.Duration(s.round)*time.Hour + time.Duration(random.IntN(7200))*time.Second)
		if random.IntN(20) == 0 {
			at = at.Add(-30 * 24 * time.Hour)
		}
		kind := []string{
			`"type":"dev.daybook.emergency.declared.v1","emergency":"EM-%[1]d","change":"C-%[1]d","data":{"category":"security"}`,
			`"type":"dev.daybook.bypass.declared.v1","emergency":"EM-%[1]d","gate":"eval","data":{"element":"eval_gate","reason":"exposure was ongoing","compensation":"run after promotion"}`,
			`"type":"dev.daybook.change.shipped.v1","change":"C-%[1]d","environment":"production","data":{}`,
			`"type":"dev.daybook.gate.run.v1","change":"C-%[1]d","gate":"eval","data":{"result":"passed"}`,
			`"type":"dev.daybook.incident.started.v1","incident":"INC-%[1]d","change":"C-%[1]d","data":{}`,
			`"type":"dev.daybook.incident.detected.v1","incident":"INC-%[1]d","data":{"detected_by":"alert"}`,
			`"type":"dev.daybook.incident.resolved.v1","incident":"INC-%[1]d","data":{}`,
			`"type":"dev.daybook.cohort.enrolled.v1","rollout":"R-%[1]d","cohort":"early","data":{"devices":100}`,
			`"type":"dev.daybook.escape_hatch.used.v1","rollout":"R-%[1]d","cohort":"early","data":{"node":"n-%[1]d"}`,
		}[random.IntN(9)]
		lines = append(lines, fmt.Sprintf(`{"specversion":"1.0","id":"%d-%d-%d-%d","source":"/kill","time":%q,"authid":"u-%d",%s}`,
			s.round, w, n, i, at.Format(time.RFC3339), random.IntN(9), fmt.Sprintf(kind, key)))
	}
	return lines
}

// send posts lines and notes the receipts; without an answer they stay unsure.
func (s *survivor) send(ctx context.Context, c *http.Client, lines []string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://daybook/v1/events", strings.NewReader(strings.Join(lines, "\n")))
	if err != nil {
		s.t.Error(err)
		return false
	}
	req.Header.Set("Content-Type", client.TypeLines)
	var sum client.Summary
	resp, err := c.Do(req)
	if err == nil {
		var body []byte
		body, err = io.ReadAll(resp.Body)
		resp.Body.Close()
		if err == nil && (resp.StatusCode != http.StatusOK || json.Unmarshal(body, &sum) != nil || len(sum.Results) != len(lines)) {
			if resp.StatusCode < 500 {
				s.t.Errorf("answered %d: %s", resp.StatusCode, body)
			}
			err = io.ErrUnexpectedEOF
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.unsure = append(s.unsure, lines...)
		return false
	}
	for i, r := range sum.Results {
		if r.Outcome != client.Accepted && r.Outcome != client.Duplicate {
			s.t.Errorf("%s: %s %s", lines[i], r.Outcome, r.Detail)
			continue
		}
		id := idOf(lines[i])
		if old, ok := s.acked[id]; ok && old.Position != *r.Position {
			s.t.Errorf("%s was acknowledged at %d and then at %d", id, old.Position, *r.Position)
		}
		s.acked[id] = client.Receipt{Position: *r.Position, LeafHash: *r.LeafHash}
	}
	return true
}

func idOf(line string) string {
	var e struct{ ID string }
	json.Unmarshal([]byte(line), &e)
	return e.ID
}

// check holds the directory to everything that was promised.
func (s *survivor) check() {
	t := s.t
	p := s.start()
	c := s.ready()
	s.caughtUp(c)
	before := s.dump()
	var names []client.Projection
	s.get(c, "/v1/projections", &names)
	for _, n := range names {
		out, err := exec.Command("daybook", s.args("projections", "rebuild", n.Name)...).CombinedOutput()
		if err != nil {
			t.Fatalf("rebuild %s: %v\n%s", n.Name, err, out)
		}
	}
	after := s.dump()
	if len(before) == 0 {
		t.Fatal("no read model was compared")
	}
	if diff := cmp.Diff(after, before); diff != "" {
		t.Errorf("the read models are not what a fold from nothing gives (- from nothing, + as they stood):\n%s", diff)
	}
	c.CloseIdleConnections()
	p.Process.Signal(os.Interrupt)
	if err := p.Wait(); err != nil {
		t.Errorf("stopping in order: %v", err)
	}

	if out, err := exec.Command("daybook", s.args("verify")...).CombinedOutput(); err != nil {
		t.Errorf("verify: %v\n%s", err, out)
	}
	tr := s.open()
	defer tr.Close()
	trailtest.Check(t, tr)
	head, err := tr.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	evs, err := tr.Read(t.Context(), 0, head.Size, 0)
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for i, e := range evs {
		if e.Position != int64(i) {
			t.Fatalf("position %d stands at place %d", e.Position, i)
		}
		if r, ok := s.acked[e.ID]; ok && e.Source == "/kill" {
			found++
			if r.Position != e.Position || r.LeafHash != leafHash(e.Bytes) {
				t.Errorf("%s was acknowledged at %d, stands at %d", e.ID, r.Position, e.Position)
			}
		}
	}
	if found != len(s.acked) {
		t.Errorf("%d events were acknowledged, %d of them are in the trail", len(s.acked), found)
	}
	t.Logf("%d events acknowledged, %d in the trail", len(s.acked), len(evs))
}

func (s *survivor) get(c *http.Client, path string, into any) {
	s.t.Helper()
	resp, err := c.Get("http://daybook" + path)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(into); err != nil {
		s.t.Fatal(err)
	}
}

// caughtUp waits until every read model has posted the whole trail, and shows
// it.
func (s *survivor) caughtUp(c *http.Client) {
	s.t.Helper()
	tr := s.open()
	defer tr.Close()
	var list []client.Projection
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); <-time.After(10 * time.Millisecond) {
		s.get(c, "/v1/projections", &list)
		if slices.ContainsFunc(list, func(p client.Projection) bool { return p.Behind != 0 || p.State != "running" }) {
			continue
		}
		var shown int
		if err := tr.DB().GetContext(s.t.Context(), &shown, `SELECT count(*) FROM projection_views`); err == nil && shown == len(list) && shown > 0 {
			return
		}
	}
	s.t.Fatalf("read models did not catch up: %+v", list)
}

func (s *survivor) open() *trail.Trail {
	s.t.Helper()
	tr, err := trail.Open(s.t.Context(), trail.Options{DataDir: s.dir, DatabaseURL: s.databaseURL, ReadOnly: true, AllowOwner: true})
	if err != nil {
		s.t.Fatal(err)
	}
	return tr
}

// dump is every row of every view but the trail's own, sorted.
func (s *survivor) dump() map[string][]string {
	t := s.t
	tr := s.open()
	defer tr.Close()
	list := `SELECT name FROM sqlite_master WHERE type = 'view'`
	if tr.Dialect() == trail.Postgres {
		list = `SELECT table_name FROM information_schema.views WHERE table_schema = current_schema()`
	}
	var views []string
	if err := tr.DB().SelectContext(t.Context(), &views, list); err != nil {
		t.Fatal(err)
	}
	dump := map[string][]string{}
	for _, v := range views {
		if v == "event_keys" {
			continue
		}
		rows, err := tr.DB().QueryxContext(t.Context(), "SELECT * FROM "+v)
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			row := map[string]any{}
			if err := rows.MapScan(row); err != nil {
				t.Fatal(err)
			}
			for k, x := range row {
				if b, ok := x.([]byte); ok {
					row[k] = string(b)
				}
			}
			text, err := json.Marshal(row)
			if err != nil {
				t.Fatal(err)
			}
			dump[v] = append(dump[v], string(text))
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		slices.Sort(dump[v])
	}
	return dump
}
