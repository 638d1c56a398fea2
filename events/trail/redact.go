package trail

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/events/seal"
	"github.com/go-json-experiment/json"
	"github.com/jmoiron/sqlx"
)

// A Redaction says which contents are to be erased, why, and who says so.
type Redaction struct {
	Positions []int64
	Basis     string // the legal basis, for the record
	Actor     string // who erases

	// Unlinked keeps the announcements from naming the incidents, emergencies,
	// rollouts and drills that the erased events belonged to together with
	// others. With them, those stories show that something of them was erased.
	Unlinked bool
}

const maxBasis = 2000

// MaxRedacted is how many events one redaction may name.
const MaxRedacted = 1000

// A Redacted is one event of a redaction.
type Redacted struct {
	Position int64
	Leaf     seal.Hash
	By       int64  // of the redaction.applied; -1 in a plan that has none yet
	Erased   bool   // the bytes were gone already
	Type     string // of the event, while it is there

	Linked []events.Key // keys that the announcement names
	Gone   []events.Key // keys of any kind that no other event has: they go with it
	Naming []int64      // corrections, retractions and the like that name it, and say things of it
}

// PlanRedaction says what [Trail.Redact] would do, and changes nothing. The
// error says what may not be erased, or by whom not, and why.
func (t *Trail) PlanRedaction(ctx context.Context, r Redaction) ([]Redacted, error) {
	if err := t.mayErase(ctx); err != nil {
		return nil, err
	}
	plan, err := t.planRedaction(ctx, r)
	if err != nil {
		return nil, err
	}
	out := make([]Redacted, len(plan))
	for i := range plan {
		out[i] = plan[i].Redacted
	}
	return out, nil
}

// Redact erases the contents of events for good. It first records for each a
// redaction.applied, with its position and leaf hash, and when that is sealed,
// takes away the bytes and every row of the index that came from them. Places,
// hashes and the identities under which the events would be sent again stay.
//
// If it is cut off between the two, the same call goes on where it was. What
// was erased already is left as it is.
//
// The role that servers run as may not do this on Postgres. What projections
// and streams hold is for those who keep them; see [Trail.Erasures].
func (t *Trail) Redact(ctx context.Context, r Redaction) ([]Redacted, error) {
	if err := t.mayErase(ctx); err != nil {
		return nil, err
	}
	plan, err := t.planRedaction(ctx, r)
	if err != nil {
		return nil, err
	}
	if err := t.announce(ctx, r, plan); err != nil {
		return nil, err
	}
	if err := t.erase(ctx, plan); err != nil {
		return nil, fmt.Errorf("the redaction is announced, but not carried out; run it again: %w", err)
	}
	out := make([]Redacted, len(plan))
	for i := range plan {
		out[i] = plan[i].Redacted
	}
	return out, nil
}

// planned is a Redacted with what is needed to carry it out.
type planned struct {
	Redacted
	body string
	keys []events.Key // all that the index lists it under
}

func (t *Trail) planRedaction(ctx context.Context, r Redaction) ([]planned, error) {
	if strings.TrimSpace(r.Basis) == "" {
		return nil, errors.New("a redaction needs its legal basis")
	}
	if len(r.Basis) > maxBasis || strings.ContainsFunc(r.Basis, unicode.IsControl) || !utf8.ValidString(r.Basis) {
		return nil, fmt.Errorf("a legal basis is one line of at most %d bytes", maxBasis)
	}
	positions := slices.Clone(r.Positions)
	slices.Sort(positions)
	positions = slices.Compact(positions)
	if len(positions) == 0 || len(positions) > MaxRedacted {
		return nil, fmt.Errorf("a redaction names 1 to %d positions, not %d", MaxRedacted, len(positions))
	}
	recs, err := t.ByPositions(ctx, positions)
	if err != nil {
		return nil, err
	}
	ids := make([]events.Identity, len(positions))
	for i, p := range positions {
		ids[i] = events.IdentityOf(LedgerSource, announcementID(p))
	}
	announced, err := t.ByIdentity(ctx, ids)
	if err != nil {
		return nil, err
	}
	leaves, plan := seal.TileReader(t.tileReader(ctx)), make([]planned, len(recs))
	for i := range recs {
		e := &recs[i]
		p := &plan[i]
		p.Position, p.By = e.Position, -1
		if e.Erased != nil {
			p.Erased, p.Leaf, p.By = true, e.Erased.Leaf, e.Erased.By
			continue
		}
		if err := erasable(e); err != nil {
			return nil, err
		}
		p.Type, p.body, p.Leaf = e.Type, string(e.Bytes), seal.LeafHash(e.Bytes)
		sealed, err := sealedLeaf(leaves, e.Position)
		if err != nil {
			return nil, t.classify(err)
		}
		if sealed != p.Leaf {
			return nil, fmt.Errorf("the bytes of #%d are not those that were sealed; nothing was erased, run `daybook verify`", e.Position)
		}
		if err := t.planKeys(ctx, r, e, p, positions); err != nil {
			return nil, err
		}
		if by, ok := announced[ids[i]]; ok {
			if err := t.checkAnnouncement(ctx, by, p); err != nil {
				return nil, err
			}
			p.By = by
		}
	}
	return plan, nil
}

