package trail

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/events/seal"
)

// A looker looks at chunks, one after the other. It is one goroutine's.
type looker struct {
	trail      *Trail
	sealOnly   bool  // the bytes alone, not what stands beside them
	listed     int64 // how many events the key index lists
	postings   postingSums
	identities identitySum
	event      events.Recorded // the one that is looked at
	keys       []events.Key
	hashes     map[events.Key]int64 // of keys met lately: most are had by many events
	tile       [seal.TileWidth]seal.Hash
}

// hash is keyHash.
func (l *looker) hash(k events.Key) int64 {
	h, ok := l.hashes[k]
	if !ok {
		if h = keyHash(k); len(l.hashes) >= 1<<12 || l.hashes == nil {
			l.hashes = make(map[events.Key]int64)
		}
		k.Value = strings.Clone(k.Value) // not to keep the event that it is a part of
		l.hashes[k] = h
	}
	return h
}

// look reads a chunk and finds out whether everything about it is plain. The
// error says that it could not be read.
func (l *looker) look(ctx context.Context, c *chunk) error {
	c.firstPostings = int(c.from >> l.postings.shift)
	for range int((c.to-1)>>l.postings.shift) - c.firstPostings + 1 {
		c.postings = append(c.postings, 0)
	}
	c.plain = true
	body := `body`
	if l.trail.Dialect() == SQLite {
		body = `CAST(body AS BLOB)` // the same bytes, handed over without making a string of them
	}
	// Positions are not asked for, since every column costs: as many rows as
	// there are positions from one to the other are those at each of them.
	query := `SELECT ledger_us, ` + body + `, identity, happened_us FROM events WHERE position >= ? AND position < ? ORDER BY position`
	if l.sealOnly {
		query = `SELECT ledger_us, ` + body + ` FROM events WHERE position >= ? AND position < ? ORDER BY position`
	}
	err := l.trail.eachRow(ctx, query, []any{c.from, c.to}, func(row []driver.Value) bool {
		c.plain = l.row(c, row)
		return c.plain
	})
	if err != nil && !l.trail.isDamage(ctx, err) {
		return fmt.Errorf("read events from %d: %w", c.from, err)
	}
	if c.plain = err == nil && c.plain && c.from+int64(len(c.leaves)) == c.to; !c.plain {
		return nil
	}
	c.plain, err = l.trail.leafTiles(ctx, c)
	switch {
	case err != nil && !l.trail.isDamage(ctx, err):
		return err
	case err != nil || !c.plain:
		c.plain = false
		return nil
	}
	for i := 0; i+seal.TileWidth <= len(c.leaves); i += seal.TileWidth {
		copy(l.tile[:], c.leaves[i:])
		c.roots = append(c.roots, seal.FoldTile(l.tile[:]))
	}
	return nil
}

// row adds a row to a chunk and reports whether everything about it is plain.
func (l *looker) row(c *chunk, row []driver.Value) bool {
	p := c.from + int64(len(c.leaves))
	us, ok := row[0].(int64)
	body, ok2 := asBytes(row[1])
	if !ok || !ok2 || p >= c.to {
		return false
	}
	switch {
	case p == c.from:
		c.firstUS = us
	case us < c.lastUS:
		return false
	case us > c.lastUS:
		c.turns = append(c.turns, p)
	}
	c.lastUS = us
	c.leaves = append(c.leaves, seal.LeafHash(body))
	if l.sealOnly {
		return true
	}
	identity, ok := asBytes(row[2])
	happened, ok2 := row[3].(int64)
	e := &l.event
	if !ok || !ok2 || e.Reparse(body) != nil || e.Position != p || e.LedgerTime.UnixMicro() != us || e.Time.UnixMicro() != happened {
		return false
	}
	id := e.Identity()
	if string(identity) != string(id[:]) {
		return false
	}
	c.identities += l.identities.of(id, p)
	if p >= l.listed {
		return true
	}
	l.keys = e.IndexKeys(l.keys[:0])
	sum := &c.postings[int(p>>l.postings.shift)-c.firstPostings]
	for _, k := range l.keys {
		*sum += l.postings.of(l.hash(k), p)
	}
	return true
}

func asBytes(v driver.Value) ([]byte, bool) {
	switch v := v.(type) {
	case []byte:
		return v, true
	case string:
		return []byte(v), true
	}
	return nil, false
}

// eachRow calls f with every row of a query until it returns false. The values
// are the driver's own, and bytes among them f's only until it returns:
// converting them into variables, as database/sql does, would cost as much again
// as reading them.
func (t *Trail) eachRow(ctx context.Context, query string, args []any, f func([]driver.Value) bool) error {
	conn, err := t.reader.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	named := make([]driver.NamedValue, len(args))
	for i, a := range args {
		named[i] = driver.NamedValue{Ordinal: i + 1, Value: a}
	}
	return conn.Raw(func(c any) (err error) {
		q, ok := c.(driver.QueryerContext)
		if !ok {
			return errNoQueries
		}
		rows, err := q.QueryContext(ctx, t.reader.Rebind(query), named)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, rows.Close()) }()
		values := make([]driver.Value, len(rows.Columns()))
		for {
			switch err := rows.Next(values); {
			case err == io.EOF:
				return nil
			case err != nil:
				return err
			}
			if !f(values) {
				return nil
			}
		}
	})
}
