package handlers

import (
	"fmt"
	"net/http"
	"os"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/events/client"
	"github.com/daybookhq/daybook/events/seal"
	"github.com/daybookhq/daybook/handlers/access"
)

// showKeys lists the keys that the log has signed with, and what proves that
// one followed from the other. Where the private key is only an administrator
// is told.
func (a *api) showKeys(w http.ResponseWriter, r *http.Request) error {
	keys, err := a.Trail.Keys(r.Context())
	if err != nil {
		return err
	}
	chain, err := a.Trail.Rotations(r.Context())
	if err != nil {
		return err
	}
	out := client.Keys{Origin: a.Trail.Origin(), PublicKey: keys[len(keys)-1].Public, FirstKey: keys[0].Public}
	if out.Rotations, err = seal.FormatRotations(chain); err != nil {
		return err
	}
	for _, k := range keys {
		wire := client.Key{PublicKey: k.Public, From: k.From, To: k.To, Since: given(k.Since), Actor: k.Actor, Reason: k.Reason}
		if k.Position >= 0 {
			wire.Position = &k.Position
		}
		out.Keys = append(out.Keys, wire)
	}
	if principalOf(r).Role == access.Admin {
		out.File = keyFile(a.Trail.KeyFile())
	}
	return writeJSON(w, http.StatusOK, out)
}

// getRotations serves, beside the published checkpoint, what leads from the
// log's first public key to the one that signed it, as package seal reads it.
func (a *api) getRotations(w http.ResponseWriter, r *http.Request) error {
	_, c, err := a.published(r.Context())
	if err != nil {
		return err
	}
	chain, err := a.Trail.Rotations(r.Context())
	if err != nil {
		return err
	}
	// No further than what is published.
	n := 0
	for ; n < len(chain); n++ {
		e, err := events.ParseRecorded(chain[n].Record)
		if err != nil {
			return fmt.Errorf("the log's keys cannot be followed, run `daybook verify`: %w", err)
		}
		if e.Position >= int64(c.Size) {
			break
		}
	}
	b, err := seal.FormatRotations(chain[:n])
	if err != nil {
		return err
	}
	h := w.Header()
	h["Content-Type"] = jsonType
	h.Set("Cache-Control", a.cacheFor("no-cache"))
	_, err = w.Write(append(b, '\n'))
	return err
}

func keyFile(path string) *client.KeyFile {
	f := &client.KeyFile{Path: path, Mode: "missing"}
	if info, err := os.Stat(path); err == nil {
		f.Mode = fmt.Sprintf("%04o", info.Mode().Perm())
	}
	if next, err := seal.LoadKey(seal.NextKeyFile(path)); err == nil {
		f.Next = next.Public()
	}
	return f
}

// rotateKey replaces the signing key of this server, and with it the log's.
func (a *api) rotateKey(w http.ResponseWriter, r *http.Request) error {
	var req client.KeyRotation
	if err := a.readJSON(w, r, &req); err != nil {
		return err
	}
	done, err := a.Trail.RotateKey(r.Context(), principalOf(r).Name, req.Reason)
	if err != nil && problemOf(a.Trail.Classify(err)).Status == http.StatusInternalServerError {
		// An administrator may know what is wrong with the files, and must.
		return &fault{status: http.StatusConflict, detail: err.Error(), err: err}
	}
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, client.KeyRotated{
		Position: done.Position, OldKey: done.OldKey, PublicKey: done.NewKey, File: done.KeyFile, Retired: done.Retired,
	})
}
