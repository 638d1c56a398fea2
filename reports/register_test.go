package reports_test

import (
	"context"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/projections/fold"
	"github.com/daybookhq/daybook/projections/story"
	"github.com/daybookhq/daybook/reports"
)

// A folded register is what the registers must equal: everything folded from
// the first event on, in memory.
type folded struct{ tr keyed }

// A keyed trail can list the keys it holds.
type keyed interface {
	reports.Trail
	KeysOf(ctx context.Context, kind events.Kind, after string, limit int) ([]string, error)
}

func (f folded) stories(ctx context.Context, kind events.Kind, size int64, each func(fold.Story)) error {
	keys, err := f.tr.KeysOf(ctx, kind, "", 100000)
	if err != nil {
		return err
	}
	for _, key := range keys {
		s, err := story.Load(ctx, f.tr, events.Key{Kind: kind, Value: key}, size)
		if err != nil {
			return err
		}
		if len(s.Views) > 0 {
			each(s)
		}
	}
	return nil
}

func (f folded) views(ctx context.Context, size int64) ([]fold.View, error) {
	sources, err := f.tr.KeysOf(ctx, events.KindSource, "", 100000)
	if err != nil {
		return nil, err
	}
	var keys []events.Key
	for _, s := range sources {
		keys = append(keys, events.Key{Kind: events.KindSource, Value: s})
	}
	return story.Carrying(ctx, f.tr, keys, size)
}

func (f folded) Emergencies(ctx context.Context, size int64) (out []fold.Emergency, err error) {
	err = f.stories(ctx, events.KindEmergency, size, func(s fold.Story) {
		out = append(out, *fold.All(fold.NewEmergency(s.Root.Value), s.Views))
	})
	return out, err
}

func (f folded) FrequencyInput(ctx context.Context, size int64) (in fold.FrequencyInput, err error) {
	all, err := f.Emergencies(ctx, size)
	if err != nil {
		return in, err
	}
	for i := range all {
		if c, ok := all[i].Count(); ok {
			in.Emergencies = append(in.Emergencies, c)
		}
	}
	views, err := f.views(ctx, size)
	if err != nil {
		return in, err
	}
	shipped := map[string]bool{}
	for i := range views {
		v := &views[i]
		if v.Retracted != nil {
			continue
		}
		if e, ok := fold.ExposureOf(v); ok {
			in.Exposures = append(in.Exposures, e)
		}
		if b, ok := fold.ObservedBypassOf(v); ok {
			in.Seen = append(in.Seen, b)
		}
		if d, ok := fold.DrillOf(v); ok {
			in.Drills = append(in.Drills, d)
		}
		if change := v.Key(events.KindChange); fold.CountsAsChange(v) && (change == "" || !shipped[change]) {
			shipped[change] = true
			in.Changes = append(in.Changes, fold.ChangeBucket{Start: fold.BucketOf(v.At), System: fold.SystemOf(v), Count: 1})
		}
	}
	return in, nil
}

func (f folded) Hatches(ctx context.Context, size int64) (out []fold.Hatch, err error) {
	err = f.stories(ctx, events.KindRollout, size, func(s fold.Story) {
		if h := fold.All(fold.NewHatch(s.Root), s.Views); len(h.Hatches) > 0 {
			out = append(out, *h)
		}
	})
	return out, err
}

func (f folded) Incidents(ctx context.Context, size int64) (out []fold.Incident, err error) {
	err = f.stories(ctx, events.KindIncident, size, func(s fold.Story) {
		out = append(out, *fold.All(fold.NewIncident(s.Root), s.Views))
	})
	return out, err
}

func (f folded) Latencies(ctx context.Context, size int64) (out []fold.Latency, err error) {
	for _, kind := range []events.Kind{events.KindRollout, events.KindIncident} {
		err = f.stories(ctx, kind, size, func(s fold.Story) {
			out = append(out, *fold.All(fold.NewLatency(s.Root), s.Views))
		})
		if err != nil {
			return nil, err
		}
	}
	views, err := f.views(ctx, size)
	loose := map[string]bool{} // changes of no rollout and no incident
	for i := range views {
		v := &views[i]
		if v.Key(events.KindRollout) != "" || v.Key(events.KindIncident) != "" {
			continue
		}
		switch v.Short() {
		case "signal.observed", "trigger.fired", "decision.recorded", "rollback.decided":
			loose[v.Key(events.KindChange)] = true
		}
	}
	if err != nil {
		return nil, err
	}
	err = f.stories(ctx, events.KindChange, size, func(s fold.Story) {
		if loose[s.Root.Value] {
			out = append(out, *fold.All(fold.NewLatency(s.Root), s.Views))
		}
	})
	return out, err
}

func (f folded) Policies(ctx context.Context, size int64) (*fold.Policies, error) {
	views, err := f.views(ctx, size)
	return fold.All(&fold.Policies{}, views), err
}
