package trail

import (
	"fmt"

	"github.com/daybookhq/daybook/events"
	"github.com/go-json-experiment/json"
)

// defaultPolicy is the data of the first event: every value of the policy, so
// that later versions of the program read what this one meant.
func defaultPolicy() ([]byte, error) {
	version := events.Count(1)
	data, err := json.Marshal(events.PolicySet{
		Policy:  "default",
		Version: &version,
		Values:  events.DefaultPolicy().Values(),
	}, json.Deterministic(true))
	if err != nil {
		return nil, fmt.Errorf("write the default policy: %w", err)
	}
	return data, nil
}
