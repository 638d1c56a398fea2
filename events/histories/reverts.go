package histories

import (
	"fmt"

	"github.com/daybookhq/daybook/events"
)

const revertsFile = "reverts.csv"

var revertSources = []string{
	"https://github.com/Flagsmith/flagsmith", "https://github.com/Netflix/dispatch", "https://github.com/Unleash/unleash",
	"https://github.com/apache/incubator-devlake", "https://github.com/argoproj/argo-cd", "https://github.com/argoproj/argo-rollouts",
	"https://github.com/codenotary/immudb", "https://github.com/flipt-io/flipt", "https://github.com/fluxcd/flagger",
	"https://github.com/google/go-github", "https://github.com/grafana/oncall", "https://github.com/prometheus/alertmanager",
	"https://github.com/retracedhq/retraced", "https://github.com/slack-go/slack", "https://github.com/thomaspoignant/go-feature-flag",
}

// readReverts turns commits into events that claim no more than a commit
// proves:
//
//   - the commit taken back is a change.proposed: somebody wrote it then. It is
//     no change.shipped, since nothing tells whether or when it was deployed;
//   - the commit that takes it back is a rollback.decided of precision at_most:
//     by then the decision had been taken. It has no level, which speaks of
//     deployments, and no decider: the author may have carried out what
//     somebody else decided.
//
// Both stand in the environment "repository", apart from everything that
// counts what happened in production.
func readReverts(b []byte) ([]events.Event, error) {
	rows, err := readTable(b, "repo", "original", "original_at", "original_by", "revert", "reverted_at", "reverted_by", "reason")
	if err != nil {
		return nil, fmt.Errorf("%s: %w", revertsFile, err)
	}
	var evs []events.Event
	seen := map[string]bool{} // one commit can be taken back twice
	for _, row := range rows {
		repo, original, revert := row["repo"], row["original"], row["revert"]
		about := []events.Key{
			{Kind: events.KindChange, Value: original},
			{Kind: events.KindEnvironment, Value: "repository"},
			{Kind: events.KindService, Value: repo},
		}
		if !seen[original] {
			seen[original] = true
			evs, err = appendCommit(evs, commitFact{
				typ: "change.proposed", repo: repo, commit: original, at: row["original_at"], by: row["original_by"], keys: about,
				data: map[string]any{"title": "commit " + original[:12]},
			})
			if err != nil {
				return nil, fmt.Errorf("%s: line %s: %w", revertsFile, row["line"], err)
			}
		}
		evs, err = appendCommit(evs, commitFact{
			typ: "rollback.decided", repo: repo, commit: revert, at: row["reverted_at"], by: row["reverted_by"],
			keys: append(about, events.Key{Kind: events.KindRollback, Value: revert}),
			data: map[string]any{
				"for":          "change/" + original,
				"reverts":      "change/" + original,
				"precision":    events.PrecisionAtMost,
				"reason_given": row["reason"] == "yes",
			},
		})
		if err != nil {
			return nil, fmt.Errorf("%s: line %s: %w", revertsFile, row["line"], err)
		}
	}
	return evs, nil
}
