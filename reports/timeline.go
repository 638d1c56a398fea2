package reports

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/projections/fold"
	"github.com/daybookhq/daybook/reports/markdown"
)

// A Row is one event of a timeline.
type Row struct {
	At            time.Time         `json:"at"` // UTC, corrected
	Precision     string            `json:"precision,omitzero"`
	OffsetSeconds float64           `json:"offset_seconds"` // from the start of the story
	Type          string            `json:"type"`           // short
	Fields        []Field           `json:"fields,omitzero"`
	Note          string            `json:"note,omitzero"`
	Actor         string            `json:"actor,omitzero"`
	Role          string            `json:"role,omitzero"`
	Evidence      []events.Evidence `json:"evidence,omitzero"`
	Position      int64             `json:"position"`
	Recorded      time.Time         `json:"recorded"`
	Late          bool              `json:"late,omitzero"` // recorded later after it happened than the policy allows
	Corrections   []fold.Correction `json:"corrections,omitzero"`
	Retracted     *fold.Correction  `json:"retracted,omitzero"`
	Linked        bool              `json:"linked,omitzero"` // of another story, reached by a link
}

// A Field is one plain field of an event, as text.
type Field struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// maxCell is how much of a person's text one cell shows. The rest is in the
// record that the row cites.
const maxCell = 280

// rowOf reads an event for the timeline.
func rowOf(v *fold.View, start time.Time, lateAfter time.Duration, linked bool) Row {
	d := fold.Data[events.Common](v)
	r := Row{
		At: v.At, Precision: string(d.Precision), OffsetSeconds: v.At.Sub(start).Seconds(), Type: v.Short(), Note: d.Note,
		Actor: v.AuthID, Role: string(d.Role), Evidence: d.Evidence, Position: v.Position, Recorded: v.LedgerTime,
		Late: v.Lag() > lateAfter, Corrections: v.Corrections, Retracted: v.Retracted, Linked: linked,
	}
	t, known := tellings[r.Type]
	data := fieldsOf(v.Data)
	if !known {
		for _, f := range data {
			if f.Name != "note" && f.Name != "role" && f.Name != "precision" && f.Name != "evidence" {
				r.Fields = append(r.Fields, f)
			}
		}
		return r
	}
	for _, want := range t.with {
		if slices.ContainsFunc(r.Fields, func(f Field) bool { return f.Name == want.field }) {
			continue
		}
		if events.Kind(want.field).IsCorrelation() {
			if key := v.Key(events.Kind(want.field)); key != "" {
				r.Fields = append(r.Fields, Field{want.field, key})
			}
			continue
		}
		if i := slices.IndexFunc(data, func(f Field) bool { return f.Name == want.field }); i >= 0 && want.style != skip {
			r.Fields = append(r.Fields, data[i])
		}
	}
	return r
}

// fieldsOf reads the fields of an event's data as text, in their order.
func fieldsOf(data []byte) []Field {
	if len(data) == 0 || data[0] != '{' {
		return nil
	}
	var out []Field
	dec := jsontext.NewDecoder(strings.NewReader(string(data)))
	if _, err := dec.ReadToken(); err != nil {
		return nil
	}
	for dec.PeekKind() == '"' {
		name, err := dec.ReadToken()
		if err != nil {
			return out
		}
		key := name.String()
		value, err := dec.ReadValue()
		if err != nil {
			return out
		}
		if text := valueText(value); text != "" {
			out = append(out, Field{key, text})
		}
	}
	return out
}

// valueText is a JSON value as people read it: lists with commas, a person by
// id, and nothing for null.
func valueText(v jsontext.Value) string {
	switch v.Kind() {
	case 'n':
		return ""
	case '"':
		var s string
		if json.Unmarshal(v, &s) != nil {
			return ""
		}
		return s
	case '[':
		var list []jsontext.Value
		if json.Unmarshal(v, &list) != nil {
			return ""
		}
		var parts []string
		for _, e := range list {
			if t := valueText(e); t != "" {
				parts = append(parts, t)
			}
		}
		return strings.Join(parts, ", ")
	case '{':
		var o struct {
			ID    string  `json:"id"`
			Name  string  `json:"name"`
			Value float64 `json:"value"`
			Unit  string  `json:"unit"`
		}
		_ = json.Unmarshal(v, &o)
		switch {
		case o.ID != "":
			return o.ID
		case o.Name != "":
			return o.Name
		case o.Unit != "":
			return count(o.Value) + " " + o.Unit
		}
		return string(v)
	}
	return string(v)
}

