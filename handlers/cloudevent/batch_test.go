package cloudevent

import (
	"strings"
	"testing"
)

// TestBatchKeepsNothing: an element costs nothing until somebody keeps it, and
// who has seen enough reads no further.
func TestBatchKeepsNothing(t *testing.T) {
	b := []byte("[" + strings.Repeat("{},", MaxBatch-1) + "{}]")
	n := 0
	allocs := testing.AllocsPerRun(5, func() {
		n = 0
		for v, err := range Batch(b) {
			if err != nil || string(v) != "{}" {
				t.Fatalf("%s, %v", v, err)
			}
			n++
		}
	})
	if n != MaxBatch || allocs > 100 {
		t.Fatalf("%d elements, %.0f allocations", n, allocs)
	}
	for range Batch([]byte("[{},broken")) {
		return // must not be called again after it returned
	}
}

func TestBatchHasALimit(t *testing.T) {
	n := 0
	var last error
	for _, err := range Batch([]byte("[" + strings.Repeat("{},", MaxBatch) + "{}]")) {
		if last = err; err == nil {
			n++
		}
	}
	if last == nil || n != MaxBatch || !strings.Contains(last.Error(), "10000") {
		t.Fatalf("%d elements, then %v", n, last)
	}
}
