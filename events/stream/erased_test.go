package stream

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/events/trail"
	"github.com/daybookhq/daybook/events/trail/trailtest"
	"github.com/nats-io/nats.go/jetstream"
)

const erasedName = "Quittenbaum"

func recordNamed(t *testing.T, tr *trail.Trail, id string) int64 {
	t.Helper()
	return trailtest.Append(t, tr, trailtest.Event(t, id, "note.added", func(e *events.Event) {
		e.Data = []byte(`{"text":"` + erasedName + ` did it"}`)
	}))[0].Position
}

// messages returns the subject of the message of each position, and all data.
func messages(t *testing.T, b *Broker) (subjects map[string]string, data string) {
	t.Helper()
	js := connect(t, b)
	defer b.Release(js)
	s, err := js.Stream(t.Context(), EventsStream)
	if err != nil {
		t.Fatal(err)
	}
	subjects = map[string]string{}
	state := s.CachedInfo().State
	for seq := state.FirstSeq; seq <= state.LastSeq; seq++ {
		m, err := s.GetMsg(t.Context(), seq)
		if err == jetstream.ErrMsgNotFound {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		subjects[m.Header.Get(PositionHeader)] = m.Subject
		data += string(m.Data)
	}
	return subjects, data
}

// onDisk lists the files below dir that hold the name.
func onDisk(t *testing.T, dir string) (found []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if strings.Contains(string(b), erasedName) {
			found = append(found, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestErasedEventsLeaveTheStream(t *testing.T) {
	t.Parallel()
	o := trailtest.SQLite(t)
	tr := trailtest.Open(t, o)
	var got collector
	consumers := []Consumer{{Name: "all", Oldest: true, Handle: collect(&got)}}
	s := start(t, Options{Trail: tr, DataDir: o.DataDir})
	record(t, tr, 0, 10)
	named := recordNamed(t, tr, "q-1")
	record(t, tr, 10, 10)
	told(t, s, tr)
	if subjects, data := messages(t, s.Broker()); subjects[fmt.Sprint(named)] == "" || !strings.Contains(data, erasedName) {
		t.Fatal("the event was not told to begin with")
	}

	// The relay deletes its message as it tells of the redaction.
	done, err := tr.Redact(t.Context(), trail.Redaction{Positions: []int64{named}, Basis: "x"})
	if err != nil {
		t.Fatal(err)
	}
	told(t, s, tr)
	subjects, data := messages(t, s.Broker())
	if _, ok := subjects[fmt.Sprint(named)]; ok || strings.Contains(data, erasedName) || int64(len(subjects)) != size(t, tr)-1 {
		t.Errorf("%d messages, the erased one on %q", len(subjects), subjects[fmt.Sprint(named)])
	}

	// A stream that is new is told the place, and consumers pass over it.
	js := connect(t, s.Broker())
	if err := js.DeleteStream(t.Context(), EventsStream); err != nil {
		t.Fatal(err)
	}
	s.Broker().Release(js)
	record(t, tr, 100, 5)
	told(t, s, tr)
	if subjects, _ := messages(t, s.Broker()); subjects[fmt.Sprint(named)] != ErasedSubject || int64(len(subjects)) != size(t, tr) {
		t.Errorf("%d messages, the erased one on %q", len(subjects), subjects[fmt.Sprint(named)])
	}
	stop(t, s)

	// While no server runs, the store is purged by itself, and nothing is left
	// in its files.
	second := recordNamed(t, tr, "q-2")
	s = start(t, Options{Trail: tr, DataDir: o.DataDir, Consumers: consumers})
	told(t, s, tr)
	waitFor(t, "all is handled", func() bool { return got.newest() == size(t, tr)-1 })
	stop(t, s)
	if slices.Contains(got.all(), named) || !slices.Contains(got.all(), second) {
		t.Errorf("the consumer got %v", got.all())
	}
	if len(onDisk(t, EmbeddedDir(o.DataDir))) == 0 {
		t.Error("the store does not hold the event to begin with")
	}
	if done, err = tr.Redact(t.Context(), trail.Redaction{Positions: []int64{second}, Basis: "x"}); err != nil {
		t.Fatal(err)
	}
	broker := BrokerOptions{Dir: EmbeddedDir(o.DataDir), Origin: tr.Origin(), Logger: quiet(t)}
	for _, want := range []int{1, 0} {
		if n, err := Purge(t.Context(), broker, [][32]byte{done[0].Leaf}); err != nil || n != want {
			t.Errorf("purged %d messages, not %d: %v", n, want, err)
		}
	}
	if files := onDisk(t, EmbeddedDir(o.DataDir)); len(files) > 0 {
		t.Errorf("the name is still in %v", files)
	}
	if n, err := Purge(t.Context(), BrokerOptions{Dir: EmbeddedDir(t.TempDir())}, nil); err != nil || n != 0 {
		t.Errorf("without a store: %d, %v", n, err)
	}
}
