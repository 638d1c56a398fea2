// Package tokens keeps the access tokens of a ledger: random secrets that are
// shown once, of which only a hash is stored.
//
// That a token was issued or revoked is an event, written by the ledger; this
// package's table is only what requests are checked against. A revoked token
// stops working here at once, and on other nodes of the same database within
// [Options.Refresh]. While the database cannot be reached, what was read last
// holds for at most [Options.Stale].
package tokens

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jmoiron/sqlx"

	"github.com/daybookhq/daybook/events/trail"
	"github.com/daybookhq/daybook/handlers/access"
)

// Errors that callers tell apart.
var (
	ErrUnknown = errors.New("this token is not known, was revoked or has expired")
	ErrNoToken = errors.New("no such token")
	ErrTaken   = errors.New("a token of that name is in use")
)

// An Invalid error says which part of a request for a token cannot be.
type Invalid struct{ Field, Reason string }

func (i *Invalid) Error() string { return i.Field + ": " + i.Reason }

// prefix lets people, and scanners for leaked secrets, see what a string is.
const prefix = "daybook_"

// A Token is one access token, without its secret.
type Token struct {
	ID      string
	Name    string
	Role    access.Role
	Sources []string
	Types   []string
	By      string // who issued it
	Created time.Time
	Expires time.Time // zero: never
	Revoked time.Time // zero: not revoked
	Used    time.Time // last use, within a minute or two; zero: never
}

// Principal is who a holder of the token is.
func (t *Token) Principal() access.Principal {
	return access.Principal{Name: "token/" + t.Name, Role: t.Role, Sources: t.Sources, Types: t.Types}
}

// Options of a [Store]. DB, Write, Clock and Rand are required.
type Options struct {
	DB      *sqlx.DB
	Write   func(context.Context, func(*sqlx.Tx) error) error // runs a writing transaction
	Clock   func() time.Time
	Rand    io.Reader
	Refresh time.Duration // how old what is known may be before it is read again; default 5 s

	// Classify marks errors of the database as trail.ErrUnavailable where it
	// is away. Without it no error is taken for that.
	Classify func(error) error
	// Stale is how old what is known may be while the database is away;
	// default 1 minute.
	Stale time.Duration
}

// A Store keeps tokens in a database. It is safe for concurrent use.
type Store struct {
	o     Options
	known atomic.Pointer[snapshot]
	load  sync.Mutex // one reload at a time
	tried time.Time  // when a reload last failed; guarded by load
	used  sync.Map   // id -> *atomic.Int64, minutes since 1970, not yet flushed
}

type snapshot struct {
	at   time.Time
	byID map[[32]byte]*Token // by the hash of the secret
}

// New returns a store over the table that the migrations made.
func New(o Options) *Store {
	o.Refresh = cmp.Or(o.Refresh, 5*time.Second)
	o.Stale = cmp.Or(o.Stale, time.Minute)
	return &Store{o: o}
}

// Authenticate returns the token that secret belongs to, or ErrUnknown.
func (s *Store) Authenticate(ctx context.Context, secret string) (*Token, error) {
	if !strings.HasPrefix(secret, prefix) || len(secret) > 128 {
		return nil, ErrUnknown
	}
	hash := sha256.Sum256([]byte(secret))
	now := s.o.Clock()
	known, err := s.recent(ctx, now)
	if err != nil {
		return nil, err
	}
	t := known.byID[hash]
	if t == nil {
		// It may have been issued a moment ago by another node.
		if known, err = s.fresh(ctx, now, s.o.Refresh/5); err != nil {
			return nil, err
		}
		t = known.byID[hash]
	}
	if t == nil || !t.Revoked.IsZero() || (!t.Expires.IsZero() && !now.Before(t.Expires)) {
		return nil, ErrUnknown
	}
	s.touch(t.ID, now)
	return t, nil
}

// recent returns what is known, read again if it is older than Refresh, or as
// it was while the database is away. Requests then wait neither for each other
// nor for long.
func (s *Store) recent(ctx context.Context, now time.Time) (*snapshot, error) {
	old := s.within(now, s.o.Stale)
	if old == nil {
		return s.fresh(ctx, now, s.o.Refresh)
	}
	if k := s.within(now, s.o.Refresh); k != nil {
		return k, nil
	}
	if !s.load.TryLock() {
		return old, nil // somebody else is reading it
	}
	defer s.load.Unlock()
	if since := now.Sub(s.tried); since >= 0 && since < retryEvery && s.known.Load() == old {
		return old, nil
	}
	reading, cancel := context.WithTimeout(ctx, readPatience)
	defer cancel()
	k, err := s.read(reading, now)
	away := errors.Is(err, trail.ErrUnavailable) || (errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil)
	if away {
		s.tried = now
		return old, nil
	}
	return k, err
}

// While the database is away it is asked so often, and waited for so long.
const (
	retryEvery   = time.Second
	readPatience = 2 * time.Second
)

// within returns what is known if it is no older than maxAge. A clock that was
// set back makes it stale, not eternal.
func (s *Store) within(now time.Time, maxAge time.Duration) *snapshot {
	if k := s.known.Load(); k != nil && !now.Before(k.at) && now.Sub(k.at) <= maxAge {
		return k
	}
	return nil
}

// fresh returns what is known, read again if it is older than maxAge.
func (s *Store) fresh(ctx context.Context, now time.Time, maxAge time.Duration) (*snapshot, error) {
	if k := s.within(now, maxAge); k != nil {
		return k, nil
	}
	s.load.Lock()
	defer s.load.Unlock()
	if k := s.within(now, maxAge); k != nil {
		return k, nil
	}
	return s.read(ctx, now)
}

