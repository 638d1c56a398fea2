package main

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/events/trail"
)

// appendBenchEvent writes the n-th event of a load as a producer sends it. As
// recorded it has about 600 bytes. Of its four keys two are had by many
// events, one by some and one, the change, by eight.
func appendBenchEvent(dst []byte, n int64) []byte {
	number := func(name string, n int64) {
		dst = append(dst, name...)
		dst = strconv.AppendInt(dst, n, 10)
	}
	number(`{"specversion":"1.0","id":"run-`, n)
	dst = append(dst, `","source":"/ci/deployments","type":"dev.daybook.change.shipped.v1","time":"`...)
	dst = benchEpoch.Add(time.Duration(n)*time.Second).AppendFormat(dst, time.RFC3339)
	number(`","datacontenttype":"application/json","authid":"u-`, n%200)
	number(`","change":"CH-`, n/8)
	dst = append(dst, `","environment":"production`...)
	number(`","region":"eu-`, n%8)
	number(`","service":"service-`, n%100)
	number(`","data":{"version":"v2026.3.`, n)
	number(`","previous_version":"v2026.3.`, n-1)
	return append(dst, `","exposure":25,"shipper":"deploy-bot","note":"The second of three steps; the graphs of the first were looked at for half an hour."}}`...)
}

var benchEpoch = time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)

// benchEvents parses the n events of a load that begin at from.
func benchEvents(from int64, n int) ([]events.Event, error) {
	evs := make([]events.Event, n)
	for i := range evs {
		var err error
		if evs[i], err = events.Parse(appendBenchEvent(nil, from+int64(i))); err != nil {
			return nil, fmt.Errorf("an event of the load: %w", err)
		}
	}
	return evs, nil
}

// load is what many callers did in some time.
type load struct {
	events  int64
	took    []time.Duration // of single calls
	elapsed time.Duration
}

// drive runs callers that do one call after the other until the time is up, at
// least one each.
// Each call is given the number of its first event.
func drive(ctx context.Context, callers, each int, duration time.Duration, call func(ctx context.Context, caller int, from int64) error) (load, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next atomic.Int64
	took := make([][]time.Duration, callers)
	var wg sync.WaitGroup
	start := time.Now()
	for c := range callers {
		wg.Go(func() {
			for first := true; (first || time.Since(start) < duration) && ctx.Err() == nil; first = false {
				began := time.Now()
				if err := call(ctx, c, next.Add(int64(each))-int64(each)); err != nil {
					cancel(err)
					return
				}
				took[c] = append(took[c], time.Since(began))
			}
		})
	}
	wg.Wait()
	l := load{elapsed: time.Since(start)}
	if err := context.Cause(ctx); err != nil {
		return l, err
	}
	for _, t := range took {
		l.took = append(l.took, t...)
	}
	l.events = int64(len(l.took) * each)
	return l, nil
}

func (l load) measure(what, database string) measure {
	m := measure{What: what, Database: database, Events: l.events, Seconds: l.elapsed.Seconds()}
	m.PerSecond = new(float64(l.events) / l.elapsed.Seconds())
	m.percentiles(l.took)
	return m
}

// fill makes a trail of n events.
func fill(ctx context.Context, tr *trail.Trail, n int64) error {
	const each = 1000
	for from := int64(0); from < n; from += each {
		evs, err := benchEvents(from, int(min(each, n-from)))
		if err != nil {
			return err
		}
		if _, err := tr.Append(ctx, "local/bench", evs...); err != nil {
			return fmt.Errorf("filling a trail: %w", err)
		}
	}
	return nil
}
