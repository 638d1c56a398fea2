package projections

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/events/trail"
	"github.com/daybookhq/daybook/events/trail/trailtest"
)

// benchSize is how many events the benchmarks post.
const benchSize = 100_000

// deployments is a trail of change.shipped of about 600 bytes with an actor and
// four keys: two that many events share, one that some do, and the change, which
// eight have.
func deployments(n int) string {
	return fmt.Sprintf(`{"specversion":"1.0","id":"run-%d","source":"/ci/deployments","type":"dev.daybook.change.shipped.v1","time":%q,"datacontenttype":"application/json","authid":"u-%d","change":"CH-%d","environment":"production","region":"eu-%d","service":"service-%d","data":{"version":"v2026.3.%d","exposure":25,"shipper":"deploy-bot","note":"The second of three steps; the graphs of the first were looked at for half an hour, and nothing was out of the ordinary."}}`,
		n, benchTime(n), n%200, n/8, n%8, n%100, n)
}

func benchTime(n int) string {
	return time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(n) * time.Second).Format(time.RFC3339)
}

// everything is what a company's tools might send: mostly changes, gates, flags
// and signals, a hatch in use, and every 500 events an incident and an
// emergency, each of a dozen records among the others.
func everything(n int) string {
	typ, keys, data := "flag.flipped", fmt.Sprintf(`"flag":"flag-%d","environment":"production","service":"service-%d"`, n%400, n%100), `{"from":"off","to":"on","rationale":"rollout of the new search, second cohort"}`
	change := fmt.Sprintf(`"change":"CH-%d","service":"service-%d"`, n/10, n/10%100)
	story := n / 500
	switch n % 500 {
	case 3:
		typ, keys, data = "incident.started", fmt.Sprintf(`"incident":"INC-%d","change":"CH-%d"`, story, n/10), `{"severity":"2","title":"errors at the gateway"}`
	case 9, 14, 22:
		typ, keys, data = "signal.observed", fmt.Sprintf(`"incident":"INC-%d"`, story), `{"name":"errors","verdict":"red","value":"4.2"}`
	case 31:
		typ, keys, data = "incident.detected", fmt.Sprintf(`"incident":"INC-%d"`, story), `{"detected_by":"alert"}`
	case 47:
		typ, keys, data = "incident.cause_identified", fmt.Sprintf(`"incident":"INC-%d"`, story), `{}`
	case 60:
		typ, keys, data = "rollback.decided", fmt.Sprintf(`"incident":"INC-%d","rollback":"RB-%d"`, story, story), `{"level":2}`
	case 75:
		typ, keys, data = "rollback.recovered", fmt.Sprintf(`"rollback":"RB-%d"`, story), `{}`
	case 90:
		typ, keys, data = "incident.resolved", fmt.Sprintf(`"incident":"INC-%d"`, story), `{}`
	case 203:
		typ, keys, data = "emergency.declared", fmt.Sprintf(`"emergency":"EM-%d","change":"EC-%d"`, story, story), `{"category":"security","scope":"platform"}`
	case 211:
		typ, keys, data = "bypass.declared", fmt.Sprintf(`"emergency":"EM-%d","gate":"eval"`, story), `{"element":"eval_gate","reason":"exposure was ongoing","compensation":"run after promotion"}`
	case 219:
		typ, keys, data = "approval.granted", fmt.Sprintf(`"emergency":"EM-%d","approval":"AP-%d"`, story, story), `{"authority":"security_lead"}`
	case 228:
		typ, keys, data = "change.shipped", fmt.Sprintf(`"change":"EC-%d","environment":"production"`, story), `{}`
	case 300:
		typ, keys, data = "gate.run", fmt.Sprintf(`"change":"EC-%d","gate":"eval"`, story), `{"result":"passed"}`
	case 360:
		typ, keys, data = "emergency.closed", fmt.Sprintf(`"emergency":"EM-%d"`, story), `{}`
	default:
		switch n % 10 {
		case 0:
			typ, keys, data = "change.proposed", change, `{"title":"a change like many others, with a title of the usual length"}`
		case 4, 5:
			typ, keys, data = "gate.run", change+`,"gate":"unit"`, `{"result":"passed","run_ref":"https://ci.example/runs/1234567"}`
		case 7:
			typ, keys, data = "change.shipped", change+`,"environment":"production"`, `{"version":"v2026.3.1","exposure":25}`
		case 8:
			typ, keys, data = "escape_hatch.used", fmt.Sprintf(`"rollout":"lockdown","cohort":"cohort-%d","hatch":"santa"`, n%7), `{"node":"laptop-1","reason":"blocked while building"}`
		case 9:
			typ, keys, data = "signal.observed", fmt.Sprintf(`"rollout":"R-%d","stage":"s%d"`, n/2000, n/500%4), `{"name":"latency","verdict":"green","value":"120"}`
		}
	}
	return fmt.Sprintf(`{"specversion":"1.0","id":"run-%d","source":"/tools/collector","type":"dev.daybook.%s.v1","time":%q,"datacontenttype":"application/json","authid":"u-%d",%s,"data":%s}`,
		n, typ, benchTime(n), n%200, keys, data)
}

