package reports_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/events/trail"
)

// A memory is a trail that is kept nowhere, for tests that need thousands.
type memory struct {
	all   []events.Recorded
	index map[events.Key][]int64
	ids   map[events.Identity]int64
}

// remember records events in order; those the vocabulary refuses are left out.
func remember(t testing.TB, recorded time.Time, evs ...events.Event) *memory {
	t.Helper()
	m := &memory{index: map[events.Key][]int64{}, ids: map[events.Identity]int64{}}
	m.append(t, recorded, evs...)
	return m
}

func (m *memory) append(t testing.TB, recorded time.Time, evs ...events.Event) {
	t.Helper()
	for _, e := range evs {
		e, err := e.Checked()
		if err != nil {
			continue
		}
		n := int64(len(m.all))
		r, err := events.ParseRecorded(e.Record(nil, n, recorded, "test", [16]byte{1}))
		if err != nil {
			t.Fatal(err)
		}
		m.all = append(m.all, r)
		m.ids[r.Identity()] = n
		for _, k := range r.IndexKeys(nil) {
			m.index[k] = append(m.index[k], n)
		}
	}
}

func (m *memory) Positions(_ context.Context, keys []events.Key, before int64) ([]int64, error) {
	var out []int64
	for _, k := range keys {
		for _, p := range m.index[k] {
			if p < before {
				out = append(out, p)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

func (m *memory) ByPositions(_ context.Context, positions []int64) ([]events.Recorded, error) {
	out := make([]events.Recorded, len(positions))
	for i, p := range positions {
		out[i] = m.all[p]
	}
	return out, nil
}

func (m *memory) ByIdentity(_ context.Context, ids []events.Identity) (map[events.Identity]int64, error) {
	out := map[events.Identity]int64{}
	for _, id := range ids {
		if p, ok := m.ids[id]; ok {
			out[id] = p
		}
	}
	return out, nil
}

func (m *memory) Head(ctx context.Context) (trail.Head, error) {
	return m.HeadAt(ctx, int64(len(m.all)))
}

func (m *memory) HeadAt(_ context.Context, size int64) (trail.Head, error) {
	h := trail.Head{Size: size, Origin: "daybook.test/memory"}
	if size > 0 {
		h.LedgerTime = m.all[size-1].LedgerTime
	}
	return h, nil
}

func (m *memory) KeysOf(_ context.Context, kind events.Kind, after string, _ int) ([]string, error) {
	var out []string
	for k := range m.index {
		if k.Kind == kind && k.Value > after {
			out = append(out, k.Value)
		}
	}
	slices.Sort(out)
	return out, nil
}
