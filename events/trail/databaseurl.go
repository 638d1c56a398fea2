package trail

import (
	"errors"
	"fmt"
	"net/url"

	"github.com/lib/pq"
)

// errNoURL is all that is said of a text that is not a URL: any part of it may
// be a password, and the parsers' errors repeat what they stumbled over.
var errNoURL = errors.New("the database URL (--database-url) cannot be read; it is like postgres://user:password@host:5432/database, with % / ? # @ : and spaces in the password written as %25 %2F %3F %23 %40 %3A %20")

// CheckDatabaseURL returns an error if a text cannot be the DatabaseURL of
// Options. The error tells nothing that may be part of a password.
func CheckDatabaseURL(text string) error {
	_, err := parseURL(text)
	return err
}

func parseURL(text string) (pq.Config, error) {
	u, err := url.Parse(text)
	if err != nil || (u.Scheme != "postgres" && u.Scheme != "postgresql") {
		return pq.Config{}, errNoURL
	}
	cfg, err := pq.NewConfig(text)
	if err != nil {
		return pq.Config{}, fmt.Errorf("the database URL (--database-url) cannot be used: %w", err)
	}
	return cfg, nil
}
