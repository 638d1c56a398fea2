package histories

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/daybookhq/daybook/events"
)

// A commitFact is one event that a commit in a public repository proves.
type commitFact struct {
	typ, id    string // id is type and commit when empty
	repo       string // owner/name on GitHub
	commit, at string
	by         string // pseudonym of the commit's author
	pull       string // number of the pull request, or ""
	keys       []events.Key
	data       map[string]any
}

func appendCommit(evs []events.Event, f commitFact) ([]events.Event, error) {
	at, err := time.Parse(time.RFC3339, f.at)
	if err != nil {
		return nil, err
	}
	if f.id == "" {
		f.id = f.typ + "/" + f.commit
	}
	evidence := []events.Evidence{{Kind: events.EvidenceCommit, URL: "https://github.com/" + f.repo + "/commit/" + f.commit}}
	if f.pull != "" {
		evidence = append(evidence, events.Evidence{Kind: events.EvidenceTicket, URL: "https://github.com/" + f.repo + "/pull/" + f.pull})
	}
	f.data["evidence"] = evidence
	body, err := json.Marshal(f.data) // sorts the names, so the bytes are always the same
	if err != nil {
		return nil, err
	}
	e, err := events.Event{
		ID: f.id, Source: "/histories/git/" + f.repo, Type: events.FullType(f.typ), Time: at,
		AuthType: "user", AuthID: "author-" + f.by, Keys: slices.Clone(f.keys), Data: body,
	}.Checked()
	if err != nil {
		return nil, err
	}
	return append(evs, e), nil
}

// readTable reads a table with comment lines and a header that must be the
// columns given. Each row also has "line", its line in the file.
func readTable(b []byte, columns ...string) ([]map[string]string, error) {
	r := csv.NewReader(bytes.NewReader(b))
	r.Comment = '#'
	r.FieldsPerRecord = len(columns)
	records, err := r.ReadAll()
	if err != nil {
		return nil, err
	}
	if len(records) < 2 || !slices.Equal(records[0], columns) {
		return nil, fmt.Errorf("its columns are not %v", columns)
	}
	comments := bytes.Count(b, []byte("\n")) - len(records)
	rows := make([]map[string]string, 0, len(records)-1)
	for i, record := range records[1:] {
		row := map[string]string{"line": strconv.Itoa(comments + i + 2)}
		for j, name := range columns {
			row[name] = record[j]
		}
		rows = append(rows, row)
	}
	return rows, nil
}