// erasable says why an event has to stay.
func erasable(e *events.Recorded) error {
	switch short := e.Short(); {
	case e.Position == 0:
		return fmt.Errorf("#0 stays: it is what the log begins with, and what is said in it holds for everything after")
	case short == "redaction.applied":
		return fmt.Errorf("#%d stays: it is a redaction, without which an erased event could not be told from a lost one", e.Position)
	case short == "key.rotated":
		return fmt.Errorf("#%d stays: it is a change of the log's key, without which the signatures after it could not be checked", e.Position)
	}
	return nil
}

func sealedLeaf(read seal.TileReader, position int64) (seal.Hash, error) {
	b, err := read(0, position/seal.TileWidth)
	if err != nil {
		return seal.Hash{}, fmt.Errorf("read the tile of #%d: %w", position, err)
	}
	i := int(position%seal.TileWidth) * seal.HashSize
	if len(b) < i+seal.HashSize {
		return seal.Hash{}, fmt.Errorf("the tile of #%d is too short, run `daybook verify`", position)
	}
	return seal.Hash(b[i : i+seal.HashSize]), nil
}

// linked are the kinds of story that documents are made of.
var linked = []events.Kind{events.KindIncident, events.KindEmergency, events.KindRollout, events.KindDrill}

// planKeys sorts out which keys of an event stay because others have them, and
// finds the events that say something of it.
func (t *Trail) planKeys(ctx context.Context, r Redaction, e *events.Recorded, p *planned, erased []int64) error {
	p.keys = e.IndexKeys(nil)
	for _, k := range p.keys {
		shared, err := t.carriedBesides(ctx, k, erased)
		switch {
		case err != nil:
			return err
		case !shared:
			p.Gone = append(p.Gone, k)
		case slices.Contains(linked, k.Kind) && !r.Unlinked:
			p.Linked = append(p.Linked, k)
		}
	}
	id := e.Identity()
	name := hex.EncodeToString(id[:])
	var err error
	p.Naming, err = t.Positions(ctx, []events.Key{{Kind: events.KindTarget, Value: name}, {Kind: events.KindCause, Value: name}}, 1<<62)
	return err
}

// carriedBesides reports whether an event besides those given has a key.
func (t *Trail) carriedBesides(ctx context.Context, k events.Key, but []int64) (bool, error) {
	at, err := t.Positions(ctx, []events.Key{k}, 1<<62)
	if err != nil {
		return false, err
	}
	for _, p := range at {
		if _, in := slices.BinarySearch(but, p); !in {
			return true, nil
		}
	}
	return false, nil
}

// announcementID makes the redaction of a position one event, however often it
// is asked for.
func announcementID(position int64) string { return "redaction/" + strconv.FormatInt(position, 10) }

// announce records the redactions that are not recorded yet.
func (t *Trail) announce(ctx context.Context, r Redaction, plan []planned) error {
	now := t.opts.Clock().UTC().Truncate(time.Microsecond)
	var evs []events.Event
	var of []*planned
	for i := range plan {
		p := &plan[i]
		if p.By >= 0 {
			continue
		}
		position := events.Count(p.Position)
		data, err := json.Marshal(events.RedactionApplied{
			Position: &position, LeafHash: hex.EncodeToString(p.Leaf[:]), LegalBasis: r.Basis,
		}, json.Deterministic(true))
		if err != nil {
			return fmt.Errorf("announce the redaction of #%d: %w", p.Position, err)
		}
		e, err := events.Event{
			ID: announcementID(p.Position), Source: LedgerSource, Type: events.FullType("redaction.applied"), Time: now,
			AuthID: r.Actor, Keys: slices.Clone(p.Linked), DataContentType: "application/json", Data: data,
		}.Checked()
		if err != nil {
			return fmt.Errorf("announce the redaction of #%d: %w", p.Position, err)
		}
		evs, of = append(evs, e), append(of, p)
	}
	if len(evs) == 0 {
		return nil
	}
	receipts, err := t.Append(ctx, LedgerWriter, evs...)
	if err != nil {
		return fmt.Errorf("announce the redaction: %w", err)
	}
	for i, rc := range receipts {
		// Somebody else may have announced it this very moment.
		if rc.Duplicate || rc.Conflict {
			if err := t.checkAnnouncement(ctx, rc.Position, of[i]); err != nil {
				return err
			}
		}
		of[i].By = rc.Position
	}
	return nil
}

