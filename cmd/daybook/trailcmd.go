package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/events/client"
)

func newTrailCmd() *cobra.Command {
	return group(&cobra.Command{
		Use:   "trail",
		Short: "Look at what is recorded",
		Example: `  daybook trail list --newest
  daybook trail show 42
  daybook trail story incident/INC-7`,
	}, newTrailListCmd(), newTrailShowCmd(), newTrailStoryCmd())
}

// search is what the filters of trail list say.
type search struct {
	types                              []string
	actor, source, text, asOf, cursor  string
	from, to, recordedFrom, recordedTo string
	newest, count                      bool
	limit                              int
}

// filters adds the flags that say which events are meant.
func (s *search) filters(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringArrayVar(&s.types, "type", nil, "type, * standing for anything, as in 'emergency.*' (repeatable)")
	f.StringVar(&s.actor, "actor", "", "who did it")
	f.StringVar(&s.source, "source", "", "who said so")
	f.StringVar(&s.text, "text", "", "text that the event holds")
	f.StringVar(&s.from, "from", "", "happened at this time or later")
	f.StringVar(&s.to, "to", "", "happened before this time")
	f.StringVar(&s.recordedFrom, "recorded-from", "", "recorded at this time or later")
	f.StringVar(&s.recordedTo, "recorded-to", "", "recorded before this time")
	f.StringVar(&s.asOf, "as-of", "", "only what was recorded by this time, or the first N events")
}

func (s *search) query(pairs []string) (url.Values, error) {
	q := url.Values{}
	for _, t := range s.types {
		q.Add("type", t)
	}
	for name, v := range map[string]string{
		"actor": s.actor, "source": s.source, "text": s.text, "as-of": s.asOf, "cursor": s.cursor,
		"from": s.from, "to": s.to, "recorded-from": s.recordedFrom, "recorded-to": s.recordedTo,
	} {
		if v != "" {
			q.Set(name, v)
		}
	}
	for _, p := range pairs {
		kind, value, ok := strings.Cut(p, "=")
		if !ok || !events.Kind(kind).IsCorrelation() {
			return nil, usagef("%q is no correlation key; write one like incident=INC-7 (kinds: %s)", p, kindNames())
		}
		q.Add(kind, value)
	}
	if s.newest {
		q.Set("order", "newest")
	}
	if s.count {
		q.Set("count", "true")
	}
	return q, nil
}

func kindNames() string {
	var names []string
	for _, k := range events.Kinds() {
		names = append(names, string(k))
	}
	return strings.Join(names, ", ")
}

func newTrailListCmd() *cobra.Command {
	var s search
	cmd := &cobra.Command{
		Use:   "list [key=value …]",
		Short: "List events that fit all filters, oldest first",
		Example: `  daybook trail list --newest --limit 20
  daybook trail list incident=INC-7 --type 'killswitch.*'
  daybook trail list --actor u-7 --from 2026-03-01 --to 2026-04-01 --count
  daybook trail list --json --limit 0 > everything.jsonl`,
		Args: arguments(0, -1, "key=value pairs"),
		RunE: func(cmd *cobra.Command, args []string) error {
			q, err := s.query(args)
			if err != nil {
				return err
			}
			return with(cmd, true, func(ctx context.Context, c *session) error {
				return listTrail(ctx, cmd, c, q, s.limit)
			})
		},
	}
	s.filters(cmd)
	f := cmd.Flags()
	f.StringVar(&s.cursor, "cursor", "", "go on where a page ended")
	f.BoolVar(&s.newest, "newest", false, "newest first")
	f.BoolVar(&s.count, "count", false, "say how many there are in all")
	f.IntVar(&s.limit, "limit", 50, "at most so many; 0 is all")
	return cmd
}

// pageSize is how many events are asked for at once.
const pageSize = 1000

