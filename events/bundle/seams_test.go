package bundle_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"testing"

	"github.com/transparency-dev/formats/note"
	modnote "golang.org/x/mod/sumdb/note"

	"github.com/daybookhq/daybook/events/bundle"
	"github.com/daybookhq/daybook/events/seal"
	"github.com/daybookhq/daybook/events/trail"
	"github.com/daybookhq/daybook/events/trail/trailtest"
)

// What was erased keeps its place in a bundle, with the event that says why.
func TestErasedEvents(t *testing.T) {
	trailtest.Each(t, func(t *testing.T, o trail.Options) {
		tr := filled(t, o)
		before, _ := export(t, tr, bundle.Request{Size: 150})
		if _, err := tr.Redact(t.Context(), trail.Redaction{Positions: []int64{39, 41}, Basis: "erasure request", Actor: "u-1"}); err != nil {
			t.Fatal(err)
		}
		all, made := export(t, tr, bundle.Request{})
		r := check(t, all, publicKey(t))
		c := r.Coverage
		if c.Erased != 2 || !c.Whole || c.Events != made.Size || r.Late != 0 || c.Gaps != 3 {
			t.Errorf("%+v", r)
		}
		if strings.Contains(string(all), `a < b`) || !strings.Contains(string(all), "\nerased 39 ") {
			t.Error("the content is still there, or the place is not")
		}
		// In an extract, nobody can tell what the erased ones would have been; the
		// erasures are shown.
		some, _ := export(t, tr, bundle.Request{Asked: incident("INC-7")})
		if c := check(t, some, publicKey(t)).Coverage; c.Events < 3 || c.Gaps < 3 {
			t.Errorf("%+v", c)
		}
		// Of a prefix from before the erasure, the place is proved still.
		early, _ := export(t, tr, bundle.Request{Size: 150})
		if r := check(t, early, publicKey(t)); r.Coverage.Erased != 2 || r.Late != 2 {
			t.Errorf("%+v", r)
		}
		// And what was exported before stays as good as it was.
		check(t, before, publicKey(t))

		// To say of an event that it is erased, it takes the log's word for it; an
		// explanation for another event is none.
		f := linesOf(all)
		i := f.at("erased 39 ")
		j := f.at("erased 41 ")
		swapped := append(file{}, f.written()...)
		swapped[i+2], swapped[j+2] = swapped[j+2], swapped[i+2]
		swapped[i+3], swapped[j+3] = swapped[j+3], swapped[i+3]
		_, err := bundle.Verify(bytes.NewReader(swapped.short().bytes()), bundle.VerifyOptions{PublicKey: publicKey(t)})
		var fault *bundle.Fault
		if !errors.As(err, &fault) || !strings.Contains(fault.Reason, "does not amend the event #39 above it") {
			t.Errorf("%v", err)
		}
	})
}

// A bundle takes its reader from the first key to whichever signed it.
func TestRotatedKeys(t *testing.T) {
	tr := filled(t, trailtest.SQLite(t))
	first := publicKey(t)
	rotated, err := tr.RotateKey(t.Context(), "u-1", "yearly")
	if err != nil {
		t.Fatal(err)
	}
	trailtest.Append(t, tr, trailtest.Notes(t, "later", 3)...)
	b, _ := export(t, tr, bundle.Request{})
	if r := check(t, b, first); r.PublicKey != first || !strings.Contains(string(b), "\nrotation ") {
		t.Errorf("%+v", r)
	}
	check(t, b, rotated.NewKey)
	check(t, b, "")

	// A prefix from before the rotation, and a receipt from after it.
	old, _ := export(t, tr, bundle.Request{Asked: incident("INC-7"), Size: 157})
	check(t, old, first)
	if i, j := bytes.Index(old, []byte("\nrotation ")), bytes.Index(old, []byte("\nreceipt ")); i < j {
		t.Errorf("the rotation is at byte %d, the receipt at %d", i, j)
	}
	// A rotation while the bundle is being made.
	rq := bundle.Request{Asked: incident("INC-7")}
	made := recorder(t, tr)
	rq.Record = func(ctx context.Context, m bundle.Made) (int64, error) {
		if _, err := tr.RotateKey(ctx, "u-1", "again"); err != nil {
			return 0, err
		}
		return made(ctx, m)
	}
	between, _ := export(t, tr, rq)
	check(t, between, first)
	// Without the rotation the new key is nobody's.
	f := linesOf(b)
	_, err = bundle.Verify(bytes.NewReader(f.without(f.at("rotation "), 1).bytes()), bundle.VerifyOptions{PublicKey: first})
	if fault := (*bundle.Fault)(nil); !errors.As(err, &fault) || !strings.Contains(fault.Reason, seal.ErrUnknownKey.Error()) {
		t.Errorf("%v", err)
	}
}

// A checkpoint that others signed goes along, whatever its size.
func TestCosigned(t *testing.T) {
	tr := filled(t, trailtest.SQLite(t))
	secret, _, err := modnote.GenerateKey(rand.Reader, "witness.test")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSignerForCosignatureV1(secret)
	if err != nil {
		t.Fatal(err)
	}
	cosigned := func(size int64) []byte {
		h, err := tr.HeadAt(t.Context(), size)
		if err != nil {
			t.Fatal(err)
		}
		key, err := seal.ParsePublic(publicKey(t))
		if err != nil {
			t.Fatal(err)
		}
		n, err := modnote.Open(h.Checkpoint, modnote.VerifierList(key))
		if err != nil {
			t.Fatal(err)
		}
		b, err := modnote.Sign(n, signer)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for _, size := range []int64{1, 100, 156, 157} {
		b, _ := export(t, tr, bundle.Request{Asked: incident("INC-7"), Size: 120, Cosigned: cosigned(size)})
		r := check(t, b, publicKey(t))
		if r.Cosigned != size || len(r.Cosigners) != 1 || r.Cosigners[0] != "witness.test" {
			t.Errorf("%d: %+v", size, r)
		}
		f := linesOf(b)
		_, err := bundle.Verify(bytes.NewReader(f.swap("consistency ", "consistency ", "consistency "+strings.Repeat("A", 43)+"= ").bytes()), bundle.VerifyOptions{PublicKey: publicKey(t)})
		if fault := (*bundle.Fault)(nil); !errors.As(err, &fault) {
			t.Errorf("%d: %v", size, err)
		}
	}
	// One that only the log signed says nothing that is not there.
	h, err := tr.HeadAt(t.Context(), 100)
	if err != nil {
		t.Fatal(err)
	}
	b, _ := export(t, tr, bundle.Request{Size: 120, Cosigned: h.Checkpoint})
	if check(t, b, publicKey(t)).Cosigned != 0 {
		t.Error("it is said to be co-signed")
	}
}
