package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/reports"
)

// projections measures posting a whole trail.
func (b *benchmark) projections(ctx context.Context) error {
	return b.ledger(ctx, func(l *ledger) error {
		if err := fill(ctx, l.trail, b.events); err != nil {
			return err
		}
		head, err := l.trail.Head(ctx)
		if err != nil {
			return err
		}
		start := time.Now()
		if err := l.runner.CatchUp(ctx, head.Size); err != nil {
			return err
		}
		took := load{events: head.Size, elapsed: time.Since(start)}
		start = time.Now()
		rows, err := l.trail.DB().QueryContext(ctx, `SELECT position, body FROM events ORDER BY position`)
		if err != nil {
			return err
		}
		defer rows.Close()
		var position int64
		var body string
		for rows.Next() {
			if err := rows.Scan(&position, &body); err != nil {
				return err
			}
		}
		if err := rows.Err(); err != nil {
			return err
		}
		m := took.measure("all projections from position 0", b.database())
		m.limit(float64(head.Size)/time.Since(start).Seconds(), "Raw limit: reading the same rows in order and doing nothing.")
		return b.print([]measure{m})
	})
}

// report measures a document over a story of 1,000 events.
func (b *benchmark) report(ctx context.Context) error {
	return b.ledger(ctx, func(l *ledger) error {
		if err := fill(ctx, l.trail, b.events/2); err != nil {
			return err
		}
		story, err := benchStory(1000)
		if err != nil {
			return err
		}
		if _, err := l.trail.Append(ctx, "local/bench", story...); err != nil {
			return err
		}
		evs := b.events - b.events/2
		for from := b.events / 2; evs > 0; evs -= 1000 {
			more, err := benchEvents(from, int(min(1000, evs)))
			if err != nil {
				return err
			}
			if _, err := l.trail.Append(ctx, "local/bench", more...); err != nil {
				return err
			}
			from += 1000
		}
		head, err := l.trail.Head(ctx)
		if err != nil {
			return err
		}
		if err := l.runner.CatchUp(ctx, head.Size); err != nil {
			return err
		}
		var size int
		took, err := drive(ctx, 1, 1, b.duration, func(ctx context.Context, _ int, _ int64) error {
			doc, err := l.reports.Render(ctx, reports.Request{Kind: "postmortem", ID: "INC-1", At: time.Now()})
			size = len(doc.Markdown)
			return err
		})
		if err != nil {
			return err
		}
		m := took.measure(fmt.Sprintf("postmortem of 1,000 events among %d", head.Size), b.database())
		m.Note = fmt.Sprintf("The document has %d bytes of Markdown.", size)
		return b.print([]measure{m})
	})
}

// benchStory is one incident in n events.
func benchStory(n int) ([]events.Event, error) {
	steps := []struct{ typ, data string }{
		{"incident.started", `{"severity":"major"}`},
		{"incident.detected", `{"detected_by":"alert"}`},
		{"signal.observed", `{"name":"error-rate","verdict":"red","value":4.2,"threshold":1,"unit":"%"}`},
		{"note.added", `{"text":"the error rate of the gateway is at 4.2 %, twelve times the usual; looking at the last three changes"}`},
		{"flag.flipped", `{"from":"on","to":"off","rationale":"to see whether it is the new path"}`},
		{"decision.recorded", `{"kind":"hold","rationale":"two more minutes"}`},
		{"communication.sent", `{"audience":"customers","channel":"status_page"}`},
		{"runbook.step_completed", `{"step":"drain region eu","result":"done"}`},
	}
	out := make([]events.Event, n)
	for i := range out {
		step := steps[min(i, i%len(steps))]
		if i >= len(steps) && i%len(steps) < 2 {
			step = steps[3] // an incident starts once
		}
		e, err := events.Event{
			ID: fmt.Sprintf("story-%d", i), Source: "/bench", Type: events.FullType(step.typ), AuthID: fmt.Sprintf("u-%d", i%5),
			Time: benchEpoch.Add(time.Duration(i) * 7 * time.Second),
			Keys: []events.Key{{Kind: events.KindIncident, Value: "INC-1"}, {Kind: events.KindFlag, Value: "new-path"}, {Kind: events.KindService, Value: "gateway"}, {Kind: events.KindEnvironment, Value: "production"}},
			Data: []byte(step.data),
		}.Checked()
		if err != nil {
			return nil, err
		}
		out[i] = e
	}
	return out, nil
}

// start measures how long a server takes to be ready on a large trail.
func (b *benchmark) start(ctx context.Context) error {
	return b.with(ctx, func(s settings) error {
		l, err := openLedger(ctx, s, "bench", slog.New(slog.DiscardHandler))
		if err != nil {
			return err
		}
		err = fill(ctx, l.trail, b.events)
		if err == nil {
			err = l.runner.CatchUp(ctx, b.events)
		}
		if err = errors.Join(err, l.Close()); err != nil {
			return err
		}
		var took load
		var memory int64
		for range 3 {
			one, bytes, err := startOnce(ctx, s)
			if err != nil {
				return err
			}
			took.took = append(took.took, one)
			took.elapsed += one
			memory = max(memory, bytes)
		}
		m := measure{What: fmt.Sprintf("start on %d events", b.events), Database: b.database(), Events: b.events, Seconds: took.elapsed.Seconds()}
		m.percentiles(took.took)
		m.Note = "Resident memory when ready: unknown on this system."
		if memory > 0 {
			m.Note = fmt.Sprintf("Resident memory when ready: %d MiB.", memory>>20)
		}
		return b.print([]measure{m})
	})
}

func startOnce(ctx context.Context, s settings) (time.Duration, int64, error) {
	program, err := os.Executable()
	if err != nil {
		return 0, 0, err
	}
	args := []string{"serve", "--data-dir", s.DataDir, "--listen", s.Listen}
	if s.DatabaseURL != "" {
		args = append(args, "--database-url", s.DatabaseURL, "--allow-owner")
	}
	var said strings.Builder
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Stdout, cmd.Stderr = &said, &said
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return 0, 0, err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	hc := &http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		path, done, err := socketPath(s.DataDir)
		if err != nil {
			return nil, err
		}
		defer done()
		return new(net.Dialer).DialContext(ctx, "unix", path)
	}}}
	for {
		select {
		case err := <-ended:
			return 0, 0, fmt.Errorf("the server ended before it was ready: %v\n%s", err, said.String())
		case <-time.After(2 * time.Millisecond):
		}
		resp, err := hc.Get("http://daybook/readyz")
		if err != nil {
			continue
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			continue
		}
		took, memory := time.Since(began), residentBytes(cmd.Process.Pid)
		if err := cmd.Process.Signal(os.Interrupt); err != nil {
			return 0, 0, err
		}
		return took, memory, <-ended
	}
}

// residentBytes is a process's resident memory, or 0 where that is not known.
func residentBytes(pid int) int64 {
	f, err := os.Open(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) == 3 && fields[0] == "VmRSS:" {
			n, _ := strconv.ParseInt(fields[1], 10, 64)
			return n << 10
		}
	}
	return 0
}
