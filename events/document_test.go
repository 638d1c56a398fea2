package events

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite CATALOGUE.md")

// CATALOGUE.md is made from the descriptors; it must not fall behind them.
func TestCatalogueDocument(t *testing.T) {
	want := catalogueDocument()
	if *update {
		if err := os.WriteFile("CATALOGUE.md", want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile("CATALOGUE.md")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("CATALOGUE.md is not what the types say; go test ./events -run TestCatalogueDocument -update rewrites it")
	}
}

func catalogueDocument() []byte {
	var b bytes.Buffer
	list := Catalogue()
	fmt.Fprintf(&b, `# The events

Daybook knows %d types of event in %d families. This page is made from the Go types; `+"`daybook events describe TYPE`"+` shows the same at a prompt, with an example, and `+"`--schema`"+` the JSON Schema.

An event is a [CloudEvents 1.0](https://cloudevents.io) event. Its type is `+"`%s`"+` + the name below + `+"`.v1`"+`. *Who* did it is the attribute `+"`authid`"+` (`+"`actor`"+` at a prompt), a pseudonymous id. The keys named with each type are attributes as well: they join the events of one story. All other fields stand in `+"`data`"+`.

A complete record has what is marked ✓, and one of those marked with the same letter. A record that lacks them is kept all the same, and so is one of a type that is not listed here.

Every event may also carry:
`, len(list), len(Families()), Prefix)
	writeFields(&b, list[0].Fields, func(f Field) bool { return f.Common })
	for _, family := range Families() {
		fmt.Fprintf(&b, "\n## %s\n", strings.ToUpper(family[:1])+family[1:])
		for _, d := range list {
			if d.Family != family {
				continue
			}
			fmt.Fprintf(&b, "\n### %s\n\n%s", d.Short, d.Meaning)
			if d.Ledger {
				b.WriteString(" *Only the ledger itself writes it.*")
			}
			fmt.Fprintf(&b, "\n\n> %s\n\n", d.Practice)
			writeFields(&b, d.Fields, func(f Field) bool { return !f.Common || f.Required })
		}
	}
	b.WriteString("\n## What a policy says\n\nThe values of `policy.set`, with what holds until an organisation says otherwise. Lengths of time are in seconds.\n\n| Value | Default | What it means | Where it comes from |\n| --- | --- | --- | --- |\n")
	for _, v := range PolicyValues() {
		source := v.Source
		if v.Proposed {
			source += "; the value is our proposal"
		}
		fmt.Fprintf(&b, "| `%s` | `%s` | %s | %s |\n", v.Name, v.Default, cell(v.Meaning), cell(source))
	}
	return b.Bytes()
}

func writeFields(b *bytes.Buffer, fields []Field, keep func(Field) bool) {
	groups := map[string]string{}
	mark := func(f Field) string {
		if f.Required {
			return "✓"
		}
		if f.AnyOf != "" && groups[f.AnyOf] == "" {
			groups[f.AnyOf] = string(rune('a' + len(groups)))
		}
		return groups[f.AnyOf]
	}
	var keys []string
	for _, f := range fields {
		if f.In == InAttribute && keep(f) {
			keys = append(keys, strings.TrimSpace("`"+f.Name+"` "+mark(f)))
		}
	}
	if keys != nil {
		fmt.Fprintf(b, "Keys: %s\n", strings.Join(keys, " · "))
	}
	first := true
	for _, f := range fields {
		if f.In == InAttribute || !keep(f) {
			continue
		}
		if first {
			b.WriteString("\n| Field | | Takes | What it holds |\n| --- | --- | --- | --- |\n")
			first = false
		}
		takes := f.Type()
		if len(f.Enum) > 0 {
			takes = f.Many + "`" + strings.Join(f.Enum, "` `") + "`"
		}
		fmt.Fprintf(b, "| `%s` | %s | %s | %s |\n", f.Name, mark(f), cell(takes), cell(f.Meaning))
	}
}

func cell(s string) string { return strings.ReplaceAll(s, "|", `\|`) }
