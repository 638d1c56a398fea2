package stats

import (
	"math"

	"gonum.org/v1/gonum/mathext"
)

// Confidence is the level of every interval in this project: 95 %, two-sided.
const Confidence = 0.95

// An Interval runs from Low to High, both included.
type Interval struct{ Low, High float64 }

// Scale multiplies both ends, as to turn an interval of counts into one of rates.
func (i Interval) Scale(by float64) Interval { return Interval{i.Low * by, i.High * by} }

// Garwood is the exact 95 % interval of the mean of a Poisson count: the means
// for which a count of n is not too rare on either side (F. Garwood, Biometrika
// 28, 1936). It covers the true mean at least 95 % of the time, and is wide
// because of it. It is false for a negative count.
func Garwood(n int) (Interval, bool) {
	if n < 0 {
		return Interval{}, false
	}
	const tail = (1 - Confidence) / 2
	var i Interval
	if n > 0 {
		i.Low = mathext.GammaIncRegInv(float64(n), tail)
	}
	i.High = mathext.GammaIncRegInv(float64(n)+1, 1-tail)
	return i, true
}

// A RateInterval is a rate with its exact interval.
type RateInterval struct {
	Rate float64
	Interval
}

// Rate is n events in an exposure, per so many units of exposure, with the
// Garwood interval. It is false where there is no exposure to divide by.
func Rate(n int, exposure, per float64) (RateInterval, bool) {
	i, ok := Garwood(n)
	if !ok || !(exposure > 0) || math.IsInf(exposure, 0) {
		return RateInterval{}, false
	}
	return RateInterval{Rate: float64(n) * per / exposure, Interval: i.Scale(per / exposure)}, true
}

// PoissonTail is the probability of n or more events where mean are expected.
// It is false for a mean that is negative or not finite.
func PoissonTail(n int, mean float64) (float64, bool) {
	switch {
	case !(mean >= 0) || math.IsInf(mean, 0):
		return 0, false
	case n <= 0:
		return 1, true
	case mean == 0:
		return 0, true
	}
	return mathext.GammaIncReg(float64(n), mean), true
}