// An announcement is what a redaction.applied of the ledger says.
type announcement struct {
	position int64
	leaf     seal.Hash
	basis    string
}

// announcementOf reads a redaction. One that the ledger did not write itself
// says nothing.
func announcementOf(e *events.Recorded) (a announcement, ok bool) {
	if e.Short() != "redaction.applied" || e.Source != LedgerSource || e.Writer != LedgerWriter {
		return a, false
	}
	d, _ := events.DataOf[events.RedactionApplied](&e.Event)
	if d.Position == nil || len(d.LeafHash) != 2*seal.HashSize {
		return a, false
	}
	if _, err := hex.Decode(a.leaf[:], []byte(d.LeafHash)); err != nil {
		return a, false
	}
	a.position, a.basis = int64(*d.Position), d.LegalBasis
	return a, a.position >= 0 && a.position < e.Position
}

func (t *Trail) checkAnnouncement(ctx context.Context, by int64, p *planned) error {
	e, err := t.Get(ctx, by)
	if err != nil {
		return err
	}
	if a, ok := announcementOf(&e); !ok || a.position != p.Position || a.leaf != p.Leaf {
		return fmt.Errorf("#%d should be the redaction of #%d and is not, run `daybook verify`", by, p.Position)
	}
	return nil
}

// mayErase refuses early what the database would refuse after the announcement.
func (t *Trail) mayErase(ctx context.Context) error {
	if t.opts.ReadOnly {
		return ErrReadOnly
	}
	if err := t.stopped(); err != nil {
		return err
	}
	if t.Dialect() != Postgres {
		return nil
	}
	var role struct {
		Name string `db:"name"`
		May  bool   `db:"may"`
	}
	err := t.reader.GetContext(ctx, &role, `SELECT current_user AS name, has_table_privilege('events', 'UPDATE') AND has_table_privilege('redactions', 'INSERT')
		AND has_table_privilege('keys', 'UPDATE, DELETE') AND has_table_privilege('postings', 'UPDATE, DELETE') AS may`)
	if err != nil {
		return fmt.Errorf("look at the database role's rights: %w", t.classify(err))
	}
	if !role.May {
		return fmt.Errorf("the database role %q may not erase: give the URL of the role that owns the tables (the one that `daybook migrate` runs as)", role.Name)
	}
	return nil
}

// erase takes the bytes away, in one transaction that has the head to itself.
func (t *Trail) erase(ctx context.Context, plan []planned) error {
	if err := t.wipes(ctx); err != nil {
		return err
	}
	return t.Write(ctx, func(tx *sqlx.Tx) error {
		if err := t.holdHead(ctx, tx); err != nil {
			return err
		}
		for i := range plan {
			p := &plan[i]
			if p.Erased {
				continue
			}
			if err := eraseEvent(ctx, tx, t.Dialect(), p); err != nil {
				return fmt.Errorf("erase #%d: %w", p.Position, err)
			}
		}
		t.during("erased")
		return nil
	})
}

// eraseEvent takes away the bytes of one event and what was made of them.
func eraseEvent(ctx context.Context, tx *sqlx.Tx, d Dialect, p *planned) error {
	exec := func(query string, args ...any) error {
		_, err := tx.ExecContext(ctx, tx.Rebind(query), args...)
		return err
	}
	if known, err := erasures(ctx, tx, []int64{p.Position}); err != nil || len(known) > 0 {
		return err // somebody else just did
	}
	if err := exec(`INSERT INTO redactions (position, leaf_hash, by_position, number)
		SELECT ?, ?, ?, 1 + coalesce(max(number), 0) FROM redactions`, p.Position, p.Leaf[:], p.By); err != nil {
		return err
	}
	if err := exec(`UPDATE events SET body = '', happened_us = ledger_us WHERE position = ?`, p.Position); err != nil {
		return err
	}
	for _, k := range p.keys {
		if err := unlist(ctx, tx, d, k, p.Position); err != nil {
			return fmt.Errorf("take it out of the key index: %w", err)
		}
	}
	return nil
}