// told is a row in words.
func (r Row) told(c *cast) markdown.Inline {
	t, known := tellings[r.Type]
	note := markdown.Excerpt(r.Note, maxCell)
	if !known {
		var parts []markdown.Inline
		for _, f := range r.Fields {
			parts = append(parts, markdown.F("%s %s", words(f.Name), markdown.Excerpt(f.Value, 80)))
		}
		return sentence(markdown.Code(r.Type), markdown.Join(", ", parts...), note)
	}
	say := t.say
	if t.bold {
		say = markdown.Bold(say)
	}
	what := say
	var rest []markdown.Inline
	for _, d := range t.with {
		i := slices.IndexFunc(r.Fields, func(f Field) bool { return f.Name == d.field })
		if i < 0 {
			continue
		}
		text := d.tell(r.Fields[i].Value)
		if d.field == "owner" || d.field == "to" && r.Type == "escalation.raised" {
			text = markdown.F("%s%s", d.before, c.named(r.Fields[i].Value))
		}
		switch {
		case !d.follows():
			rest = append(rest, text)
		case len(rest) == 0:
			what = markdown.Join(" ", what, text)
		default:
			rest[len(rest)-1] = markdown.Join(" ", rest[len(rest)-1], text)
		}
	}
	return sentence(what, markdown.Join(", ", rest...), note).Or(lit("Note"))
}

// follows reports whether a detail reads on from what is before it, as in
// "Detected by alert", rather than after a comma.
func (d detail) follows() bool {
	switch d.field {
	case "percent", "kind", "unit", "audience":
		return true
	}
	if d.style == code && d.before.IsZero() {
		return true
	}
	before := d.before.Markdown()
	return slices.ContainsFunc([]string{"at ", "as ", "by ", "for ", "from ", "in ", "into ", "of ", "to "}, func(p string) bool { return before == p })
}

// sentence joins what happened, its details and a person's note.
func sentence(what, details, note markdown.Inline) markdown.Inline {
	return markdown.Join(": ", markdown.Join(", ", what, details), note)
}

func (d detail) tell(value string) markdown.Inline {
	switch d.style {
	case code:
		return markdown.F("%s%s%s", d.before, markdown.Code(value), d.after)
	case worded:
		if d.field == "audience" {
			value = audienceName(value)
		}
		return markdown.F("%s%s%s", d.before, words(value), d.after)
	case yesOnly, noOnly:
		if (value == "true") != (d.style == yesOnly) || value != "true" && value != "false" {
			return none
		}
		return d.before
	case duration:
		if s, err := events.ParseSeconds(value); err == nil {
			value = exactly(s.Duration())
		}
	case quoted:
		return markdown.F("%s%s%s", d.before, markdown.Excerpt(value, maxCell), d.after)
	case plain:
		if n, err := strconv.ParseFloat(value, 64); err == nil {
			value = count(n)
		} else if strings.HasSuffix(value, "%") || strings.Contains(value, " ") {
			return markdown.F("%s%s", d.before, markdown.Excerpt(value, maxCell))
		}
	}
	return markdown.F("%s%s%s", d.before, value, d.after)
}

// audienceName is an audience as the object of a sentence.
func audienceName(audience string) string {
	switch events.Audience(audience) {
	case events.AudienceInternal:
		return "people inside"
	case events.AudienceRegulator:
		return "the regulator"
	}
	return audience
}

