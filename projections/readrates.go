package projections

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jmoiron/sqlx"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/projections/fold"
)

// FrequencyInput returns everything that emergency rates are made from.
func (rd *Reader) FrequencyInput(ctx context.Context, size int64) (fold.FrequencyInput, error) {
	return rd.frequencyInput(ctx, size, time.Time{}, time.Time{})
}

// frequencyInput limits the changes to those that shipped from one time until
// another; zero times do not limit.
func (rd *Reader) frequencyInput(ctx context.Context, size int64, from, to time.Time) (fold.FrequencyInput, error) {
	var in fold.FrequencyInput
	size, err := rd.Prefix(ctx, size)
	if err != nil {
		return in, err
	}
	emergencies, err := rd.Emergencies(ctx, size)
	if err != nil {
		return in, err
	}
	for i := range emergencies {
		if c, ok := emergencies[i].Count(); ok {
			in.Emergencies = append(in.Emergencies, c)
		}
	}
	if in.Changes, err = rd.ChangeBuckets(ctx, size, from, to); err != nil {
		return in, err
	}
	err = rd.scan(ctx, size, func(v *fold.View) {
		if e, ok := fold.ExposureOf(v); ok {
			in.Exposures = append(in.Exposures, e)
		}
		if o, ok := fold.ObservedBypassOf(v); ok {
			in.Seen = append(in.Seen, o)
		}
		if f, ok := fold.DrillOf(v); ok {
			in.Drills = append(in.Drills, f)
		}
	}, "exposure.reported", "bypass.observed", "drill.conducted")
	slices.SortFunc(in.Exposures, func(a, b fold.Exposure) int { return byTime(a.Fact, b.Fact) })
	slices.SortFunc(in.Seen, func(a, b fold.ObservedBypass) int { return byTime(a.Fact, b.Fact) })
	slices.SortFunc(in.Drills, byTime)
	return in, err
}

// ChangeBuckets counts the changes that shipped from one time until another, by
// quarter of an hour and system, in that order.
func (rd *Reader) ChangeBuckets(ctx context.Context, size int64, from, to time.Time) ([]fold.ChangeBucket, error) {
	counts := map[bucketKey]int64{}
	err := rd.at(ctx, "changes", size, func(_ model, q queryer, at, size int64) error {
		if at < size || at-size > rd.r.back {
			return rd.countFromTrail(ctx, size, counts)
		}
		low, high := int64(-1<<62), int64(1<<62)
		if !from.IsZero() {
			low = fold.BucketOf(from).UnixMicro()
		}
		if !to.IsZero() {
			high = to.UnixMicro()
		}
		var rows []struct {
			Start  int64  `db:"start_us"`
			System string `db:"system"`
			Count  int64  `db:"n"`
		}
		err := sqlx.SelectContext(ctx, q, &rows, rebind(q.dialect, fmt.Sprintf(
			`SELECT %s AS start_us, system, count(*) AS n FROM %s WHERE shipped_us >= ? AND shipped_us < ? GROUP BY 1, 2`,
			bucketSQL, changesTable.in(q.place))), low, high)
		if err != nil {
			return fmt.Errorf("counting changes: %w", err)
		}
		for _, r := range rows {
			counts[bucketKey{r.Start, r.System}] = r.Count
		}
		if at == size {
			return nil
		}
		return patchCounts(ctx, q, size, at, low, high, counts)
	})
	if err != nil {
		return nil, err
	}
	var out []fold.ChangeBucket
	for k, n := range counts {
		start := time.UnixMicro(k.us).UTC()
		if n > 0 && within(start, fold.BucketOf(from), to) {
			out = append(out, fold.ChangeBucket{Start: start, System: k.system, Count: n})
		}
	}
	slices.SortFunc(out, func(a, b fold.ChangeBucket) int {
		return cmp.Or(a.Start.Compare(b.Start), cmp.Compare(a.System, b.System))
	})
	return out, nil
}

type bucketKey struct {
	us     int64
	system string
}

func (f firstShip) bucket() bucketKey {
	return bucketKey{fold.BucketOf(time.UnixMicro(f.us)).UnixMicro(), plain(f.system)}
}

func (rd *Reader) countFromTrail(ctx context.Context, size int64, counts map[bucketKey]int64) error {
	first := map[string]firstShip{}
	err := rd.scan(ctx, size, func(v *fold.View) {
		if fold.CountsAsChange(v) {
			id, s := changeOf(v), shipOf(v)
			if had, ok := first[id]; !ok || s.before(had) {
				first[id] = s
			}
		}
	}, "change.shipped")
	for _, s := range first {
		counts[s.bucket()]++
	}
	return err
}

// patchCounts takes back what the events at [size, at) did to the counts.
func patchCounts(ctx context.Context, q queryer, size, at, low, high int64, counts map[bucketKey]int64) error {
	b, err := newReader(q.trail).read(ctx, size, at)
	if err != nil {
		return err
	}
	ids := changedShips(b)
	for i := range b.views {
		if v := &b.views[i]; fold.CountsAsChange(v) {
			ids[changeOf(v)] = true
		}
	}
	var rows []struct {
		Change   string `db:"change"`
		US       int64  `db:"shipped_us"`
		Position int64  `db:"position"`
		System   string `db:"system"`
	}
	err = lookup(ctx, q, &rows, "SELECT change, shipped_us, position, system FROM "+changesTable.in(q.place)+" WHERE change IN (?)",
		slices.Collect(maps.Keys(ids)))
	if err != nil {
		return err
	}
	for _, r := range rows {
		if r.US >= low && r.US < high {
			counts[firstShip{r.US, r.Position, r.System}.bucket()]--
		}
	}
	for id := range ids {
		s, ok, err := firstShipOf(ctx, q.trail, id, size)
		if err != nil {
			return err
		}
		if ok && s.us >= low && s.us < high {
			counts[s.bucket()]++
		}
	}
	return nil
}

