package stats

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"
)

// The fewest values from which a figure says more than the list itself.
const (
	MinP90    = 10
	MinP95    = 20 // below it p95 is the largest value anyway
	MinMedian = 6  // below it no 95 % interval of the median exists
)

// Percentile is the nearest-rank percentile of values: the smallest one that at
// least p percent of them do not exceed. It is always one of the values. It is
// false without values or outside 0 < p ≤ 100.
func Percentile(values []float64, p float64) (float64, bool) {
	if len(values) == 0 || !(p > 0) || p > 100 {
		return 0, false
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[rank(p, len(sorted))-1], true
}

// rank is ⌈p·n/100⌉, kept from rounding up past an exact whole number.
func rank(p float64, n int) int {
	return max(1, min(n, int(math.Ceil(p*float64(n)/100-1e-9))))
}

// MedianRanks are the ranks, counted from 1, between which the median of n
// values lies with at least 95 % confidence whatever their distribution. It is
// false below n = 6, where no two ranks reach 95 %.
func MedianRanks(n int) (low, high int, ok bool) {
	if n < MinMedian {
		return 0, 0, false
	}
	half := distuv.Binomial{N: float64(n), P: 0.5}
	const tail = (1 - Confidence) / 2
	for low = 1; half.CDF(float64(low)) <= tail; low++ {
	}
	return low, n + 1 - low, true
}

// A Summary describes a list of values by some of the values themselves. What
// the list is too short for is nil.
type Summary struct {
	N      int
	Sorted []float64 // ascending
	P50    *float64
	P90    *float64 // from n = MinP90
	P95    *float64 // from n = MinP95
	Max    *float64
	Median *Interval // 95 % interval of the median, from n = MinMedian
}

// Summarise sorts and describes values.
func Summarise(values []float64) Summary {
	s := Summary{N: len(values), Sorted: slices.Sorted(slices.Values(values))}
	if s.N == 0 {
		return s
	}
	at := func(p float64) *float64 { return new(s.Sorted[rank(p, s.N)-1]) }
	s.P50, s.Max = at(50), new(s.Sorted[s.N-1])
	if s.N >= MinP90 {
		s.P90 = at(90)
	}
	if s.N >= MinP95 {
		s.P95 = at(95)
	}
	if low, high, ok := MedianRanks(s.N); ok {
		s.Median = &Interval{s.Sorted[low-1], s.Sorted[high-1]}
	}
	return s
}
