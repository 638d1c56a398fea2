package projections

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/projections/fold"
	"github.com/daybookhq/daybook/projections/story"
)

// A StoriesQuery asks which stories there are.
type StoriesQuery struct {
	Size   int64       // the prefix; 0 is all
	Kind   events.Kind // the kind of key; all kinds when empty
	Search string      // part of the key
	Newest bool        // by when they last moved, the latest first; else by kind and key
	Limit  int         // at most so many; default 100
	Offset int         // leave out so many
}

// A StoryRow is one story at a glance.
type StoryRow struct {
	Kind          events.Kind `json:"kind"`
	Key           string      `json:"key"`
	Events        int64       `json:"events"`
	First         time.Time   `json:"first"` // when the earliest happened
	Last          time.Time   `json:"last"`
	FirstPosition int64       `json:"first_position"`
	LastPosition  int64       `json:"last_position"`
}

// Stories lists stories. For a prefix that the rows are far past it has to count
// each one from the trail, and takes longer.
func (rd *Reader) Stories(ctx context.Context, sq StoriesQuery) ([]StoryRow, error) {
	if sq.Limit <= 0 {
		sq.Limit = 100
	}
	var out []StoryRow
	err := rd.at(ctx, "stories", sq.Size, func(_ model, q queryer, at, size int64) (err error) {
		if at == size {
			out, err = storyRows(ctx, q, sq)
			return err
		}
		all, err := storiesFromTrail(ctx, q, sq, size)
		if err != nil {
			return err
		}
		all = all[min(sq.Offset, len(all)):]
		out = all[:min(sq.Limit, len(all))]
		return nil
	})
	return out, err
}

func storyRows(ctx context.Context, q queryer, sq StoriesQuery) ([]StoryRow, error) {
	var where []string
	var args []any
	if sq.Kind != "" {
		where, args = append(where, "kind = ?"), append(args, string(sq.Kind))
	}
	if sq.Search != "" {
		where, args = append(where, `lower(key) LIKE ? ESCAPE '!'`), append(args, "%"+likeEscape(strings.ToLower(sq.Search))+"%")
	}
	query := "SELECT kind, key, events, first_us, last_us, first_position, last_position FROM " + storiesTable.in(q.place)
	if len(where) > 0 {
		query += " WHERE " + strings.Join(where, " AND ")
	}
	order := "kind, key"
	if sq.Newest {
		order = "last_us DESC, last_position DESC, kind, key"
	}
	query += fmt.Sprintf(" ORDER BY %s LIMIT %d OFFSET %d", order, sq.Limit, sq.Offset)
	rows, err := q.QueryxContext(ctx, rebind(q.dialect, query), args...)
	if err != nil {
		return nil, fmt.Errorf("reading stories: %w", err)
	}
	defer rows.Close()
	var out []StoryRow
	for rows.Next() {
		var r StoryRow
		var first, last int64
		if err := rows.Scan(&r.Kind, &r.Key, &r.Events, &first, &last, &r.FirstPosition, &r.LastPosition); err != nil {
			return nil, fmt.Errorf("reading stories: %w", err)
		}
		r.First, r.Last = time.UnixMicro(first).UTC(), time.UnixMicro(last).UTC()
		out = append(out, r)
	}
	return out, rows.Err()
}

func likeEscape(s string) string {
	return strings.NewReplacer("!", "!!", "%", "!%", "_", "!_").Replace(s)
}

func storiesFromTrail(ctx context.Context, q queryer, sq StoriesQuery, size int64) ([]StoryRow, error) {
	kinds := events.Kinds()
	if sq.Kind != "" {
		kinds = []events.Kind{sq.Kind}
	}
	var out []StoryRow
	for _, kind := range kinds {
		keys, err := keysOf(ctx, q, kind)
		if err != nil {
			return nil, err
		}
		for _, key := range keys {
			if !strings.Contains(strings.ToLower(key), strings.ToLower(sq.Search)) {
				continue
			}
			var s span
			k := events.Key{Kind: kind, Value: key}
			if err := story.Scan(ctx, q.trail, k, size, func(v *fold.View) { s.add(v.At.UnixMicro(), v.Position) }); err != nil {
				return nil, err
			}
			if s.count > 0 {
				out = append(out, StoryRow{kind, key, s.count, time.UnixMicro(s.firstUS).UTC(), time.UnixMicro(s.lastUS).UTC(), s.firstPosition, s.lastPlace})
			}
		}
	}
	sortStories(out, sq.Newest)
	return out, nil
}

func sortStories(list []StoryRow, newest bool) {
	slices.SortFunc(list, func(a, b StoryRow) int {
		byKey := cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Key, b.Key))
		if !newest {
			return byKey
		}
		return cmp.Or(b.Last.Compare(a.Last), cmp.Compare(b.LastPosition, a.LastPosition), byKey)
	})
}