func benchTrail(b *testing.B, o trail.Options, event func(int) string) *trail.Trail {
	b.Helper()
	tr := trailtest.Open(b, o)
	for from := 0; from < benchSize; from += 1000 {
		evs := make([]events.Event, 1000)
		for i := range evs {
			var err error
			if evs[i], err = events.Parse([]byte(event(from + i))); err != nil {
				b.Fatal(err)
			}
		}
		trailtest.Append(b, tr, evs...)
	}
	return tr
}

// BenchmarkPost posts a trail to all projections from position 0. Beside it
// stands the raw limit: the same rows read in order, and nothing done.
func BenchmarkPost(b *testing.B) {
	for name, event := range map[string]func(int) string{"deployments": deployments, "everything": everything} {
		for _, db := range []string{"sqlite", "postgres"} {
			b.Run(db+"/"+name, func(b *testing.B) {
				o := trailtest.SQLite(b)
				if db == "postgres" {
					o.DatabaseURL, o.AllowOwner = trailtest.Postgres(b), true
				}
				tr := benchTrail(b, o, event)
				b.Run("raw", func(b *testing.B) {
					for b.Loop() {
						readRaw(b, tr)
					}
					rate(b)
				})
				b.Run("read", func(b *testing.B) {
					for b.Loop() {
						for at := int64(0); at < benchSize; at += 8192 {
							if _, err := tr.Read(b.Context(), at, at+8192, 0); err != nil {
								b.Fatal(err)
							}
						}
					}
					rate(b)
				})
				b.Run("all", func(b *testing.B) { benchPost(b, tr, func(string) bool { return true }) })
				for _, m := range models(Options{}.withDefaults()) {
					d := m.describe()
					b.Run(d.name, func(b *testing.B) { benchPost(b, tr, func(name string) bool { return name == d.name }) })
				}
			})
		}
	}
}

func rate(b *testing.B) {
	b.ReportMetric(float64(benchSize)*float64(b.N)/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(0, "ns/op")
}

func readRaw(b *testing.B, tr *trail.Trail) {
	rows, err := tr.DB().QueryContext(b.Context(), "SELECT position, body FROM events ORDER BY position")
	if err != nil {
		b.Fatal(err)
	}
	defer rows.Close()
	var position int64
	var body string
	for rows.Next() {
		if err := rows.Scan(&position, &body); err != nil {
			b.Fatal(err)
		}
	}
	if err := rows.Err(); err != nil {
		b.Fatal(err)
	}
}

func benchPost(b *testing.B, tr *trail.Trail, which func(string) bool) {
	ctx := context.Background()
	for b.Loop() {
		b.StopTimer()
		r, err := open(ctx, tr, Options{}.withDefaults(), func() (list []model) {
			for _, m := range models(Options{}.withDefaults()) {
				if which(m.describe().name) {
					list = append(list, m)
				}
			}
			return list
		})
		if err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		if err := r.CatchUp(ctx, benchSize); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		for _, p := range r.posts {
			views := []string{"DELETE FROM projection_views WHERE name = '" + p.desc.name + "'"}
			for _, v := range p.desc.views {
				views = append(views, "DROP VIEW IF EXISTS "+v.name)
			}
			for _, t := range p.desc.tables {
				if !t.private {
					views = append(views, "DROP VIEW IF EXISTS "+t.name)
				}
			}
			if err := define(ctx, tr, views); err != nil {
				b.Fatal(err)
			}
			if err := drop(ctx, tr, p.desc, p.place); err != nil {
				b.Fatal(err)
			}
		}
		b.StartTimer()
	}
	rate(b)
}