// badges say what is unusual about a row.
func (r Row) badges(z zone, late bool) markdown.Inline {
	var out []markdown.Inline
	if r.Retracted != nil {
		b := markdown.F("retracted %s", markdown.Cite(r.Retracted.Position))
		if r.Retracted.Why != "" {
			b = markdown.F("%s because: %s", b, markdown.Excerpt(r.Retracted.Why, 120))
		}
		out = append(out, b)
	}
	for _, c := range r.Corrections {
		var what []markdown.Inline
		for _, f := range c.Fields {
			what = append(what, changeText(f, r, z))
		}
		b := markdown.F("corrected %s", markdown.Cite(c.Position))
		if changes := markdown.Join("; ", what...); !changes.IsZero() {
			b = markdown.F("%s: %s", b, changes)
		}
		out = append(out, b)
	}
	if r.Precision == string(events.PrecisionInferred) {
		out = append(out, lit("time inferred"))
	}
	if late && r.Late {
		out = append(out, markdown.F("recorded %s later", roughly(r.Recorded.Sub(r.At))))
	}
	if r.Linked {
		out = append(out, lit("linked from another story"))
	}
	return markdown.Em(markdown.Join("; ", out...))
}

func changeText(f fold.FieldChange, r Row, z zone) markdown.Inline {
	from, to := valueText(jsontext.Value(f.From)), valueText(jsontext.Value(f.To))
	if f.Name == "time" {
		if a, err := time.Parse(time.RFC3339Nano, from); err == nil {
			if b, err := time.Parse(time.RFC3339Nano, to); err == nil {
				from, to = stamp(a), stamp(b)
				if a.UTC().Format(dateOnly) == b.UTC().Format(dateOnly) {
					to = clock(b.UTC())
				}
			}
		}
	}
	switch {
	case from == "":
		return markdown.F("%s %s added", words(f.Name), markdown.Excerpt(to, 80))
	case to == "":
		return markdown.F("%s %s taken out", words(f.Name), markdown.Excerpt(from, 80))
	}
	return markdown.F("%s was %s, is %s", words(f.Name), markdown.Excerpt(from, 80), markdown.Excerpt(to, 80))
}

// shownTime marks what is not exact: "≈ 14:07", "≤ 14:07".
func shownTime(text, precision string) markdown.Inline {
	switch events.Precision(precision) {
	case events.PrecisionApproximate, events.PrecisionInferred:
		return markdown.F("≈ %s", text)
	case events.PrecisionAtMost:
		return markdown.F("≤ %s", text)
	}
	return markdown.Text(text)
}

// timelineTable writes the rows: UTC, the zone where it is another, the offset,
// the event, who, and the evidence with the row's own position first.
func timelineTable(w *markdown.Writer, rows []Row, c *cast, z zone) {
	late := 0
	for _, r := range rows {
		if r.Late {
			late++
		}
	}
	cols := []markdown.Column{markdown.Col("UTC")}
	if !z.isUTC() {
		cols = append(cols, markdown.Column{Head: markdown.Text(z.name)})
	}
	cols = append(cols, markdown.Num("From start"), markdown.Col("Event"), markdown.Col("Who"), markdown.Col("Evidence"))
	utc, local := dater{loc: time.UTC}, dater{loc: z.loc}
	var cells [][]markdown.Inline
	for _, r := range rows {
		line := []markdown.Inline{shownTime(utc.next(r.At), r.Precision)}
		if !z.isUTC() {
			line = append(line, shownTime(local.next(r.At), r.Precision))
		}
		told := markdown.Join(" ", r.told(c), r.badges(z, late < len(rows)))
		who := c.show(r.Actor, r.Role)
		evidence := markdown.Cite(r.Position)
		for i, e := range r.Evidence {
			if i == 3 {
				evidence = markdown.F("%s and %s more", evidence, len(r.Evidence)-i)
				break
			}
			evidence = markdown.Join(" ", evidence, evidenceText(e))
		}
		cells = append(cells, append(line, markdown.Text(offset(seconds(r.OffsetSeconds))), told, who, evidence))
	}
	w.Table(cols, cells)
}

// evidenceText is a link where there is a web page, and words otherwise.
func evidenceText(e events.Evidence) markdown.Inline {
	label := e.Label
	if label == "" && e.Ref == "" {
		label = words(string(e.Kind))
	}
	switch {
	case e.URL != "":
		return markdown.Link(label, e.URL)
	case e.Ref != "" && label != "":
		return markdown.F("%s (%s)", markdown.Excerpt(label, 80), markdown.Excerpt(e.Ref, 80))
	case e.Ref != "":
		return markdown.Excerpt(e.Ref, 80)
	}
	return markdown.Excerpt(label, 80)
}