// read reads the table; the caller holds load.
func (s *Store) read(ctx context.Context, now time.Time) (*snapshot, error) {
	rows, err := s.rows(ctx)
	if err != nil {
		return nil, err
	}
	k := &snapshot{at: now, byID: make(map[[32]byte]*Token, len(rows))}
	for _, r := range rows {
		if len(r.Hash) == sha256.Size {
			t := r.token()
			k.byID[[32]byte(r.Hash)] = &t
		}
	}
	s.known.Store(k)
	return k, nil
}

func (s *Store) touch(id string, now time.Time) {
	minute := now.Unix() / 60
	v, ok := s.used.Load(id)
	if !ok {
		v, _ = s.used.LoadOrStore(id, new(atomic.Int64))
	}
	if last := v.(*atomic.Int64); last.Load() != minute {
		last.Store(minute)
	}
}

// A Grant says what a new token is to be.
type Grant struct {
	Name    string // letters, digits, and - _ . after the first; unique among tokens in use
	Role    access.Role
	Sources []string  // required for a recorder, nothing for others
	Types   []string  // optional, for a recorder
	Expires time.Time // zero: never
}

// Check returns an [Invalid] error if the grant cannot be.
func (g *Grant) Check(now time.Time) error {
	if !nameFits(g.Name) {
		return &Invalid{"name", "give the token a name of at most 64 letters, digits, '-', '_' or '.'"}
	}
	if !slices.Contains(access.Roles(), g.Role) {
		return &Invalid{"role", fmt.Sprintf("%q is no role; choose recorder, reader, auditor or admin", g.Role)}
	}
	if g.Role == access.Recorder && len(g.Sources) == 0 {
		return &Invalid{"sources", `a recorder needs the sources it may write, as in "/ci/*"; "*" is any`}
	}
	if g.Role != access.Recorder && len(g.Sources)+len(g.Types) > 0 {
		return &Invalid{"sources", "sources and types narrow what a recorder may write; " + string(g.Role) + " has neither"}
	}
	for _, glob := range slices.Concat(g.Sources, g.Types) {
		if glob == "" || len(glob) > 512 || strings.ContainsFunc(glob, func(r rune) bool { return r < ' ' }) {
			return &Invalid{"sources", "a source or type is empty, too long or holds a control character"}
		}
	}
	if !g.Expires.IsZero() && !g.Expires.After(now) {
		return &Invalid{"expires", "lies in the past"}
	}
	return nil
}

func nameFits(name string) bool {
	for i, r := range name {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
		if !letter && (i == 0 || !strings.ContainsRune("-_.", r)) {
			return false
		}
	}
	return name != "" && len(name) <= 64
}

// Prepare makes a token and its secret without storing anything, so that the
// ledger can first write down that it is issued.
func (s *Store) Prepare(g Grant, by string) (Token, string, error) {
	now := s.o.Clock().UTC().Truncate(time.Microsecond)
	if err := g.Check(now); err != nil {
		return Token{}, "", err
	}
	var b [40]byte
	if _, err := io.ReadFull(s.o.Rand, b[:]); err != nil {
		return Token{}, "", fmt.Errorf("making a token: %w", err)
	}
	t := Token{
		ID: hex.EncodeToString(b[32:]), Name: g.Name, Role: g.Role, Sources: g.Sources, Types: g.Types,
		By: by, Created: now, Expires: g.Expires.UTC().Truncate(time.Microsecond),
	}
	return t, prefix + base64.RawURLEncoding.EncodeToString(b[:32]), nil
}

// InUse returns the token of that name, or id, that is not revoked.
func (s *Store) InUse(ctx context.Context, nameOrID string) (Token, error) {
	all, err := s.List(ctx)
	if err != nil {
		return Token{}, err
	}
	for _, t := range all {
		if t.Revoked.IsZero() && (t.Name == nameOrID || t.ID == nameOrID) {
			return t, nil
		}
	}
	return Token{}, fmt.Errorf("%w in use called %q", ErrNoToken, nameOrID)
}

// List returns all tokens, revoked ones included, oldest first.
func (s *Store) List(ctx context.Context) ([]Token, error) {
	rows, err := s.rows(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]Token, len(rows))
	for i, r := range rows {
		out[i] = r.token()
		if v, ok := s.used.Load(r.ID); ok {
			if at := time.Unix(v.(*atomic.Int64).Load()*60, 0).UTC(); at.After(out[i].Used) {
				out[i].Used = at
			}
		}
	}
	return out, nil
}

// forget makes the next request read the table again. It waits for a reload
// under way, which may not have seen what was just written.
func (s *Store) forget() {
	s.load.Lock()
	defer s.load.Unlock()
	s.known.Store(nil)
}

// Flush writes down when tokens were last used. Call it now and then, and at
// the end.
func (s *Store) Flush(ctx context.Context) error {
	seen := map[string]int64{}
	s.used.Range(func(id, v any) bool {
		seen[id.(string)] = v.(*atomic.Int64).Load() * 60 * 1e6
		return true
	})
	if len(seen) == 0 {
		return nil
	}
	err := s.o.Write(ctx, func(tx *sqlx.Tx) error {
		for _, id := range slices.Sorted(maps.Keys(seen)) {
			const q = `UPDATE tokens SET used_us = ? WHERE id = ? AND (used_us IS NULL OR used_us < ?)`
			if _, err := tx.ExecContext(ctx, tx.Rebind(q), seen[id], id, seen[id]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("writing down when tokens were used: %w", err)
	}
	for id, us := range seen {
		if v, ok := s.used.Load(id); ok && v.(*atomic.Int64).Load()*60*1e6 == us {
			s.used.Delete(id)
		}
	}
	return nil
}
