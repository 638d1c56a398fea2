package events_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/daybookhq/daybook/events"
)

func erased() events.Recorded {
	return events.Recorded{
		Position: 12, LedgerTime: time.Date(2026, 3, 1, 12, 0, 0, 5000, time.UTC),
		Erased: &events.Erasure{Leaf: [32]byte{1, 31: 2}, By: 40, At: time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC), Basis: "GDPR \"17\"\n"},
	}
}

func TestServedOfAnErasedEvent(t *testing.T) {
	want := erased()
	b := want.Served()
	got, err := events.ParseServed(b)
	if err != nil {
		t.Fatalf("%s: %v", b, err)
	}
	if got.Position != want.Position || !got.LedgerTime.Equal(want.LedgerTime) || *got.Erased != *want.Erased || got.Bytes != nil {
		t.Errorf("%s came back as %+v, %+v", b, got, got.Erased)
	}
	if _, err := events.ParseRecorded(b); err == nil {
		t.Error("it passes for a recorded event")
	}
	for what, change := range map[string][2]string{
		"erased by an earlier one": {`"by":40`, `"by":12`},
		"a short hash":             {`"leaf_hash":"01`, `"leaf_hash":"`},
		"a negative position":      {`"12"`, `"-12"`},
		"no time":                  {`2026-03-01`, `2026-13-01`},
		"an unknown member":        {`"by":40`, `"by":40,"to":1`},
		"a member twice":           {`"by":40`, `"by":40,"by":41`},
	} {
		if _, err := events.ParseServed([]byte(strings.Replace(string(b), change[0], change[1], 1))); err == nil {
			t.Errorf("%s is taken", what)
		}
	}
}

func FuzzParseServed(f *testing.F) {
	e := erased()
	f.Add(e.Served())
	f.Add([]byte(`{"ledgererased":{},"ledgerposition":"","ledgertime":""}`))
	f.Add([]byte(`{"ledgererased":`))
	f.Add([]byte(`{"specversion":"1.0","ledgerposition":"1"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := events.ParseServed(bytes.Clone(b))
		if err != nil || r.Erased == nil {
			return
		}
		again, err := events.ParseServed(r.Served())
		if err != nil || again.Position != r.Position || *again.Erased != *r.Erased {
			t.Errorf("%s came back as %s: %v", b, r.Served(), err)
		}
	})
}
