package trail_test

import (
	"strings"
	"testing"

	"github.com/daybookhq/daybook/events/trail"
	"github.com/daybookhq/daybook/events/trail/trailtest"
)

func TestDatabaseURLErrorsTellNoPassword(t *testing.T) {
	for _, text := range []string{
		"postgres://daybook:s3cr%t@db/daybook",
		"postgres://daybook:s3cr/t@db/daybook",
		"postgres://daybook:s3cr et@db/daybook",
		"postgre://daybook:s3cret@db/daybook",
		"daybook:s3cret@db/daybook",
		"host=db password=two s3crets",
		"postgres://daybook:s3cret@db/daybook?sslmode=never",
		"postgres://daybook:s3cret@db:port/daybook",
		"postgres://daybook:s3cret@127.0.0.1:1/daybook?connect_timeout=1",
	} {
		o := trailtest.SQLite(t)
		o.DatabaseURL = text
		tr, err := trail.Open(t.Context(), o)
		if err == nil {
			tr.Close()
			t.Errorf("%s was opened", text)
			continue
		}
		if strings.Contains(err.Error(), "s3cr") {
			t.Errorf("the error for %s tells its password: %v", text, err)
		}
		if checked := trail.CheckDatabaseURL(text); checked != nil && !strings.Contains(err.Error(), "--database-url") {
			t.Errorf("the error for %s does not name the flag: %v", text, err)
		}
	}
}
