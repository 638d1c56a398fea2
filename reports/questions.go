package reports

import (
	"strings"

	"github.com/daybookhq/daybook/reports/markdown"
)

// A Question is something that the trail does not know.
type Question struct {
	Text      string  `json:"question"`
	Who       string  `json:"who_could_say,omitzero"`
	Positions []int64 `json:"positions,omitzero"` // what raises it

	shown markdown.Inline // Text with its foreign parts marked
}

// ask puts a question in our words; who is who could answer it.
func ask(text markdown.Inline, who string, positions ...int64) Question {
	return Question{Text: unmarked(text), Who: who, Positions: positions, shown: text}
}

// unmarked is the text of an inline without what marks it up.
func unmarked(i markdown.Inline) string {
	s := i.Markdown()
	var b strings.Builder
	for j := 0; j < len(s); j++ {
		if s[j] == '\\' && j+1 < len(s) {
			j++
		} else if s[j] == '`' || s[j] == '*' {
			continue
		}
		b.WriteByte(s[j])
	}
	return b.String()
}

func questionList(w *markdown.Writer, questions []Question) {
	var items []markdown.Inline
	for _, q := range questions {
		text := q.shown
		if q.Who != "" {
			text = markdown.F("%s Who could say: %s.", text, q.Who)
		}
		items = append(items, markdown.Join(" ", text, markdown.Cite(q.Positions...)))
	}
	w.Bullets(items...)
}
