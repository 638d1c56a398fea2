package stats

import (
	"math"
	"slices"
	"testing"

	"gonum.org/v1/gonum/stat/distuv"
	"pgregory.net/rapid"
)

func near(t *testing.T, what string, got, want float64, decimals int) {
	t.Helper()
	if scale := math.Pow10(decimals); math.Round(got*scale) != math.Round(want*scale) {
		t.Errorf("%s is %.*f, want %.*f", what, decimals+2, got, decimals, want)
	}
}

// The table of exact Poisson limits that is printed in textbooks (epitools
// pois.exact agrees on the rows for 0 and 10).
func TestGarwoodTable(t *testing.T) {
	for n, want := range map[int]Interval{
		0: {0, 3.6889}, 1: {0.0253, 5.5716}, 2: {0.2422, 7.2247}, 3: {0.6187, 8.7673},
		4: {1.0899, 10.2416}, 5: {1.6235, 11.6683}, 6: {2.2019, 13.0595}, 7: {2.8144, 14.4227},
		8: {3.4538, 15.7632}, 9: {4.1154, 17.0848}, 10: {4.7954, 18.3904}, 12: {6.2006, 20.9616},
		20: {12.2165, 30.8884},
	} {
		got, ok := Garwood(n)
		if !ok {
			t.Fatalf("no interval for %d", n)
		}
		near(t, "low", got.Low, want.Low, 4)
		near(t, "high", got.High, want.High, 4)
	}
	if _, ok := Garwood(-1); ok {
		t.Error("a negative count has an interval")
	}
}

// An exact interval is the set of means at which neither tail beyond the count
// is rarer than 2.5 %.
func TestGarwoodIsExact(t *testing.T) {
	for _, n := range []int{1, 2, 17, 400, 12_345} {
		i, _ := Garwood(n)
		upper, _ := PoissonTail(n, i.Low)
		near(t, "tail at the low end", upper, 0.025, 6)
		near(t, "tail at the high end", distuv.Poisson{Lambda: i.High}.CDF(float64(n)), 0.025, 6)
	}
}

func TestRate(t *testing.T) {
	r, _ := Rate(3, 120, 100)
	near(t, "3 in 120", r.Rate, 2.50, 2)
	near(t, "low", r.Low, 0.52, 2)
	near(t, "high", r.High, 7.31, 2)
	r, _ = Rate(0, 40, 100)
	near(t, "0 in 40", r.Rate, 0, 2)
	near(t, "upper limit", r.High, 9.22, 2)
	for _, exposure := range []float64{0, -1, math.NaN(), math.Inf(1)} {
		if _, ok := Rate(0, exposure, 100); ok {
			t.Errorf("an exposure of %v gives a rate", exposure)
		}
	}
}

func TestPoissonTail(t *testing.T) {
	p, _ := PoissonTail(3, 7.0/1130*120)
	near(t, "P(X ≥ 3)", p, 0.0396, 4)
	p, _ = PoissonTail(4, 0.5)
	near(t, "P(X > 3 | 0.5)", p, 0.0018, 4)
	p, _ = PoissonTail(3, 0.5)
	near(t, "P(X ≥ 3 | 0.5)", p, 0.01439, 5)
	p, _ = PoissonTail(5, 1)
	near(t, "P(X > 4 | 1)", p, 0.00366, 5)
	if p, _ := PoissonTail(0, 0); p != 1 {
		t.Errorf("none or more is certain, got %v", p)
	}
	if p, _ := PoissonTail(1, 0); p != 0 {
		t.Errorf("one cannot come where none is expected, got %v", p)
	}
	if _, ok := PoissonTail(1, math.NaN()); ok {
		t.Error("no mean, but a probability")
	}
}

