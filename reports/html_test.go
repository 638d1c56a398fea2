package reports_test

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/daybookhq/daybook/reports"
)

func page(t *testing.T, file string) string {
	t.Helper()
	md, err := os.ReadFile(filepath.Join("testdata", file))
	if err != nil {
		t.Fatal(err)
	}
	return string(reports.HTML(md))
}

func TestPageNeedsNothingElse(t *testing.T) {
	files, err := filepath.Glob("testdata/*.md")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	fetched := regexp.MustCompile(`(?i)<(script|link|img|iframe|object|embed|base|form)|@import|url\(| src=| on[a-z]+=`)
	for _, f := range files {
		p := page(t, filepath.Base(f))
		if m := fetched.FindString(p); m != "" {
			t.Errorf("%s: the page has %q", f, m)
		}
		checkPage(t, p)
		if !strings.Contains(p, "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src &#39;none&#39;; style-src &#39;sha256-") {
			t.Errorf("%s: the page names no policy", f)
		}
		checkNesting(t, f, p)
	}
}

// checkNesting reads the page with a reader that forgives little.
func checkNesting(t *testing.T, file, p string) {
	t.Helper()
	_, body, _ := strings.Cut(p, "</head>")
	d := xml.NewDecoder(strings.NewReader(body))
	d.Strict = false
	d.AutoClose = xml.HTMLAutoClose
	d.Entity = xml.HTMLEntity
	ids := map[string]bool{}
	for {
		tok, err := d.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil && strings.Contains(err.Error(), "unexpected end element </html>") {
			return // its beginning was cut off
		}
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if e, ok := tok.(xml.StartElement); ok {
			for _, a := range e.Attr {
				if a.Name.Local == "id" {
					if ids[a.Value] {
						t.Errorf("%s: id %q stands twice", file, a.Value)
					}
					ids[a.Value] = true
				}
			}
		}
	}
}

func TestCitationsLeadToTheTimeline(t *testing.T) {
	p := page(t, "postmortem-cloudflare-2019-07-02.md")
	rows := regexp.MustCompile(`<tr id="event:(\d+)">`).FindAllStringSubmatch(p, -1)
	if len(rows) != 9 {
		t.Errorf("%d rows have an anchor, want one for each of the 9 events", len(rows))
	}
	if n := strings.Count(p, `<a class="cite" href="#event:`+rows[0][1]+`">`); n < 2 {
		t.Errorf("the shipping is linked %d times, want from the summary and the timeline at least", n)
	}
	if strings.Contains(p, "](") || strings.Contains(p, "<span class=\"cite\">") {
		t.Error("a citation leads nowhere, though every event is in the timeline")
	}
	if !strings.Contains(p, "<title>Postmortem: INC-2019-07-02, ") {
		t.Error("the page has another title than the document")
	}
}

func TestTablesScrollByThemselves(t *testing.T) {
	p := page(t, "emergencies-2026-03.md")
	if tables, boxes := strings.Count(p, "<table"), strings.Count(p, `<div class="scroll" role="region" tabindex="0"`); tables == 0 || tables != boxes {
		t.Errorf("%d tables in %d scrolling boxes", tables, boxes)
	}
}

// TestPeoplesOwnText: what people add around the blocks is theirs, and no way in.
func TestPeoplesOwnText(t *testing.T) {
	p := string(reports.HTML([]byte("# Mine\n\n<script>alert(1)</script>\n\n[x](javascript:alert(1)) ![cat](http://evil.example/cat.png) https://ok.example/a\n\n- [x] done\n\n~~old~~ text[^1]\n\n[^1]: a footnote\n\n<b onclick=x>bold</b>\n")))
	checkPage(t, p)
	for _, want := range []string{"<del>old</del>", `<a href="https://ok.example/a" rel="noopener noreferrer nofollow">`, `type="checkbox"`, "a footnote", "<em>cat</em>"} {
		if !strings.Contains(p, want) {
			t.Errorf("missing %s in\n%s", want, p)
		}
	}
	if strings.Contains(p, "onclick") {
		t.Error("raw HTML came through")
	}
}
