package trail

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/daybookhq/daybook/events"
	"github.com/jmoiron/sqlx"
)

// The key index lists the first head.listed events. The newest behind them are
// looked through instead, from their own bytes: nothing is stored that could
// contradict them, and every process can read them, whoever appended.

// unlisted is what events that the key index does not list yet are found
// under. A copy of one never changes: what it holds is only added to.
type unlisted struct {
	from   int64    // the first position
	ends   []int    // where the hashes of each event end
	hashes []int64  // of the keys of all of them
	fresh  []keyRow // the keys that may not have a row yet, by position; and older ones
}

// to is the position after the last.
func (u *unlisted) to() int64 { return u.from + int64(len(u.ends)) }

// of returns the hashes of the keys of one event.
func (u *unlisted) of(position int64) []int64 {
	i, begin := position-u.from, 0
	if i > 0 {
		begin = u.ends[i-1]
	}
	return u.hashes[begin:u.ends[i]]
}

// positions appends those of the events that have any of the keys.
func (u *unlisted) positions(dst []int64, hashes ...int64) []int64 {
	has := func(h int64) bool { return h == hashes[0] }
	if len(hashes) == 0 {
		return dst
	}
	if len(hashes) > 1 {
		wanted := make(map[int64]struct{}, len(hashes))
		for _, h := range hashes {
			wanted[h] = struct{}{}
		}
		has = func(h int64) bool { _, ok := wanted[h]; return ok }
	}
	begin := 0
	for i, end := range u.ends {
		if slices.ContainsFunc(u.hashes[begin:end], has) {
			dst = append(dst, u.from+int64(i))
		}
		begin = end
	}
	return dst
}

// recent remembers what is unlisted, so that an event is read for it once. It
// is safe for concurrent use.
type recent struct {
	// reading is held by whoever of the readers reads events that are not
	// remembered yet, so that one of them does.
	reading sync.Mutex

	mu    sync.Mutex
	kept  unlisted
	known knownKeys // keys that have a row, or are in kept.fresh
	// redacted is how many events were erased when that was read: an erasure
	// takes keys out of both.
	redacted int64
}

// A queryer is a database or a transaction.
type queryer interface {
	sqlx.QueryerContext
	Rebind(query string) string
}

// since returns what the events from the head's listed to its size are found
// under. ok is false if the head is not what it was any more: read it again.
func (r *recent) since(ctx context.Context, q queryer, head headRow) (u unlisted, ok bool, err error) {
	if u, missing, ok := r.look(head); !missing {
		return u, ok, nil
	}
	if _, locked := q.(*sqlx.Tx); !locked {
		r.reading.Lock()
		defer r.reading.Unlock()
	} // else it has the head: a reader whose connection hangs must not hold it up
	const some = 1024
	for {
		u, missing, ok := r.look(head) // somebody else may have read them
		if !missing {
			return u, ok, nil
		}
		from := u.to()
		query := q.Rebind(`SELECT position, body FROM events WHERE position >= ? AND position < ? ORDER BY position`)
		rows, err := q.QueryxContext(ctx, query, from, min(from+some, head.Size))
		if err != nil {
			return unlisted{}, false, fmt.Errorf("read the newest events: %w", err)
		}
		var bodies [some]string
		for rows.Next() {
			var position int64
			var body string
			if err = rows.Scan(&position, &body); err != nil {
				break
			}
			bodies[position-from] = body
		}
		rows.Close()
		if err == nil {
			err = rows.Err()
		}
		if err != nil {
			return unlisted{}, false, fmt.Errorf("read the newest events: %w", err)
		}
		r.remember(from, bodies[:min(some, head.Size-from)], head.Redacted)
	}
}

// look returns what is remembered of a head's unlisted events; if some are
// missing, the rest of them have to be remembered first.
func (r *recent) look(head headRow) (u unlisted, missing, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if head.Redacted != r.redacted {
		r.kept, r.known, r.redacted = unlisted{from: head.Listed}, knownKeys{}, head.Redacted
	}
	r.letGo(head.Listed)
	u = r.kept
	if head.Listed < u.from {
		return u, false, false
	}
	missing = u.to() < head.Size
	return u, missing, !missing
}

// remember reads what events are found under, those at from and after it, as
// they were after so many erasures. Of one that is erased, or cannot be read,
// nothing is known; verifying names the latter.
func (r *recent) remember(from int64, bodies []string, redacted int64) {
	keys := make([][]hashedKey, len(bodies))
	inParallel(len(bodies), func(i int) {
		if e, err := events.ParseRecorded([]byte(bodies[i])); err == nil {
			keys[i] = hashKeys(&e.Event, nil)
		}
	})
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range keys {
		if from+int64(i) == r.kept.to() && redacted == r.redacted { // nobody was faster
			r.add(keys[i])
		}
	}
}

// appended takes over what was just committed, if it continues what is there.
func (r *recent) appended(w *writing) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if w.redacted != r.redacted {
		return // what was just erased may be among them
	}
	if w.listed == w.from {
		r.letGo(w.from)
	}
	if r.kept.to() != w.from {
		return // there is another server; what is missing is read when it is asked for
	}
	for i := range w.events {
		r.add(w.events[i].keys)
	}
}

func (r *recent) add(keys []hashedKey) {
	position := r.kept.to()
	for _, k := range keys {
		hash := k.digest.hash()
		r.kept.hashes = append(r.kept.hashes, hash)
		if !r.known.has(k.digest) {
			r.known.add(k.digest)
			// A copy, since the value may be a part of a large body.
			key := events.Key{Kind: k.key.Kind, Value: strings.Clone(k.key.Value)}
			r.kept.fresh = append(r.kept.fresh, keyRow{key, hash, position})
		}
	}
	r.kept.ends = append(r.kept.ends, len(r.kept.hashes))
}

// listed lets go of the events before a position, which the index now lists.
func (r *recent) listed(position int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.letGo(position)
}

func (r *recent) letGo(position int64) {
	u := &r.kept
	if position > u.to() {
		// Which keys have rows is not known any more: those of the events in
		// between were not seen.
		r.kept, r.known = unlisted{from: position}, knownKeys{}
		return
	}
	skip := int(position - u.from)
	if skip <= 0 {
		return
	}
	begin := u.ends[skip-1]
	rest := unlisted{from: position}
	for _, end := range u.ends[skip:] {
		rest.ends = append(rest.ends, end-begin)
	}
	rest.hashes = append(rest.hashes, u.hashes[begin:]...)
	for _, k := range u.fresh {
		if k.first >= position {
			rest.fresh = append(rest.fresh, k)
		}
	}
	*u = rest
}

// readUnlisted reads the head and what the index does not list of it. What is
// read of the index after that holds at least the other events.
func (t *Trail) readUnlisted(ctx context.Context) (headRow, unlisted, error) {
	for range 100 {
		head, err := t.readHead(ctx)
		if err != nil {
			return head, unlisted{}, err
		}
		u, ok, err := t.recent.since(ctx, t.reader, head)
		if ok || err != nil {
			return head, u, t.classify(err)
		}
	}
	return headRow{}, unlisted{}, errors.New("the head row lists fewer events than it did, run `daybook verify`")
}
