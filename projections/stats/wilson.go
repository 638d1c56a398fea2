package stats

import (
	"math"

	"gonum.org/v1/gonum/stat/distuv"
)

// Wilson is the 95 % score interval of a share, k of n (E. B. Wilson, JASA 22,
// 1927). It stays between 0 and 1 and behaves for shares near either. It is
// false where k is not a part of n, or n is zero.
func Wilson(k, n float64) (Interval, bool) {
	if !(n > 0) || !(k >= 0) || k > n || math.IsInf(n, 0) {
		return Interval{}, false
	}
	z := distuv.UnitNormal.Quantile(1 - (1-Confidence)/2)
	p := k / n
	centre := p + z*z/(2*n)
	half := z * math.Sqrt(p*(1-p)/n+z*z/(4*n*n))
	scale := 1 / (1 + z*z/n)
	i := Interval{Low: max(0, (centre-half)*scale), High: min(1, (centre+half)*scale)}
	if k == 0 {
		i.Low = 0 // exactly, where rounding would leave a trace
	}
	if k == n {
		i.High = 1
	}
	return i, true
}
