package trail_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/events/seal"
	"github.com/daybookhq/daybook/events/trail"
	"github.com/daybookhq/daybook/events/trail/trailtest"
	"github.com/jmoiron/sqlx"
)

func rotate(t *testing.T, tr *trail.Trail, reason string) trail.Rotated {
	t.Helper()
	r, err := tr.RotateKey(t.Context(), "u-9", reason)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// checkKeys opens every kept checkpoint with nothing known but one public key.
func checkKeys(t *testing.T, tr *trail.Trail, known string) *seal.Keyring {
	t.Helper()
	ring, err := tr.Keyring(t.Context(), known)
	if err != nil {
		t.Fatal(err)
	}
	var notes []string
	if err := tr.DB().Select(&notes, `SELECT note FROM checkpoints ORDER BY size`); err != nil {
		t.Fatal(err)
	}
	for _, n := range notes {
		if _, err := ring.Open([]byte(n)); err != nil {
			t.Fatalf("with the key %s: %v", known, err)
		}
	}
	return ring
}

func TestRotateKey(t *testing.T) {
	trailtest.Each(t, func(t *testing.T, o trail.Options) {
		tr := trailtest.Open(t, o)
		first := tr.PublicKey()
		trailtest.Append(t, tr, trailtest.Notes(t, "a", 300)...) // 301
		one := rotate(t, tr, "yearly")                           // #301
		if one.Position != 301 || one.OldKey != first || one.NewKey != tr.PublicKey() || one.NewKey == first {
			t.Fatalf("%+v", one)
		}
		trailtest.Append(t, tr, trailtest.Notes(t, "b", 10)...) // 312
		two := rotate(t, tr, "")                                // #312
		trailtest.Append(t, tr, trailtest.Notes(t, "c", 5)...)  // 318
		if two.Position != 312 || two.OldKey != one.NewKey {
			t.Fatalf("%+v", two)
		}
		e, err := tr.Get(t.Context(), 301)
		if err != nil {
			t.Fatal(err)
		}
		data, problems := events.DataOf[events.KeyRotated](&e.Event)
		if e.Short() != "key.rotated" || e.AuthID != "u-9" || e.Writer != trail.LedgerWriter || len(problems) > 0 ||
			data.OldKey != first || data.NewKey != one.NewKey || data.Reason != "yearly" {
			t.Fatalf("recorded as %s", e.Bytes)
		}

		check := func(tr *trail.Trail) {
			t.Helper()
			for _, known := range []string{first, one.NewKey, two.NewKey, ""} {
				ring := checkKeys(t, tr, known)
				if ring.First() != first || ring.Current() != two.NewKey {
					t.Fatalf("from %s to %s", ring.First(), ring.Current())
				}
			}
			// What no key signed while it was in use is not signed by another.
			ring := checkKeys(t, tr, first)
			for size, want := range map[int64]bool{100: false, 301: true, 302: true, 305: false, 312: true, 313: true, 315: true, 318: true} {
				h, err := tr.HeadAt(t.Context(), size)
				if err != nil || (h.Checkpoint != nil) != want {
					t.Fatalf("head at %d: %s, %v", size, h.Checkpoint, err)
				}
				if c, err := ring.Open(h.Checkpoint); want && (err != nil || c.Root != h.Root) {
					t.Fatalf("head at %d: %v", size, err)
				}
			}
			// A proof carries what leads from the first key to the one in use.
			for _, size := range []int64{301, 302, 312, 318} {
				h, err := tr.HeadAt(t.Context(), size)
				if err != nil {
					t.Fatal(err)
				}
				p, err := tr.ProveEvent(t.Context(), 100, h.Checkpoint)
				if err != nil {
					t.Fatal(err)
				}
				file, err := p.Marshal()
				if err != nil {
					t.Fatal(err)
				}
				read, err := seal.ParseEventProof(file)
				if err != nil {
					t.Fatal(err)
				}
				for _, known := range []string{first, one.NewKey, two.NewKey} {
					if c, err := read.Check(known); err != nil || c.Size != size {
						t.Fatalf("a proof at %d, with the key %s: %v", size, known, err)
					}
				}
			}
			for _, size := range []int64{302, 313} {
				h, err := tr.HeadAt(t.Context(), size)
				if err != nil || strings.Count(string(h.Checkpoint), "\n— ") != 2 {
					t.Fatalf("the checkpoint of a rotation: %s, %v", h.Checkpoint, err)
				}
			}
		}
		check(tr)
		trailtest.Check(t, tr)

		// The files: the new key in place, the old ones kept, none of them readable by others.
		files, err := filepath.Glob(filepath.Join(o.DataDir, trail.SigningKeyFile) + "*")
		if err != nil || len(files) != 3 || one.Retired == two.Retired {
			t.Fatalf("key files: %q, %v", files, err)
		}
		for path, public := range map[string]string{one.Retired: first, two.Retired: one.NewKey, two.KeyFile: two.NewKey} {
			key, err := seal.LoadKey(path)
			info, _ := os.Stat(path)
			if err != nil || key.Public() != public || info.Mode().Perm() != 0o600 {
				t.Fatalf("%s: %+v, %v", path, info, err)
			}
		}
		if err := tr.Close(); err != nil {
			t.Fatal(err)
		}
		again := trailtest.Open(t, o)
		check(again)
		trailtest.Append(t, again, trailtest.Event(t, "later", "note.added"))
		readOnly := o
		readOnly.ReadOnly = true
		beside := trailtest.Open(t, readOnly)
		checkKeys(t, beside, first)
		if _, err := beside.RotateKey(t.Context(), "u-9", ""); !errors.Is(err, trail.ErrReadOnly) {
			t.Fatalf("rotated for reading only: %v", err)
		}
		// A report made elsewhere knows the first key alone.
		r, err := trail.Verify(t.Context(), o, trail.VerifyOptions{PublicKey: first})
		if err != nil || !r.OK() {
			t.Fatalf("%+v, %v", r, err)
		}
	})
}

// A key made ahead of time is the one that takes over.
func TestRotateToPreparedKey(t *testing.T) {
	trailtest.Each(t, func(t *testing.T, o trail.Options) {
		tr := trailtest.Open(t, o)
		path := filepath.Join(o.DataDir, trail.SigningKeyFile)
		save := func(key *seal.Key) {
			t.Helper()
			if err := key.Save(seal.NextKeyFile(path)); err != nil {
				t.Fatal(err)
			}
		}
		save(otherKey(t, "daybook.test/elsewhere"))
		if _, err := tr.RotateKey(t.Context(), "u-9", ""); err == nil || !strings.Contains(err.Error(), "is for log") {
			t.Fatalf("to the key of another log: %v", err)
		}
		os.Remove(seal.NextKeyFile(path))
		old, err := seal.LoadKey(path)
		if err != nil {
			t.Fatal(err)
		}
		next := otherKey(t, tr.Origin())
		save(next)
		if r := rotate(t, tr, ""); r.NewKey != next.Public() {
			t.Fatalf("%+v", r)
		}
		save(old)
		if _, err := tr.RotateKey(t.Context(), "u-9", ""); err == nil || !strings.Contains(err.Error(), "has been the log's before") {
			t.Fatalf("back to the old key: %v", err)
		}
		trailtest.Append(t, tr, trailtest.Notes(t, "n", 3)...)
		trailtest.Check(t, tr)
	})
}

// Where key files may not be moved, the new key works from where it waits, at
// later starts too.
func TestRotateWhereFilesCannotMove(t *testing.T) {
	o := trailtest.SQLite(t)
	tr := trailtest.Open(t, o)
	first := tr.PublicKey()
	path := filepath.Join(o.DataDir, trail.SigningKeyFile)
	old, err := seal.LoadKey(path)
	if err != nil {
		t.Fatal(err)
	}
	inTheWay := seal.RetiredKeyFile(path, old.Hash())
	if err := os.Mkdir(inTheWay, 0o700); err != nil {
		t.Fatal(err)
	}
	r := rotate(t, tr, "")
	if r.KeyFile != seal.NextKeyFile(path) || r.Retired != "" {
		t.Fatalf("%+v", r)
	}
	for range 2 {
		trailtest.Append(t, tr, trailtest.Notes(t, "n", 2)...)
		if _, err := tr.RotateKey(t.Context(), "u-9", ""); err == nil || !strings.Contains(err.Error(), "the key in use is still in") {
			t.Fatalf("rotated once more: %v", err)
		}
		if err := tr.Close(); err != nil {
			t.Fatal(err)
		}
		tr = trailtest.Open(t, o)
	}
	if key, err := seal.LoadKey(path); err != nil || key.Public() != first {
		t.Fatalf("the old key is gone: %v", err)
	}
	if err := tr.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(inTheWay); err != nil {
		t.Fatal(err)
	}
	tr = trailtest.Open(t, o)
	if key, err := seal.LoadKey(path); err != nil || key.Public() != r.NewKey {
		t.Fatalf("the next start did not complete it: %v", err)
	}
	trailtest.Check(t, tr)
}

// Appends go on while the key changes, and a commit whose answer is lost is
// found out about.
func TestRotateUnderLoadAndLostCommits(t *testing.T) {
	trailtest.Each(t, func(t *testing.T, o trail.Options) {
		tr := trailtest.Open(t, o)
		first := tr.PublicKey()
		var wg sync.WaitGroup
		done := make(chan struct{})
		for w := range 4 {
			wg.Go(func() {
				for i := 0; ; i++ {
					select {
					case <-done:
						return
					default:
					}
					e, err := note(fmt.Sprintf("w%d-%d", w, i))
					if err == nil {
						_, err = tr.Append(context.Background(), "token/test", e)
					}
					if err != nil {
						t.Errorf("append: %v", err)
						return
					}
				}
			})
		}
		for range 3 {
			before, err := tr.Head(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if r := rotate(t, tr, ""); r.Position < before.Size {
				t.Fatalf("%+v after %d events", r, before.Size)
			}
			if err := tr.Wait(t.Context(), before.Size+10); err != nil {
				t.Fatal(err)
			}
		}
		close(done)
		wg.Wait()
		for _, arrived := range []bool{true, false} {
			trail.LoseCommits(tr, arrived)
			r := rotate(t, tr, "")
			if r.NewKey != tr.PublicKey() {
				t.Fatalf("%+v", r)
			}
			trailtest.Append(t, tr, trailtest.Event(t, fmt.Sprint("after-", arrived), "note.added"))
		}
		if ring := checkKeys(t, tr, first); len(ring.Spans()) != 6 {
			t.Fatalf("%d keys", len(ring.Spans()))
		}
		trailtest.Check(t, tr)
	})
}

// rotateVariable makes the test binary one that is killed in a rotation.
const rotateVariable = "DAYBOOK_TEST_ROTATE"

type rotateJob struct {
	DataDir, DatabaseURL string
	Step                 string // at which it dies
}

func rotateUntilKilled(text string) error {
	var job rotateJob
	if err := json.Unmarshal([]byte(text), &job); err != nil {
		return err
	}
	tr, err := trail.Open(context.Background(), trail.Options{DataDir: job.DataDir, DatabaseURL: job.DatabaseURL, AllowOwner: true})
	if err != nil {
		return err
	}
	trail.DuringRotation(tr, func(step string) {
		if step == job.Step {
			syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
	})
	_, err = tr.RotateKey(context.Background(), "u-9", "")
	return fmt.Errorf("rotated without being killed: %w", err)
}

// TestKilledInRotation kills the process at every step of a rotation. The trail
// opens again by itself, with one of the two keys, and takes events.
func TestKilledInRotation(t *testing.T) {
	trailtest.Each(t, func(t *testing.T, o trail.Options) {
		tr := trailtest.Open(t, o)
		first := tr.PublicKey()
		if err := tr.Close(); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(o.DataDir, trail.SigningKeyFile)
		keys := 1
		for i, step := range []string{"key made", "written", "committed", "linked", "placed"} {
			job, _ := json.Marshal(rotateJob{o.DataDir, o.DatabaseURL, strings.Replace(step, "linked", "committed", 1)})
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), rotateVariable+"="+string(job))
			if out, err := cmd.CombinedOutput(); err == nil || err.Error() != "signal: killed" {
				t.Fatalf("%s: %v\n%s", step, err, out)
			}
			if step == "linked" { // between the two steps in which files change places
				old, err := seal.LoadKey(path)
				if err != nil {
					t.Fatal(err)
				}
				if err := os.Link(path, seal.RetiredKeyFile(path, old.Hash())); err != nil {
					t.Fatal(err)
				}
			}
			if !slices.Contains([]string{"key made", "written"}, step) {
				keys++
			}
			tr, err := trail.Open(t.Context(), o)
			if err != nil {
				t.Fatalf("killed at %q, it does not open: %v", step, err)
			}
			trailtest.Append(t, tr, trailtest.Notes(t, fmt.Sprint("n", i), 2)...)
			if ring := checkKeys(t, tr, first); len(ring.Spans()) != keys || ring.Current() != tr.PublicKey() {
				t.Fatalf("killed at %q: %d keys", step, len(ring.Spans()))
			}
			trailtest.Check(t, tr)
			if key, err := seal.LoadKey(path); err != nil || key.Public() != tr.PublicKey() {
				t.Fatalf("killed at %q, the key file does not hold the key: %v", step, err)
			}
			if err := tr.Close(); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// Other servers of the same database notice, and go on once they have the key.
func TestRotationIsNoticedByOtherServers(t *testing.T) {
	o := trail.Options{DatabaseURL: trailtest.Postgres(t), DataDir: t.TempDir(), Origin: "daybook.test/log", AllowOwner: true}
	a := trailtest.Open(t, o)
	path := filepath.Join(o.DataDir, trail.SigningKeyFile)
	server := func() (*trail.Trail, string) {
		other := o
		other.DataDir = t.TempDir()
		file := filepath.Join(other.DataDir, trail.SigningKeyFile)
		copyFile(t, path, file)
		return trailtest.Open(t, other), file
	}
	b, file := server()
	c, ahead := server()
	next := otherKey(t, a.Origin())
	for _, p := range []string{path, ahead} {
		if err := next.Save(seal.NextKeyFile(p)); err != nil {
			t.Fatal(err)
		}
	}
	rotate(t, a, "")

	// The one that had been given the new key beforehand does not even notice.
	trailtest.Append(t, c, trailtest.Event(t, "c1", "note.added"))
	if key, err := seal.LoadKey(ahead); err != nil || key.Public() != next.Public() {
		t.Fatalf("its key file is not the new one: %v", err)
	}

	e := trailtest.Event(t, "b1", "note.added")
	for range 2 {
		_, err := b.Append(t.Context(), "token/test", e)
		var replaced *trail.KeyReplacedError
		if !errors.As(err, &replaced) || !errors.Is(err, trail.ErrReadOnly) || replaced.Needs != next.Public() || replaced.KeyFile != file {
			t.Fatalf("the one without the key: %v", err)
		}
	}
	if b.Err() == nil {
		t.Fatal("it does not say so")
	}
	if _, err := b.RotateKey(t.Context(), "u-9", ""); !errors.Is(err, trail.ErrReadOnly) {
		t.Fatalf("it rotates: %v", err)
	}
	if h, err := b.HeadAt(t.Context(), 2); err != nil || h.Checkpoint == nil {
		t.Fatalf("it reads no more: %v", err)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	copyFile(t, path, file)
	trailtest.Append(t, b, e)
	if err := b.Err(); err != nil || b.PublicKey() != next.Public() {
		t.Fatalf("with the new key file: %v", err)
	}

	// One that starts later with the old key is told what to do.
	late := o
	late.DataDir = t.TempDir()
	copyFile(t, seal.RetiredKeyFile(path, hashOf(t, path)), filepath.Join(late.DataDir, trail.SigningKeyFile))
	if tr, err := trail.Open(t.Context(), late); err == nil || !strings.Contains(err.Error(), "copy the new key file there") {
		if tr != nil {
			tr.Close()
		}
		t.Fatalf("opened with the old key: %v", err)
	}
	trailtest.Check(t, a)
}

// An older copy of the database beside newer keys is named for what it is.
func TestOldDatabaseBesideNewKey(t *testing.T) {
	o := trailtest.SQLite(t)
	tr := trailtest.Open(t, o)
	if err := tr.Close(); err != nil {
		t.Fatal(err)
	}
	old := trailtest.Copy(t, o)
	tr = trailtest.Open(t, o)
	r := rotate(t, tr, "")
	if err := tr.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(old.DataDir, trail.SigningKeyFile)
	if err := os.Rename(path, seal.RetiredKeyFile(path, hashFromName(r.Retired))); err != nil {
		t.Fatal(err)
	}
	copyFile(t, r.KeyFile, path)
	if tr, err := trail.Open(t.Context(), old); err == nil || !strings.Contains(err.Error(), "an older copy, from before the rotation") {
		if tr != nil {
			tr.Close()
		}
		t.Fatalf("%v", err)
	}
}

func TestGuardsOfKeys(t *testing.T) {
	trailtest.Each(t, func(t *testing.T, o trail.Options) {
		tr := trailtest.Open(t, o)
		rotate(t, tr, "")
		trailtest.Append(t, tr, trailtest.Notes(t, "n", 3)...)
		public := otherKey(t, tr.Origin()).Public()
		for _, statement := range []string{
			`UPDATE head SET public_key = '` + public + `'`,
			`UPDATE log_keys SET position = 0`, `DELETE FROM log_keys`,
			`INSERT INTO log_keys (position, public_key) VALUES (4, '` + public + `')`,
			`INSERT INTO log_keys (position, public_key) VALUES (7, '` + public + `')`,
		} {
			err := tr.Write(t.Context(), func(tx *sqlx.Tx) error {
				_, err := tx.Exec(statement)
				return err
			})
			if err == nil {
				t.Errorf("%s was not refused", statement)
			}
		}
		trailtest.Check(t, tr)
	})
}

func otherKey(t *testing.T, origin string) *seal.Key {
	t.Helper()
	key, err := seal.GenerateKey(rand.Reader, origin)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	b, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// hashOf finds the one retired key beside a key file.
func hashOf(t *testing.T, path string) string {
	t.Helper()
	files, err := filepath.Glob(path + ".????????")
	if err != nil || len(files) != 1 {
		t.Fatalf("retired keys: %q, %v", files, err)
	}
	return hashFromName(files[0])
}

func hashFromName(retired string) string { return retired[strings.LastIndexByte(retired, '.')+1:] }
