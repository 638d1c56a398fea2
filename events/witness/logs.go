package witness

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// A Log is one that a witness co-signs for.
type Log struct {
	Origin string   // the first line of its checkpoints
	Keys   []string // verifier keys; a signature by any of them will do
	PerDay float64  // how many requests it may make a day; 0 means any number

	verifiers note.Verifiers
}

// NewLog returns a log that is named by its key, or by the origin if given.
func NewLog(vkey, origin string) (Log, error) {
	v, err := LogVerifier(vkey)
	if err != nil {
		return Log{}, err
	}
	if origin == "" {
		origin = v.Name()
	}
	return Log{Origin: origin, Keys: []string{vkey}, verifiers: note.VerifierList(v)}, nil
}

// maxLogsBytes and maxLogs bound a list of logs.
const (
	maxLogsBytes = 4 << 20
	maxLogs      = 10_000
)

// LoadLogs reads a file with a list of logs.
func LoadLogs(path string) ([]Log, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read the list of logs: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxLogsBytes+1))
	if err != nil {
		return nil, fmt.Errorf("read the list of logs %s: %w", path, err)
	}
	logs, err := ParseLogs(b)
	if err != nil {
		return nil, fmt.Errorf("the list of logs %s: %w", path, err)
	}
	return logs, nil
}

// ParseLogs reads a list of logs in the format that public witnesses share:
//
//	logs/v0
//	vkey example.com/log+1f2e3d4c+AX…
//	origin example.com/log   (if it is not the name in the key)
//	qpd 86400                (requests a day it may make, if limited)
//	contact ops@example.com  (for people)
//
// with a vkey line for each log, and comments after #. A log with several keys,
// as after a rotation, has several entries of one origin.
func ParseLogs(text []byte) ([]Log, error) {
	if len(text) > maxLogsBytes {
		return nil, fmt.Errorf("more than %d bytes", maxLogsBytes)
	}
	var logs []Log
	begun := false
	for i, line := range bytes.Split(text, []byte("\n")) {
		words := strings.Fields(string(line))
		if len(words) == 0 || strings.HasPrefix(words[0], "#") {
			continue
		}
		if !begun {
			if len(words) != 1 || words[0] != "logs/v0" {
				return nil, fmt.Errorf("line %d: the list begins with a line: logs/v0", i+1)
			}
			begun = true
			continue
		}
		if err := logLine(&logs, words[0], words[1:]); err != nil {
			return nil, fmt.Errorf("line %d: %w", i+1, err)
		}
	}
	if !begun {
		return nil, errors.New("the list begins with a line: logs/v0")
	}
	return MergeLogs(logs)
}

func logLine(logs *[]Log, keyword string, args []string) error {
	if keyword != "vkey" && len(*logs) == 0 {
		return errors.New("an entry begins with a vkey line")
	}
	if keyword != "contact" && len(args) != 1 {
		return fmt.Errorf("%s takes one word", keyword)
	}
	switch keyword {
	case "vkey":
		if len(*logs) == maxLogs {
			return fmt.Errorf("more than %d logs", maxLogs)
		}
		l, err := NewLog(args[0], "")
		*logs = append(*logs, l)
		return err
	case "origin":
		(*logs)[len(*logs)-1].Origin = args[0]
	case "qpd":
		n, err := strconv.ParseFloat(args[0], 64)
		if err != nil || !(n > 0 && n < 1e12) {
			return fmt.Errorf("%q is no number of requests a day", args[0])
		}
		(*logs)[len(*logs)-1].PerDay = n
	case "contact":
	default:
		return fmt.Errorf("%q begins no line of a list of logs; vkey, origin, qpd and contact do", keyword)
	}
	return nil
}

// MergeLogs joins entries of one origin: any of their keys will do, and the
// largest allowance holds.
func MergeLogs(logs []Log) ([]Log, error) {
	at := map[string]int{}
	var merged []Log
	for _, l := range logs {
		i, ok := at[l.Origin]
		if !ok {
			at[l.Origin] = len(merged)
			merged = append(merged, l)
			continue
		}
		m := &merged[i]
		for _, k := range l.Keys {
			if slices.Contains(m.Keys, k) {
				return nil, fmt.Errorf("the log %q is given twice with the same key", l.Origin)
			}
			m.Keys = append(m.Keys, k)
		}
		if m.PerDay != 0 {
			m.PerDay = max(m.PerDay, l.PerDay)
		}
		if l.PerDay == 0 {
			m.PerDay = 0
		}
	}
	for i := range merged {
		var all []note.Verifier
		for _, k := range merged[i].Keys {
			v, err := LogVerifier(k)
			if err != nil {
				return nil, err
			}
			all = append(all, v)
		}
		merged[i].verifiers = note.VerifierList(all...)
	}
	return merged, nil
}
