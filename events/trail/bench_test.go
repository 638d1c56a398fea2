package trail_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/events/trail/trailtest"
)

// typical is an event of about 600 recorded bytes with an actor and four keys:
// two that many events have, one that some have, one that few have.
func typical(tb testing.TB, n int64) events.Event {
	b := fmt.Appendf(nil, `{"specversion":"1.0","id":"run-%d","source":"/ci/deployments","type":"dev.daybook.change.shipped.v1","time":"`, n)
	b = time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC).Add(time.Duration(n)*time.Second).AppendFormat(b, time.RFC3339)
	b = fmt.Appendf(b, `","datacontenttype":"application/json","authid":"u-%d","change":"CH-%d","environment":"production","region":"eu-%d","service":"service-%d",`, n%200, n/8, n%8, n%100)
	b = fmt.Appendf(b, `"data":{"version":"v2026.3.%d","previous_version":"v2026.3.%d","exposure":25,"shipper":"deploy-bot","note":"The quick brown fox jumps over the lazy dog."}}`, n, n-1)
	e, err := events.Parse(b)
	if err != nil {
		tb.Fatal(err)
	}
	return e
}

func BenchmarkAppend(b *testing.B) {
	for _, dialect := range []string{"sqlite", "postgres"} {
		for _, c := range []struct{ callers, batch int }{{1, 1}, {256, 1}, {1024, 1}, {64, 100}, {8, 1000}} {
			b.Run(fmt.Sprintf("%s/%dx%d", dialect, c.callers, c.batch), func(b *testing.B) {
				o := trailtest.SQLite(b)
				if dialect == "postgres" {
					o.DatabaseURL, o.AllowOwner = trailtest.Postgres(b), true
				}
				tr := trailtest.Open(b, o)
				var next atomic.Int64
				b.ReportAllocs()
				before := cpu()
				b.ResetTimer()
				var wg sync.WaitGroup
				for range c.callers {
					wg.Go(func() {
						for {
							last := next.Add(int64(c.batch))
							if last > int64(b.N)+int64(c.batch) {
								return
							}
							evs := make([]events.Event, c.batch)
							for i := range evs {
								evs[i] = typical(b, last-int64(i))
							}
							if _, err := tr.Append(context.Background(), "token/ci", evs...); err != nil {
								b.Error(err)
								return
							}
						}
					})
				}
				wg.Wait()
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
				b.ReportMetric(float64((cpu()-before).Microseconds())/float64(b.N), "cpu-µs/event")
			})
		}
	}
}

// cpu is the processor time of this process, which says more than the clock
// on a machine that others use.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
