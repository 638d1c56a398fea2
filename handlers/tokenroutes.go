package handlers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/events/client"
	"github.com/daybookhq/daybook/events/trail"
	"github.com/daybookhq/daybook/handlers/access"
	"github.com/daybookhq/daybook/handlers/tokens"
)

func wireToken(t tokens.Token) client.Token {
	return client.Token{
		ID: t.ID, Name: t.Name, Role: string(t.Role), Sources: t.Sources, Types: t.Types, Created: t.Created, By: t.By,
		Expires: given(t.Expires), Revoked: given(t.Revoked), Used: given(t.Used),
	}
}

func given(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func (a *api) listTokens(w http.ResponseWriter, r *http.Request) error {
	all, err := a.Tokens.List(r.Context())
	if err != nil {
		return err
	}
	out := make([]client.Token, len(all))
	for i, t := range all {
		out[i] = wireToken(t)
	}
	return writeJSON(w, http.StatusOK, out)
}

func (a *api) issueToken(w http.ResponseWriter, r *http.Request) error {
	var req client.TokenRequest
	if err := a.readJSON(w, r, &req); err != nil {
		return err
	}
	g := tokens.Grant{Name: req.Name, Role: access.Role(req.Role), Sources: req.Sources, Types: req.Types}
	if req.Expires != nil {
		g.Expires = *req.Expires
	}
	t, secret, err := issue(r.Context(), a.Trail, a.Tokens, g, principalOf(r).Name)
	if err != nil {
		return err
	}
	out := wireToken(t)
	out.Secret = secret
	return writeJSON(w, http.StatusCreated, out)
}

// revokeToken makes the token useless first and writes it down second: if the
// second fails, the same request by its id again does it. Once both are done,
// doing it again changes nothing and is answered as the first time.
func (a *api) revokeToken(w http.ResponseWriter, r *http.Request) error {
	a.revoking.Lock()
	defer a.revoking.Unlock()
	name := r.PathValue("token")
	t, err := a.Tokens.InUse(r.Context(), name)
	if errors.Is(err, tokens.ErrNoToken) {
		// By its id a token can be revoked again, which completes the record.
		all, lerr := a.Tokens.List(r.Context())
		if lerr != nil {
			return lerr
		}
		for _, old := range all {
			if old.ID == name {
				t, err = old, nil
			}
		}
	}
	if err != nil {
		return err
	}
	if _, err := a.Tokens.Revoke(r.Context(), t.ID); err != nil {
		return err
	}
	id := "token-" + t.ID + "-revoked"
	written, err := a.Trail.ByIdentity(r.Context(), []events.Identity{events.IdentityOf(access.LedgerSource, id)})
	if err != nil {
		return err
	}
	if len(written) > 0 {
		return a.answerToken(w, r, t)
	}
	by := principalOf(r).Name
	data := events.TokenRevoked{Token: t.ID, Reason: r.URL.Query().Get("reason")}
	if err := ledgerEvent(r.Context(), a.Trail, id, by, a.Clock(), data); err != nil {
		return err
	}
	return a.answerToken(w, r, t)
}

// answerToken answers with the token as it is now.
func (a *api) answerToken(w http.ResponseWriter, r *http.Request, t tokens.Token) error {
	all, err := a.Tokens.List(r.Context())
	if err != nil {
		return err
	}
	for _, now := range all {
		if now.ID == t.ID {
			t = now
		}
	}
	return writeJSON(w, http.StatusOK, wireToken(t))
}

// issue writes down that a token is issued before it can be used, so that no
// token ever worked of which the trail knows nothing.
func issue(ctx context.Context, tr *trail.Trail, store *tokens.Store, g tokens.Grant, by string) (tokens.Token, string, error) {
	if _, err := store.InUse(ctx, g.Name); err == nil {
		return tokens.Token{}, "", fmt.Errorf("%w: %q; revoke it first, or choose another name", tokens.ErrTaken, g.Name)
	} else if !errors.Is(err, tokens.ErrNoToken) {
		return tokens.Token{}, "", err
	}
	t, secret, err := store.Prepare(g, by)
	if err != nil {
		return t, "", err
	}
	data := events.TokenIssued{Token: t.ID, Label: t.Name, Role: string(t.Role), Sources: t.Sources, Types: t.Types}
	if !t.Expires.IsZero() {
		when, err := events.ParseWhen(t.Expires.Format(time.RFC3339))
		if err != nil {
			return t, "", err
		}
		data.Expires = &when
	}
	if err := ledgerEvent(ctx, tr, "token-"+t.ID+"-issued", by, t.Created, data); err != nil {
		return t, "", err
	}
	return t, secret, store.Add(ctx, t, secret)
}

// ledgerEvent writes an event of the ledger's own. Doing it again is harmless.
func ledgerEvent[T any](ctx context.Context, tr *trail.Trail, id, actor string, at time.Time, data T) error {
	e, err := events.Of(data)
	if err != nil {
		return err
	}
	e.ID, e.Source, e.Time, e.AuthID = id, access.LedgerSource, at.UTC().Truncate(time.Microsecond), actor
	if e, err = e.Checked(); err != nil {
		return err
	}
	if _, err := tr.Append(ctx, trail.LedgerWriter, e); err != nil {
		return fmt.Errorf("writing down %s: %w", e.Short(), err)
	}
	return nil
}

// FirstAdmin issues a token with the role admin if the ledger has never had a
// token, and returns its secret; otherwise it returns "".
func FirstAdmin(ctx context.Context, tr *trail.Trail, store *tokens.Store) (string, error) {
	all, err := store.List(ctx)
	if err != nil || len(all) > 0 {
		return "", err
	}
	_, secret, err := issue(ctx, tr, store, tokens.Grant{Name: "admin", Role: access.Admin}, trail.LedgerWriter)
	if errors.Is(err, tokens.ErrTaken) {
		return "", nil // another node of the same database was faster
	}
	return secret, err
}

func (a *api) readJSON(w http.ResponseWriter, r *http.Request, v any) error {
	buf, err := a.whole(w, r, a.MaxEventBytes)
	if err != nil {
		return err
	}
	defer giveBack(buf)
	dec := json.NewDecoder(buf)
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return &fault{status: http.StatusBadRequest, detail: "the body is not the JSON that is expected here: " + strings.TrimPrefix(err.Error(), "json: ")}
	}
	return nil
}

func writeJSON(w http.ResponseWriter, status int, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	w.Header()["Content-Type"] = jsonType
	w.Header()["Cache-Control"] = []string{"no-store"}
	w.WriteHeader(status)
	_, err = w.Write(append(b, '\n'))
	return err
}
