package events

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// A Count is a whole number. In JSON 5.0 and 5e0 are 5.
type Count int64

// UnmarshalJSON accepts any number without a fraction.
func (c *Count) UnmarshalJSON(b []byte) error {
	if n, err := strconv.ParseInt(string(b), 10, 64); err == nil {
		*c = Count(n)
		return nil
	}
	f, err := strconv.ParseFloat(string(b), 64)
	if err != nil || f != math.Trunc(f) || math.Abs(f) > 1<<53 {
		return fmt.Errorf("a whole number is expected, not %s", printable(string(b)))
	}
	*c = Count(f)
	return nil
}

// Percent is a share of a hundred. In JSON it is a number, or a string as in "25 %".
type Percent float64

// UnmarshalJSON accepts a number or a string.
func (p *Percent) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] != '"' {
		return json.Unmarshal(b, (*float64)(p))
	}
	text, err := jsonString(b)
	if err == nil {
		*p, err = ParsePercent(text)
	}
	return err
}

// ParsePercent reads "25", "25%" or "25 %".
func ParsePercent(text string) (Percent, error) {
	n, err := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(text), "%")), 64)
	if err != nil || math.IsNaN(n) || math.IsInf(n, 0) {
		return 0, fmt.Errorf("%q is not a percentage (as in 25 or 25%%)", printable(text))
	}
	return Percent(n), nil
}

// A Level says how deep a rollback goes; zero is not known.
type Level int

// The four levels of rollback.
const (
	LevelFlag      Level = 1 // flag off
	LevelDeploy    Level = 2 // back to the last known good deployment
	LevelMigration Level = 3 // schema or data shape back
	LevelData      Level = 4 // data corrected
)

// UnmarshalJSON accepts 1 to 4, also as a string.
func (l *Level) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		return nil
	}
	var c Count
	if err := c.UnmarshalJSON(bytes.Trim(b, `"`)); err != nil || c < 1 || c > 4 {
		return fmt.Errorf("a rollback level from 1 to 4 is expected, not %s", printable(string(b)))
	}
	*l = Level(c)
	return nil
}

// A Scalar is one value read as text, whatever its JSON type: the state of a
// flag, a reading, a threshold. Number text stays as it was written.
type Scalar string

// On tells whether the value switches something on or off; known is false for
// values that do neither, such as the name of a variant.
func (s Scalar) On() (on, known bool) {
	switch strings.ToLower(string(s)) {
	case "on", "true", "enabled", "enable", "yes", "1", "100", "100%":
		return true, true
	case "off", "false", "disabled", "disable", "no", "0", "0%":
		return false, true
	}
	return false, false
}

// Float is the value as a number, where it is one.
func (s Scalar) Float() (float64, bool) {
	f, err := strconv.ParseFloat(string(s), 64)
	return f, err == nil && !math.IsNaN(f) && !math.IsInf(f, 0)
}

// UnmarshalJSON accepts a string, a number or a boolean.
func (s *Scalar) UnmarshalJSON(b []byte) error {
	switch jsontext.Value(b).Kind() {
	case 'n':
		return nil
	case '"':
		return json.Unmarshal(b, (*string)(s))
	case '0', 't', 'f':
		*s = Scalar(b)
		return nil
	}
	return fmt.Errorf("a string, a number or a boolean is expected")
}

// An Amount is a number of something.
type Amount struct {
	Value *float64 `json:"value,omitzero" doc:"how much"`
	Unit  string   `json:"unit,omitzero" doc:"of what"`
}
