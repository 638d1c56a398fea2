package events_test

import (
	"slices"
	"testing"

	"github.com/daybookhq/daybook/events"
)

func TestIndexKeysNamesNoKeyTwice(t *testing.T) {
	e, err := events.Parse([]byte(`{"specversion":"1.0","id":"c-1","source":"/t","type":"dev.daybook.event.corrected.v1",
		"time":"2026-03-14T12:00:00Z","data":{"corrects":{"source":"/t","id":"c-0"},
		"fields":{"incident":"A","fields":{"incident":"A","service":"s","fields":{"incident":"B"}}}}}`))
	if err != nil {
		t.Fatal(err)
	}
	keys := e.IndexKeys(nil)
	for i, k := range keys {
		if slices.Contains(keys[:i], k) {
			t.Errorf("%s stands twice", k)
		}
	}
	for _, moved := range []string{"incident/A", "service/s", "incident/B"} {
		if !slices.Contains(keys, events.Key{Kind: events.KindMoved, Value: moved}) {
			t.Errorf("%s is not indexed in %v", moved, keys)
		}
	}
}
