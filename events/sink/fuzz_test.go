package sink

import (
	"bytes"
	"testing"
)

// FuzzHeld: what is taken for a checkpoint is written in the one way that there
// is, so that two holders of the same one hold the same text.
func FuzzHeld(f *testing.F) {
	const good = "logs.example/one\n1\nF9ZizBEAixrN2qBRS7mStFfHcay4FCnVMniKdG/dqzE=\n\n— logs.example/one Az3grlgtzPICa5OS8npVmf1M\n"
	for _, seed := range []string{good, "", "\n\n", "x\n\n— \n", "x\n01\nAAAA\n\n— x y\n", "x\n18446744073709551615\nF9ZizBEAixrN2qBRS7mStFfHcay4FCnVMniKdG/dqzE=\n\n— x y\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, note []byte) {
		c, err := read(note)
		if err != nil {
			return
		}
		if c.size < 0 || c.origin == "" || !bytes.HasPrefix(note, []byte(c.origin+"\n")) {
			t.Fatalf("%q was read as %+v", note, c)
		}
		if _, err := ofLog(note, c.origin+"x"); err == nil {
			t.Fatalf("%q was taken for another log's", note)
		}
	})
}

// FuzzFileName: a file name is a size's or it is not.
func FuzzFileName(f *testing.F) {
	f.Add("0000000000000000009.checkpoint")
	f.Add("-000000000000000009.checkpoint")
	f.Add("9.checkpoint")
	f.Fuzz(func(t *testing.T, name string) {
		if size, ok := sizeOf(name); ok && (size < 0 || nameOf(size) != name) {
			t.Fatalf("%q was read as %d", name, size)
		}
	})
}
