package seal_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/daybookhq/daybook/events/seal"
)

func savedNotes(tb testing.TB, n int) (notes [][]byte) {
	key, err := seal.ParseKey("PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz")
	if err != nil {
		tb.Fatal(err)
	}
	for i := range n {
		signed, err := key.Sign(int64(i+1), leaf(i))
		if err != nil {
			tb.Fatal(err)
		}
		notes = append(notes, signed)
	}
	return notes
}

func TestSplitCheckpoints(t *testing.T) {
	notes := savedNotes(t, 3)
	cosigned := bytes.Clone(notes[1])
	cosigned = append(cosigned, "— witness.example/w AAAAAAAA\n"...)
	all := [][]byte{notes[0], cosigned, notes[2]}
	for name, file := range map[string][]byte{
		"one after the other": bytes.Join(all, nil),
		"empty lines between": append([]byte("\n"), append(bytes.Join(all, []byte("\n\n")), '\n')...),
		"no line end":         bytes.TrimRight(bytes.Join(all, nil), "\n"),
		"CR LF":               bytes.ReplaceAll(bytes.Join(all, nil), []byte("\n"), []byte("\r\n")),
	} {
		got, err := seal.SplitCheckpoints(file)
		if err != nil || len(got) != 3 {
			t.Fatalf("%s: %d notes, %v", name, len(got), err)
		}
		for i := range got {
			if !bytes.Equal(got[i], all[i]) {
				t.Errorf("%s: note %d is\n%s", name, i, got[i])
			}
		}
	}
	for file, says := range map[string]string{
		"":                            "no checkpoint",
		"\n\n":                        "no checkpoint",
		"hello\n":                     "begins at line 1 has no signature",
		"hello\n\nworld\n":            "line 2: the checkpoint that begins at line 1 has no signature",
		"— a b\n":                     "line 1: a signature without a checkpoint",
		string(notes[0]) + "\n\nrest": "the checkpoint that begins at line 8 has no signature",
	} {
		if got, err := seal.SplitCheckpoints([]byte(file)); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %d notes, %v", file, len(got), err)
		}
	}
	if _, err := seal.SplitCheckpoints(make([]byte, seal.MaxSavedBytes+1)); err == nil {
		t.Error("a huge file was read")
	}
}

// FuzzSplitCheckpoints: nothing of a note gets lost or made up, so that what a
// file holds is what is checked.
func FuzzSplitCheckpoints(f *testing.F) {
	notes := savedNotes(f, 2)
	f.Add(bytes.Join(notes, []byte("\n")))
	f.Add([]byte("a\n\n— b c\n— d e\n\nf\n\n— g h"))
	f.Add([]byte("a\r\n\r\n— b c\r\n"))
	f.Add([]byte("— \n"))
	f.Fuzz(func(t *testing.T, file []byte) {
		before := bytes.Clone(file)
		got, err := seal.SplitCheckpoints(file)
		if !bytes.Equal(before, file) {
			t.Fatal("it changed what it was given")
		}
		if err != nil {
			return
		}
		if len(got) == 0 {
			t.Fatal("no notes and no error")
		}
		squeeze := func(b []byte) string { // without what ends lines
			var s strings.Builder
			for line := range bytes.Lines(b) {
				s.Write(bytes.TrimRight(line, "\r\n"))
			}
			return s.String()
		}
		if squeeze(bytes.Join(got, nil)) != squeeze(file) {
			t.Fatalf("%q came back as %q", file, got)
		}
		for _, note := range got {
			again, err := seal.SplitCheckpoints(note)
			if err != nil || len(again) != 1 || !bytes.Equal(again[0], note) {
				t.Fatalf("the note %q is no note by itself: %q, %v", note, again, err)
			}
		}
	})
}

// FuzzParsePublic: a public key that is taken is one of an Ed25519 signer, or of
// another algorithm that signed notes know, and reads back as itself.
func FuzzParsePublic(f *testing.F) {
	for _, s := range []string{
		"PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", "a+b+c", "+00000000+", "x+c74f20a3+AQ==", "\n", "PRIVATE+KEY+a+b+c",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		v, err := seal.ParsePublic(s)
		if err != nil {
			if v != nil {
				t.Fatal("a key and an error")
			}
			return
		}
		if v.Name() == "" || !strings.HasPrefix(strings.TrimSpace(s), v.Name()+"+"+fmt.Sprintf("%08x", v.KeyHash())+"+") {
			t.Fatalf("%q was read as %s+%08x", s, v.Name(), v.KeyHash())
		}
		if v.Verify(nil, nil) || v.Verify([]byte("a"), make([]byte, 64)) {
			t.Fatal("it takes a signature of nobody")
		}
	})
}
