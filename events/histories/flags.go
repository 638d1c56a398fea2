package histories

import (
	"fmt"
	"strings"

	"github.com/daybookhq/daybook/events"
)

const flagsFile = "unleash-flags.csv"

// readFlags turns the lines of a list of flags in source code into events: a
// line that appears is a flag.created, a line that disappears a flag.retired.
// They claim that the flag was in the list or no longer in it, by that commit;
// nothing about its state anywhere. What stands in the list's first commit may
// be older, so those have precision at_most. A flag has the kind that its own
// name gives it (…KillSwitch), or none; owners and intents are not known.
func readFlags(b []byte) ([]events.Event, error) {
	rows, err := readTable(b, "event", "flag", "commit", "at", "by", "pr")
	if err != nil {
		return nil, fmt.Errorf("%s: %w", flagsFile, err)
	}
	var evs []events.Event
	for _, row := range rows {
		f := commitFact{
			repo: "Unleash/unleash", commit: row["commit"], at: row["at"], by: row["by"], pull: row["pr"],
			keys: []events.Key{
				{Kind: events.KindFlag, Value: row["flag"]},
				{Kind: events.KindEnvironment, Value: "repository"},
				{Kind: events.KindService, Value: "Unleash/unleash"},
			},
			data: map[string]any{},
		}
		switch row["event"] {
		case "defined":
			f.typ = "flag.created"
			if strings.HasSuffix(row["flag"], "KillSwitch") {
				f.data["kind"] = "kill_switch"
			}
			if row["commit"] == rows[0]["commit"] {
				f.data["precision"] = events.PrecisionAtMost
			}
		case "removed":
			f.typ = "flag.retired"
			f.data["reason"] = "no longer in the list of flags"
		default:
			return nil, fmt.Errorf("%s: line %s: a flag is defined or removed, not %q", flagsFile, row["line"], row["event"])
		}
		f.id = f.typ + "/" + row["flag"] + "/" + row["commit"]
		if evs, err = appendCommit(evs, f); err != nil {
			return nil, fmt.Errorf("%s: line %s: %w", flagsFile, row["line"], err)
		}
	}
	return evs, nil
}
