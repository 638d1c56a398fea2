package reports

import (
	"math"
	"strconv"
	"strings"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/projections/fold"
	"github.com/daybookhq/daybook/reports/markdown"
)

// surprising is the tail probability at and below which a month is called
// different from those before: that of the usual three-sigma limit, worked out
// exactly, because such limits misfire at small counts.
const surprising = 0.00135

// headline is the sentence a leader reads: count, exposure, rate, policy,
// whether it differs from before, and what is still owed.
func (m *Emergencies) headline(w *markdown.Writer) {
	w.Para(markdown.Bold(m.countSentence()), m.policySentence(), m.comparisonSentence(), m.owedSentence(), m.aside())
}

func (m *Emergencies) countSentence() markdown.Inline {
	n := m.This.Count
	lead := markdown.Text(plural(n, "emergency", "emergencies"))
	if n == 0 {
		lead = lit("No emergencies")
	}
	if m.This.ToDate {
		lead = markdown.F("%s so far, until %s UTC", lead, stamp(m.AsOf))
	}
	rate11 := m.This.Metrics["M-11"]
	switch {
	case rate11.Value != nil && m.This.Changes != nil:
		return markdown.F("%s in %s (%s per 100; 95 %% interval %s).", lead, m.changesText(), rate(*rate11.Value), interval(rate11))
	case m.This.Changes != nil && *m.This.Changes == 0:
		return markdown.F("%s; no changes were reported, so there is no rate.", lead)
	}
	if len(m.This.ChangesFrom) > 0 {
		return markdown.F("%s; %s, so there is no rate.", lead, m.This.ChangesUnknown)
	}
	return markdown.F("%s; how many changes shipped is not known, so there is no rate.", lead)
}

// changesText counts the month's changes, or what stands in for them.
func (m *Emergencies) changesText() string {
	deployments := 0
	for _, c := range m.This.ChangesFrom {
		if c.Kind == string(events.ExposureDeployments) {
			deployments++
		}
	}
	n := *m.This.Changes
	switch deployments {
	case 0:
		return changesText(n)
	case len(m.This.ChangesFrom):
		return count(n) + " " + pick(int(math.Round(n)), "deployment", "deployments")
	}
	return count(n) + " changes and deployments"
}

func changesText(n float64) string {
	return count(n) + " " + pick(int(math.Round(n)), "change", "changes")
}

func (m *Emergencies) policySentence() markdown.Inline {
	verdict := "kept"
	if m.This.Exceeded {
		verdict = "exceeded"
	}
	if m.This.ToDate && !m.This.Exceeded {
		verdict = "kept so far"
	}
	switch m.This.Threshold {
	case 0:
		return lit("Policy sets no limit.")
	case 1:
		return markdown.F("Policy asks for none: %s.", verdict)
	}
	return markdown.F("Policy asks for fewer than %s a month: %s.", m.This.Threshold, verdict)
}

// comparisonSentence says whether the month differs from those before it, apart
// from whether policy is kept.
func (m *Emergencies) comparisonSentence() markdown.Inline {
	c := m.Comparison
	if c.Unknown != "" || c.Tail == nil || c.Rate.Value == nil {
		return markdown.F("It is not compared with the months before: %s.", c.Unknown)
	}
	before := markdown.F("Against the %s before (%s per 100)", monthsWord(len(c.Baseline)), rate(*c.Rate.Value))
	switch {
	case float64(m.This.Count) <= *c.Expected:
		return markdown.F("%s it is not more.", before)
	case *c.Tail <= surprising:
		return markdown.F("%s it is more than chance explains: a month like this comes by chance %s.", before, odds(*c.Tail))
	}
	return markdown.F("%s this month alone is not distinguishable: a month like this comes by chance %s.", before, odds(*c.Tail))
}

func monthsWord(n int) string {
	if n == 1 {
		return "month"
	}
	return lower(word(n)) + " months"
}

func lower(s string) string { return strings.ToLower(s) }

// odds puts a probability into words: "4 times in 100".
func odds(p float64) string {
	for _, of := range []float64{10, 100, 1000, 10000} {
		n := math.Round(p * of)
		if n < 1 || of == 10 && math.Abs(p*of-n) > 0.05 {
			continue
		}
		return times(int(n)) + " in " + count(of)
	}
	return "less than once in 10,000"
}

func times(n int) string {
	switch n {
	case 1:
		return "once"
	case 2:
		return "twice"
	}
	return strconv.Itoa(n) + " times"
}