func TestWilson(t *testing.T) {
	i, _ := Wilson(9, 400)
	near(t, "low", 100*i.Low, 1.19, 2)
	near(t, "high", 100*i.High, 4.22, 2)
	if i, _ := Wilson(0, 10); i.Low != 0 || i.High < 0.2 {
		t.Errorf("0 of 10: %+v", i)
	}
	if i, _ := Wilson(10, 10); i.High != 1 || i.Low > 0.8 {
		t.Errorf("10 of 10: %+v", i)
	}
	for _, kn := range [][2]float64{{1, 0}, {2, 1}, {-1, 5}} {
		if _, ok := Wilson(kn[0], kn[1]); ok {
			t.Errorf("%v of %v has an interval", kn[0], kn[1])
		}
	}
}

func TestNearestRank(t *testing.T) {
	five := []float64{13, 2, 8, 3, 5}
	for p, want := range map[float64]float64{50: 5, 90: 13, 95: 13, 20: 2, 21: 3, 100: 13} {
		if got, _ := Percentile(five, p); got != want {
			t.Errorf("p%v of %v is %v, want %v", p, five, got, want)
		}
	}
	if five[0] != 13 {
		t.Error("the caller's list was sorted")
	}
	s := Summarise(five)
	if *s.P50 != 5 || *s.Max != 13 || s.P90 != nil || s.P95 != nil || s.Median != nil {
		t.Errorf("five values: %+v", s)
	}
	if s := Summarise(nil); s.P50 != nil || s.Max != nil || s.N != 0 {
		t.Errorf("no values: %+v", s)
	}
}

func TestFiguresAppearWithTheirNumbers(t *testing.T) {
	upTo := func(n int) Summary {
		var v []float64
		for i := range n {
			v = append(v, float64(i+1))
		}
		return Summarise(v)
	}
	if s := upTo(9); s.P90 != nil {
		t.Error("p90 of nine values")
	}
	if s := upTo(10); s.P90 == nil || *s.P90 != 9 || s.P95 != nil {
		t.Errorf("ten values: %+v", s)
	}
	if s := upTo(19); s.P95 != nil {
		t.Error("p95 of nineteen values")
	}
	if s := upTo(20); s.P95 == nil || *s.P95 != 19 {
		t.Errorf("twenty values: %+v", s)
	}
}

func TestMedianRanks(t *testing.T) {
	for n, want := range map[int][2]int{6: {1, 6}, 9: {2, 8}, 11: {2, 10}, 20: {6, 15}} {
		low, high, ok := MedianRanks(n)
		if !ok || low != want[0] || high != want[1] {
			t.Errorf("n = %d: ranks %d to %d, want %v", n, low, high, want)
		}
	}
	if _, _, ok := MedianRanks(5); ok {
		t.Error("five values cannot bear a 95 % interval of the median")
	}
}

func TestMedianRanksReach95(t *testing.T) {
	for n := MinMedian; n <= 300; n++ {
		low, high, _ := MedianRanks(n)
		half := distuv.Binomial{N: float64(n), P: 0.5}
		if c := half.CDF(float64(high-1)) - half.CDF(float64(low-1)); c < 0.95-1e-9 {
			t.Fatalf("n = %d: ranks %d to %d cover %.4f", n, low, high, c)
		}
		if c := 1 - 2*half.CDF(float64(low)); c >= 0.95+1e-9 {
			t.Fatalf("n = %d: ranks %d to %d cover %.4f as well", n, low+1, high-1, c)
		}
	}
}

func TestPercentileIsAnObservation(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.Float64Range(-1e6, 1e6), 1, 60).Draw(t, "values")
		p := rapid.Float64Range(0.001, 100).Draw(t, "p")
		got, ok := Percentile(values, p)
		if !ok || !slices.Contains(values, got) {
			t.Fatalf("p%v is %v", p, got)
		}
		below := 0
		for _, v := range values {
			if v <= got {
				below++
			}
		}
		if float64(below)/float64(len(values))*100 < p-1e-6 {
			t.Fatalf("only %d of %d do not exceed p%v", below, len(values), p)
		}
	})
}
