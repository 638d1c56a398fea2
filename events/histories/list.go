package histories

import (
	"slices"

	"github.com/daybookhq/daybook/events"
)

const factsOnly = "all rights with the publisher; facts only, in our words"

// List describes all histories: incidents first, then examples, what was made
// for this project, and records of version control.
func List() []History {
	all := slices.Clone(histories)
	for i := range all {
		all[i].Sources = slices.Clone(all[i].Sources)
		all[i].Files = slices.Clone(all[i].Files)
	}
	return all
}

var histories = []History{
	{
		Name: "cloudflare-2019-07-02", Kind: Incident,
		Title:   "A firewall rule exhausts the processors of every edge server: 27 minutes",
		Story:   events.Key{Kind: events.KindIncident, Value: "INC-2019-07-02"},
		Sources: []string{"https://blog.cloudflare.com/details-of-the-cloudflare-outage-on-july-2-2019/"},
		Licence: factsOnly,
		Files:   []string{"cloudflare-2019-07-02.timeline"},
	},
	{
		Name: "gitlab-2017-01-31", Kind: Incident,
		Title:   "The primary database's directory is removed: about 18 hours, past midnight",
		Story:   events.Key{Kind: events.KindIncident, Value: "INC-2017-01-31"},
		Sources: []string{"https://about.gitlab.com/blog/postmortem-of-database-outage-of-january-31/"},
		Licence: factsOnly,
		Files:   []string{"gitlab-2017-01-31.timeline"},
	},
	{
		Name: "shakespeare-2015-10-21", Kind: Example,
		Title:   "A new sonnet overloads the Shakespeare search: 66 minutes",
		Story:   events.Key{Kind: events.KindIncident, Value: "INC-465"},
		Sources: []string{"https://sre.google/sre-book/example-postmortem/"},
		Licence: "text under CC BY-NC-ND 4.0; facts only, in our words",
		Files:   []string{"shakespeare-2015-10-21.timeline"},
	},
	{
		Name: "jwt-seed", Kind: Example,
		Title:   "A gateway policy locks users out, by its durations: 4 + 8 + 5 = 17 minutes",
		Story:   events.Key{Kind: events.KindIncident, Value: "INC-JWT"},
		Sources: []string{"https://corpus.200apps.io/areas/08-pipeline-operations/rollback"},
		Licence: factsOnly,
		Files:   []string{"jwt-seed.timeline"},
	},
	{
		Name: "jwt-publisher", Kind: Example,
		Title:   "The same outage by its publisher's clock: 23 minutes, 6 of them in no phase",
		Story:   events.Key{Kind: events.KindIncident, Value: "INC-JWT-CLOCK"},
		Sources: []string{"https://the-corpus.pages.dev/cycle/after-we-build/incidents-worked-example"},
		Licence: factsOnly,
		Files:   []string{"jwt-publisher.timeline"},
	},
	{
		Name: "emergency-pii", Kind: Constructed,
		Title:   "EM-12: an agent exposes personal data, the fix ships at night, one gate is still to run",
		Story:   events.Key{Kind: events.KindEmergency, Value: "EM-12"},
		Sources: []string{"https://tracker-7ex.pages.dev/04_ai_product_evals/03_ai_release_management/10-emergency-changes/"},
		Licence: factsOnly,
		Files:   []string{"emergency-pii.timeline"},
	},
	{
		Name: "emergencies-2026-03", Kind: Constructed,
		Title:   "Three emergencies in March 2026, ten in twelve months, with the changes of each month",
		Sources: []string{"https://tracker-7ex.pages.dev/04_ai_product_evals/03_ai_release_management/10-emergency-changes/"},
		Licence: factsOnly,
		Files:   []string{"emergency-pii.timeline", "emergencies-2026-03.timeline"},
	},
	{
		Name: "lockdown-rollout", Kind: Constructed,
		Title:   "Laptops stop running unknown programs, cohort by cohort, with an escape hatch",
		Story:   events.Key{Kind: events.KindRollout, Value: "lockdown"},
		Sources: []string{"https://sysdesign-wiki.pages.dev/patterns/rollout-escape-hatch/"},
		Licence: factsOnly,
		Files:   []string{"lockdown-rollout.timeline"},
	},
	{
		Name: "reverts", Kind: Record,
		Title:   "225 commits taken back in fifteen public repositories, 2015 to 2026",
		Sources: revertSources,
		Licence: "facts computed from public git data; no text, name or address kept",
		Files:   []string{revertsFile},
	},
	{
		Name: "unleash-flags", Kind: Record,
		Title:   "314 flags that Unleash defined for itself and 246 that it removed, 2023 to 2026",
		Sources: []string{"https://github.com/Unleash/unleash"},
		Licence: "facts computed from public git data; no text, name or address kept",
		Files:   []string{flagsFile},
	},
}