// owedSentence counts what is still to do for the emergencies of the month, and
// apart from it for those of others, which the table of duties lists as well.
func (m *Emergencies) owedSentence() markdown.Inline {
	waiting, oldest := 0, ""
	var age float64
	duties, shipped := 0, 0
	mine := map[string]bool{}
	for _, e := range m.List {
		mine[e.ID] = true
		if e.Shipped == nil {
			continue
		}
		shipped++
		duties += e.DutiesNeeded - e.DutiesDone
		if len(e.Gates) == 0 {
			continue
		}
		waiting++
		if a := m.AsOf.Sub(e.Shipped.At); a.Seconds() > age {
			age, oldest = a.Seconds(), roughly(a)
		}
	}
	n := len(m.List)
	var out []markdown.Inline
	switch {
	case waiting == 1 && n == 1:
		out = append(out, markdown.F("It still has gates to run, for %s now.", oldest))
	case waiting > 0:
		out = append(out, markdown.F("%s of %s still %s gates to run; the oldest has waited %s.", waiting, n, has(waiting), oldest))
	}
	switch {
	case duties > 0:
		out = append(out, markdown.F("%s open.", plural(duties, "duty is", "duties are")))
	case shipped > 0:
		out = append(out, lit("Every duty of this month's emergencies is done."))
	}
	others, late := 0, 0
	for _, o := range m.Open {
		if mine[o.Emergency] {
			continue
		}
		others++
		if o.State == fold.Overdue {
			late++
		}
	}
	if others > 0 {
		text := markdown.F("Of emergencies of other months, %s open", plural(others, "duty is", "duties are"))
		if late > 0 {
			text = markdown.F("%s, %s overdue", text, late)
		}
		out = append(out, markdown.F("%s.", text))
	}
	return markdown.Join(" ", out...)
}

// aside keeps relabelling from improving the number unseen.
func (m *Emergencies) aside() markdown.Inline {
	var out []markdown.Inline
	if n := len(m.This.Reclassified); n > 0 {
		out = append(out, markdown.F("%s more %s reclassified as routine.", n, was(n)))
	}
	if n := len(m.This.Undeclared); n > 0 {
		out = append(out, markdown.F("%s seen that nobody declared.", plural(n, "bypass was", "bypasses were")))
	}
	return markdown.Join(" ", out...)
}

func (m *Emergencies) list(w *markdown.Writer) {
	if len(m.List) == 0 {
		w.Para(lit("None declared in this month."))
		return
	}
	z := m.zone()
	cols := []markdown.Column{markdown.Col("Emergency"), {Head: markdown.F("Declared (%s)", z.name)}, markdown.Col("Category"), markdown.Col("Service"),
		markdown.Col("Bypassed"), markdown.Col("Approved before shipping"), markdown.Num("Time to ship"), markdown.Col("Duties done"), markdown.Col("Positions")}
	var rows [][]markdown.Inline
	for _, e := range m.List {
		name := markdown.Bold(markdown.Text(e.ID))
		if e.Title != "" {
			name = markdown.F("%s %s", name, markdown.Excerpt(e.Title, 80))
		}
		if e.Routine {
			name = markdown.F("%s _(reclassified as routine)_", name)
		}
		var elements []string
		for _, el := range e.Elements {
			elements = append(elements, elementName(el))
		}
		ship := markdown.Text(took(e.TimeToShip))
		if e.Shipped == nil {
			ship = lit("not shipped")
		} else if after := e.DeclaredAt.Sub(e.Shipped.At); after > 0 {
			ship = markdown.F("declared %s after shipping", exactly(after))
		} else if s := e.TimeToShip.Seconds; s != nil && *s < 0 {
			ship = markdown.F("the page is timed %s after shipping", exactly(seconds(-*s)))
		}
		duties := markdown.F("%s of %s", e.DutiesDone, e.DutiesNeeded)
		if e.Shipped == nil {
			duties = lit("not due yet")
		}
		if n := len(e.Gates); n > 0 && e.Shipped != nil {
			duties = markdown.F("%s, %s to run", duties, plural(n, "gate", "gates"))
		}
		at := e.DeclaredAt.In(z.loc)
		rows = append(rows, []markdown.Inline{name, markdown.Text(at.Format("2 Jan") + " " + clock(at)), orDash(words(e.Category)), named(e.Service),
			orDash(strings.Join(elements, ", ")), e.approved(), ship, duties, markdown.Cite(e.Positions...)})
	}
	w.Table(cols, rows)
}

// named sets a name as code, or is nothing.
func named(s string) markdown.Inline {
	if s == "" {
		return none
	}
	return markdown.Code(s)
}

func (e EmergencyRow) approved() markdown.Inline {
	switch {
	case e.Approved == 0 && e.ApprovedLate == 0 && e.Entered == 0:
		return lit("**no approval recorded**")
	case e.Approved == 0 && e.Entered == 0:
		return lit("**no, only afterwards**")
	case e.Asked == 0 && e.Approved == 0:
		return lit("**entered only afterwards**")
	case e.Asked == 0:
		return markdown.Text(plural(e.Approved, "approval", "approvals"))
	case e.MetEntered > 0:
		return markdown.F("**%s of %s asked for, %s entered only afterwards**", e.Met, e.Asked, e.MetEntered)
	case e.Met < e.Asked:
		return markdown.F("**%s of %s asked for**", e.Met, e.Asked)
	}
	return markdown.F("yes, %s of %s", e.Met, e.Asked)
}