// microTime is a moment of the database.
func microTime(us int64) time.Time { return time.UnixMicro(us).UTC() }

// unlist takes one position out of a key's postings, and the key out of the
// index if that was its only one.
func unlist(ctx context.Context, tx *sqlx.Tx, d Dialect, k events.Key, position int64) error {
	hash := keyHash(k)
	var rows []struct {
		First int64   `db:"first"`
		More  *string `db:"more"`
	}
	query := tx.Rebind(`SELECT first, more FROM postings WHERE hash = ? AND first <= ? ORDER BY first DESC LIMIT 1`)
	if err := tx.SelectContext(ctx, &rows, query, hash, position); err != nil {
		return err
	}
	exec := func(query string, args ...any) error {
		_, err := tx.ExecContext(ctx, tx.Rebind(query), args...)
		return err
	}
	if len(rows) > 0 {
		first := rows[0].First
		at, err := unpack(nil, first, rows[0].More)
		if err != nil {
			return fmt.Errorf("the index row at %d cannot be read, run `daybook verify`: %w", first, err)
		}
		left := slices.DeleteFunc(slices.Clone(at), func(p int64) bool { return p == position })
		switch {
		case len(left) == len(at):
		case len(left) == 0:
			err = exec(`DELETE FROM postings WHERE hash = ? AND first = ?`, hash, first)
		default:
			row := postingRow{hash: hash, first: left[0]}
			for _, p := range left[1:] {
				row.others = append(row.others, int32(p-left[0]))
			}
			err = exec(`UPDATE postings SET first = ?, more = ? WHERE hash = ? AND first = ?`, row.first, row.packed(brackets(d)), hash, first)
		}
		if err != nil {
			return err
		}
	}
	var next *int64
	if err := tx.GetContext(ctx, &next, tx.Rebind(`SELECT min(first) FROM postings WHERE hash = ?`), hash); err != nil {
		return err
	}
	if next == nil {
		return exec(`DELETE FROM keys WHERE kind = ? AND value = ? AND first = ?`, string(k.Kind), k.Value, position)
	}
	return exec(`UPDATE keys SET first = ? WHERE kind = ? AND value = ? AND first = ?`, *next, string(k.Kind), k.Value, position)
}

func brackets(d Dialect) string {
	return cmp.Or(map[Dialect]string{Postgres: "{}"}[d], "[]")
}

// holdHead keeps appends out until the transaction ends.
func (t *Trail) holdHead(ctx context.Context, tx *sqlx.Tx) error {
	if t.Dialect() != Postgres {
		return nil // the transaction began as the only writer
	}
	var size int64
	if err := tx.GetContext(ctx, &size, `SELECT size FROM head WHERE id = 1 FOR UPDATE`); err != nil {
		return fmt.Errorf("lock the head: %w", err)
	}
	return nil
}

// wipes makes SQLite write zeros over what it deletes from now on.
func (t *Trail) wipes(ctx context.Context) error {
	if t.Dialect() != SQLite {
		return nil
	}
	if _, err := t.writer.ExecContext(ctx, `PRAGMA secure_delete = ON`); err != nil {
		return fmt.Errorf("make deleting secure: %w", t.classify(err))
	}
	return nil
}

// Wipe writes the SQLite file anew without its free pages, which may hold what
// was erased or dropped earlier, and empties the write-ahead log. Nobody else
// may have the file open. On Postgres it does nothing: see VACUUM FULL there.
func (t *Trail) Wipe(ctx context.Context) error {
	if t.Dialect() != SQLite {
		return nil
	}
	for _, statement := range []string{
		`PRAGMA secure_delete = ON`,
		`PRAGMA temp_store = FILE`, // a copy of the file is made, of which no trace need be hidden
		`VACUUM`,
		`PRAGMA temp_store = MEMORY`,
	} {
		if _, err := t.writer.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("write the database file anew: %w", t.classify(err))
		}
	}
	var busy, log, done int64
	if err := t.writer.QueryRowxContext(ctx, `PRAGMA wal_checkpoint(TRUNCATE)`).Scan(&busy, &log, &done); err != nil {
		return fmt.Errorf("empty the write-ahead log: %w", t.classify(err))
	}
	if busy != 0 {
		return errors.New("the write-ahead log could not be emptied, since somebody reads the database; end that, and run it again")
	}
	return nil
}