// listTrail prints events page by page. With --json it prints each exactly as
// recorded, one a line.
func listTrail(ctx context.Context, cmd *cobra.Command, c *session, q url.Values, limit int) error {
	out, raw := cmd.OutOrStdout(), settingsOf(cmd).JSON
	var rows [][]string
	left := limit
	count, least := int64(-1), false
	for {
		n := pageSize
		if limit > 0 {
			n = min(n, left)
		}
		q.Set("limit", strconv.Itoa(n))
		page, err := c.Events(ctx, q)
		if err != nil {
			return err
		}
		for _, b := range page.Events {
			if raw {
				if _, err := fmt.Fprintf(out, "%s\n", b); err != nil {
					return err
				}
				continue
			}
			e, err := events.ParseServed(b)
			if err != nil {
				return err
			}
			rows = append(rows, rowOf(&e))
		}
		left -= len(page.Events)
		if page.Count != nil {
			count, least = *page.Count, page.More
			q.Del("count")
		}
		more := page.Next != ""
		if more && (limit == 0 || left > 0) {
			if !raw && len(rows) >= pageSize { // print as it comes; columns settle per page
				if err := table(out, listHeading, rows); err != nil {
					return err
				}
				rows = rows[:0]
			}
			q.Set("cursor", page.Next)
			continue
		}
		if !raw && len(rows) > 0 {
			if err := table(out, listHeading, rows); err != nil {
				return err
			}
		}
		if count >= 0 {
			if least {
				fmt.Fprint(cmd.ErrOrStderr(), "at least ")
			}
			fmt.Fprintf(cmd.ErrOrStderr(), "%d events in all\n", count)
		}
		if more {
			fmt.Fprintf(cmd.ErrOrStderr(), "there is more: --cursor %s, or --limit 0 for everything\n", page.Next)
		}
		return nil
	}
}

var listHeading = []string{"#", "HAPPENED (UTC)", "TYPE", "ACTOR", "ABOUT", "WHAT"}

func rowOf(e *events.Recorded) []string {
	if e.Erased != nil {
		return []string{strconv.FormatInt(e.Position, 10), "", "erased", "", "", shorten(erasedText(e), 60)}
	}
	var about []string
	for _, k := range e.Keys {
		about = append(about, string(k.Kind)+"="+shorten(k.Value, 24))
	}
	return []string{
		strconv.FormatInt(e.Position, 10), e.Time.UTC().Format("2006-01-02 15:04:05"), e.Short(), shorten(e.AuthID, 20),
		strings.Join(about, " "), shorten(gist(e.Data), 60),
	}
}

// gist is what an event's data says, on one line.
func gist(data []byte) string {
	var fields map[string]json.RawMessage
	if json.Unmarshal(data, &fields) != nil {
		return string(data)
	}
	for _, name := range []string{"text", "note"} {
		var s string
		if json.Unmarshal(fields[name], &s) == nil && s != "" {
			return s
		}
	}
	// In the order in which they were written.
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.Token()
	var parts []string
	for dec.More() {
		name, err := dec.Token()
		var v json.RawMessage
		if err != nil || dec.Decode(&v) != nil {
			break
		}
		var s string
		if json.Unmarshal(v, &s) != nil {
			s = string(v)
		}
		parts = append(parts, fmt.Sprintf("%v=%s", name, s))
	}
	return strings.Join(parts, " ")
}

func newTrailStoryCmd() *cobra.Command {
	var asOf string
	cmd := &cobra.Command{
		Use:   "story KIND/KEY",
		Short: "Show everything that belongs to one incident, emergency, rollout …",
		Example: `  daybook trail story incident/INC-7
  daybook trail story emergency/EM-12 --as-of 2026-03-15T20:30:00Z`,
		Args: arguments(1, 1, "one KIND/KEY"),
		RunE: func(cmd *cobra.Command, args []string) error {
			kind, key, ok := strings.Cut(args[0], "/")
			if !ok || key == "" || !events.Kind(kind).IsCorrelation() {
				return usagef("%q is not KIND/KEY, as in incident/INC-7 (kinds: %s)", args[0], kindNames())
			}
			q := url.Values{}
			if asOf != "" {
				q.Set("as-of", asOf)
			}
			return with(cmd, true, func(ctx context.Context, c *session) error {
				var raw json.RawMessage
				if err := c.JSON(ctx, client.Request{Path: "/v1/stories/" + url.PathEscape(kind) + "/" + url.PathEscape(key), Query: q}, &raw); err != nil {
					return err
				}
				if settingsOf(cmd).JSON {
					return printJSON(cmd.OutOrStdout(), raw)
				}
				var s client.Story
				if err := json.Unmarshal(raw, &s); err != nil {
					return err
				}
				return printStory(cmd.OutOrStdout(), s)
			})
		},
	}
	cmd.Flags().StringVar(&asOf, "as-of", "", "only what was recorded by this time, or the first N events")
	return cmd
}