// rate sets out the numbers behind the headline.
func (m *Emergencies) rate(w *markdown.Writer) {
	var items []markdown.Inline
	r := m.This.Metrics["M-11"]
	if r.Value != nil && m.This.Changes != nil {
		items = append(items, markdown.F("This month: %s in %s, %s per 100, 95 %% interval %s.", m.This.Count, m.changesText(), rate(*r.Value), interval(r)))
	} else {
		items = append(items, markdown.F("This month: %s; %s.", m.This.Count, r.Why))
	}
	c := m.Comparison
	if c.Rate.Value != nil {
		items = append(items, markdown.F("The %s before: %s in %s, %s per 100, 95 %% interval %s.", monthsWord(len(c.Baseline)), c.Emergencies, changesText(c.Changes), rate(*c.Rate.Value), interval(c.Rate)))
	}
	if c.Tail != nil && c.Expected != nil {
		items = append(items, markdown.F("At that rate %s would be expected this month. As many as %s or more come by chance with probability %s%s.", expected(*c.Expected), m.This.Count, probability(*c.Tail), m.inTwelve()))
		switch {
		case m.This.Exceeded && *c.Tail > surprising:
			items = append(items, lit("Both hold: the policy's threshold is exceeded, and this month alone is not distinguishable from those before."))
		case m.This.Exceeded:
			items = append(items, lit("The policy's threshold is exceeded, and the month differs from those before by more than chance explains."))
		}
	} else if c.Unknown != "" {
		items = append(items, markdown.F("Not compared with the months before: %s.", c.Unknown))
	}
	if x := c.Rolling; x.Value != nil && x.Of != nil {
		text := markdown.F("Rolling twelve months: %s in %s, %s per 100, 95 %% interval %s", x.N, changesText(*x.Of), rate(*x.Value), interval(x))
		if x.Note != "" {
			text = markdown.F("%s (%s)", text, x.Note)
		}
		items = append(items, markdown.F("%s.", text))
	}
	w.Bullets(items...)
}

func expected(x float64) string {
	return strconv.FormatFloat(x, 'f', 2, 64) + " emergencies"
}

// probability keeps three significant digits.
func probability(p float64) string {
	if p < 0.0001 {
		return "below 0.0001"
	}
	return strconv.FormatFloat(p, 'g', 3, 64)
}

func (m *Emergencies) inTwelve() markdown.Inline {
	if m.InTwelve == nil || m.Comparison.Tail == nil || *m.Comparison.Tail > 0.5 {
		return none
	}
	return markdown.F("; that at least one of twelve such months shows as many has probability %s", probability(*m.InTwelve))
}

func (m *Emergencies) seriesTable(w *markdown.Writer) {
	thresholds := map[int]bool{}
	for _, row := range m.Series {
		thresholds[row.Threshold] = true
	}
	policy := markdown.Col("Policy")
	if len(thresholds) == 1 && m.This.Threshold > 0 {
		policy = markdown.Column{Head: markdown.F("Policy (under %s)", m.This.Threshold)}
	}
	var rows [][]markdown.Inline
	for i := len(m.Series) - 1; i >= 0; i-- {
		x := m.Series[i]
		month := markdown.Text(x.Month.Month)
		if x.ToDate {
			month = markdown.F("%s to date", x.Month.Month)
		}
		changes := lit("unknown")
		if x.Changes != nil {
			changes = markdown.Text(count(*x.Changes))
		}
		tail := none
		if x.Tail != nil {
			tail = markdown.Text(probability(*x.Tail))
		}
		kept := lit("kept")
		switch {
		case x.Threshold == 0:
			kept = none
		case x.Exceeded:
			kept = lit("exceeded")
		}
		if len(thresholds) > 1 {
			kept = markdown.F("%s (under %s)", kept, x.Threshold)
		}
		r := x.Metrics["M-11"]
		rows = append(rows, []markdown.Inline{month, changes, markdown.Text(count(float64(x.Count))), markdown.Text(value(r)), markdown.Text(interval(r)), tail, kept})
	}
	w.Table([]markdown.Column{markdown.Col("Month"), markdown.Num("Changes"), markdown.Num("Emergencies"), markdown.Num("Per 100"), markdown.Num("95 % interval"), markdown.Num("As many by chance"), policy}, rows)
	w.Para(lit("_As many by chance_: the probability of so many or more at the rate of the eleven months before that month; left out where fewer than eight of those are known."))
}
