package trail

import (
	"slices"
	"testing"
)

// FuzzAppendPostings: a row of the key index that verifying takes for a plain
// one is read alike by those who search, and lists positions upwards.
func FuzzAppendPostings(f *testing.F) {
	for _, s := range []string{"", "[1]", "{1,2}", "[1,2,300]", "[", "[]", "[1,]", "[2,1]", "[0]", "[99999999999]", "[1 ,2]", "1,2", "[1][2]", "[-1]", "[01]"} {
		f.Add(int64(7), s)
	}
	f.Fuzz(func(t *testing.T, first int64, more string) {
		got, odd := appendPostings(nil, first, more)
		if odd {
			return
		}
		stored := &more
		if more == "" {
			stored = nil
		}
		want, err := unpack(nil, first, stored)
		if err != nil || !slices.Equal(got, want) {
			t.Fatalf("%d and %q: %v, for a search %v, %v", first, more, got, want, err)
		}
		if first >= 0 && first < 1<<62 && !slices.IsSorted(got) {
			t.Fatalf("%d and %q: %v", first, more, got)
		}
	})
}