// hatchTypes are the events of an escape hatch's life.
var hatchTypes = []string{
	"cohort.enrolled", "escape_hatch.launched", "escape_hatch.used", "escape_hatch.restored", "escape_hatch.work_item_linked",
	"escape_hatch.rule_added", "escape_hatch.loop_closed", "escape_hatch.retirement_changed", "escape_hatch.retired",
	"escape_hatch.converted", "hardening_sweep.started", "hardening_sweep.completed", "baseline.promoted",
	"workaround.reported", "coverage.reached",
}

// Hatches returns each escape hatch with its enrolment and uses, by rollout
// where its records name one, else by hatch, else by cohort. What names only a
// hatch belongs to the rollout that the hatch was launched for, if that is one.
func (rd *Reader) Hatches(ctx context.Context, size int64) ([]fold.Hatch, error) {
	size, err := rd.Prefix(ctx, size)
	if err != nil {
		return nil, err
	}
	// Uses may be many: what is kept of each is its row, not its record.
	var (
		enrolments []fold.Enrolment
		uses       []fold.HatchUse
		answers    []fold.HatchAnswer
		life       []fold.View
		of         = hatchRoots{map[string][]string{}, map[int64]string{}}
	)
	err = rd.scan(ctx, size, func(v *fold.View) {
		if v.Key(events.KindDrill) != "" {
			return
		}
		of.note(v.Key(events.KindHatch), v.Key(events.KindRollout))
		if e, ok := fold.EnrolmentOf(v); ok {
			enrolments = append(enrolments, e)
			of.enrolledIn[v.Position] = v.Key(events.KindHatch)
		} else if u, ok := fold.UseOf(v); ok {
			uses = append(uses, u)
		} else if a, ok := fold.AnswerOf(v); ok {
			answers = append(answers, a)
		} else {
			life = append(life, *v)
		}
	}, hatchTypes...)
	if err != nil {
		return nil, err
	}
	fold.Sort(life)
	slices.SortFunc(enrolments, func(a, b fold.Enrolment) int { return byTime(a.Fact, b.Fact) })
	slices.SortFunc(uses, func(a, b fold.HatchUse) int { return byTime(a.Fact, b.Fact) })
	slices.SortFunc(answers, func(a, b fold.HatchAnswer) int { return byTime(a.Fact, b.Fact) })
	byRoot := map[events.Key]*fold.Hatch{}
	at := func(rollout, hatch, cohort string) *fold.Hatch {
		root := of.root(rollout, hatch, cohort)
		if byRoot[root] == nil {
			byRoot[root] = fold.NewHatch(root)
		}
		return byRoot[root]
	}
	for i := range life {
		v := &life[i]
		at(v.Key(events.KindRollout), v.Key(events.KindHatch), v.Key(events.KindCohort)).ApplyLife(v)
	}
	for _, e := range enrolments {
		h := at(e.Rollout, of.enrolledIn[e.Position], e.Cohort)
		h.Enrolments = append(h.Enrolments, e)
	}
	for _, u := range uses {
		h := at(u.Rollout, u.Hatch, u.Cohort)
		if u.Hatch != "" && !slices.Contains(h.Hatches, u.Hatch) {
			h.Hatches = append(h.Hatches, u.Hatch)
		}
		h.Uses = append(h.Uses, u)
	}
	for _, a := range answers {
		h := at(a.Rollout, a.Hatch, "")
		h.Answers = append(h.Answers, a)
	}
	var out []fold.Hatch
	for root, h := range byRoot {
		if root.Value != "" {
			out = append(out, *h)
		}
	}
	slices.SortFunc(out, func(a, b fold.Hatch) int { return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Key, b.Key)) })
	return out, nil
}

func byTime(a, b fold.Fact) int {
	return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Position, b.Position))
}

// hatchRoots knows which rollouts each hatch is named with.
type hatchRoots struct {
	rollouts   map[string][]string
	enrolledIn map[int64]string // the hatch that an enrolment names, by position
}

func (h *hatchRoots) note(hatch, rollout string) {
	if hatch != "" && rollout != "" && !slices.Contains(h.rollouts[hatch], rollout) {
		h.rollouts[hatch] = append(h.rollouts[hatch], rollout)
	}
}

func (h *hatchRoots) root(rollout, hatch, cohort string) events.Key {
	if of := h.rollouts[hatch]; rollout == "" && len(of) == 1 {
		rollout = of[0]
	}
	switch {
	case rollout != "":
		return events.Key{Kind: events.KindRollout, Value: rollout}
	case hatch != "":
		return events.Key{Kind: events.KindHatch, Value: hatch}
	}
	return events.Key{Kind: events.KindCohort, Value: cohort}
}

// looseTypes are the events that tell of a bad effect or the answer to one.
var looseTypes = []string{"signal.observed", "trigger.fired", "decision.recorded", "rollback.decided"}

// looseChanges lists the changes with signals or decisions that belong to no
// rollout and no incident.
func (rd *Reader) looseChanges(ctx context.Context, size int64) ([]string, error) {
	found := map[string]bool{}
	err := rd.scan(ctx, size, func(v *fold.View) {
		if c := v.Key(events.KindChange); c != "" && v.Key(events.KindRollout) == "" && v.Key(events.KindIncident) == "" {
			found[c] = true
		}
	}, looseTypes...)
	return slices.Sorted(maps.Keys(found)), err
}
