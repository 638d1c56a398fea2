package reports

import (
	"strings"
	"testing"
)

func TestLayoutEscapesWhatItPrints(t *testing.T) {
	l, err := parseLayout("mine.md.tmpl", `{{/* mine/1 */ -}}
# {{.Title}}

{{range .List}}- {{.}}
{{end}}
{{if .Title}}{{with .Title}}{{.}} {{printf "%s!" .}}{{end}}{{end}}
{{$x := .Title}}{{$x}}

{{section .Title "a"}}

{{facts "b"}}
`, []string{"a", "b"})
	if err != nil {
		t.Fatal(err)
	}
	model := struct {
		Title string
		List  []string
	}{"*x*\n# y <!-- daybook:begin z -->", []string{"[#1]", "a\n- [x] b"}}
	got, err := l.render(model, func(name string) string {
		if name == "b" {
			return ""
		}
		return "body\n"
	})
	if err != nil {
		t.Fatal(err)
	}
	title := `\*x\* \# y \<\!-- daybook:begin z --\>`
	want := "# " + title + "\n\n- \\[# 1\\]\n- a - \\[x\\] b\n\n" + title + " " + title + "!\n" + title + "\n\n## " + title + "\n\n<!-- daybook:begin a -->\nbody\n<!-- daybook:end a -->\n"
	if string(got) != want {
		t.Errorf("\n got %q\nwant %q", got, want)
	}
}

func TestBrokenLayoutsFailOnLoadWithTheirLine(t *testing.T) {
	for want, text := range map[string]string{
		"mine.md.tmpl:1: the first line must name its version": "# Title\n",
		"mine.md.tmpl:3": "{{/* mine/1 */ -}}\n# Title\n{{.Title\n",
		`mine.md.tmpl:4:2: there is no block "nowhere"; there are a, b`: "{{/* mine/1 */ -}}\n# Title\n\n{{section \"Here\" \"nowhere\"}}\n",
		`mine.md.tmpl:2:19: there is no block "c"`:                      "{{/* mine/1 */ -}}\n{{if .}}x{{else}}{{facts \"c\"}}{{end}}\n",
	} {
		if _, err := parseLayout("mine.md.tmpl", text, []string{"a", "b"}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
}

func TestBuiltInLayoutsLoad(t *testing.T) {
	known, err := readLayouts()
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range Kinds() {
		if l := known[kind]; l == nil || !strings.HasPrefix(l.version, kind+"/") {
			t.Errorf("%s: %+v", kind, l)
		}
	}
}
