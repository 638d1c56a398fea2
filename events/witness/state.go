package witness

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/note"
)

// maxForks is how many forks of one log are kept as evidence. One is enough to
// show that a log lied; a log that makes many must not fill the disk.
const maxForks = 16

// A Standing is what a witness holds of one log.
type Standing struct {
	Origin string `json:"origin"`
	// Checkpoint is the largest that was co-signed: with the log's signatures
	// that were verified, and the witness's own.
	Checkpoint string `json:"checkpoint,omitempty"`
	// Forks are pairs of checkpoints that the log signed and that cannot both
	// be true. They are never removed.
	Forks []Fork `json:"forks,omitempty"`

	tree tree // of Checkpoint
}

// A Fork is proof that a log signed two histories.
type Fork struct {
	Seen  time.Time `json:"seen"`
	Size  int64     `json:"size"`
	Held  string    `json:"held"`  // the checkpoint that this witness co-signed
	Other string    `json:"other"` // the one with another root, signed by the log too
}

// Size is that of the checkpoint, 0 without one.
func (s *Standing) Size() int64 { return s.tree.size }

// Root is the checkpoint's root in base64, as in the checkpoint.
func (s *Standing) Root() string { return base64.StdEncoding.EncodeToString(s.tree.root[:]) }

// A State is what a witness must never forget: a file for each log, replaced as
// a whole before anything in it is told to anybody.
type State struct {
	dir string
	key *Key

	mu   sync.Mutex // guards logs
	logs map[string]*standing
}

// standing is a log's standing; its own lock makes decisions about one log one
// after the other.
type standing struct {
	mu sync.Mutex
	Standing
}

// stateName is the file of a log: the hash of its origin, which is how the
// protocol names logs in paths.
func stateName(origin string) string { return OriginHash(origin) + ".json" }

// OriginHash is how a log is named in the path of its checkpoint.
func OriginHash(origin string) string {
	sum := sha256.Sum256([]byte(origin))
	return hex.EncodeToString(sum[:])
}

// OpenState reads what the witness of that key holds in a directory, which is
// made if missing. A file that cannot be read is an error: to take it for
// nothing would be to forget.
func OpenState(dir string, key *Key) (*State, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open the witness's state: %w", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("open the witness's state: %w", err)
	}
	s := &State{dir: dir, key: key, logs: map[string]*standing{}}
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".json") {
			continue // one that was being written when the process was killed
		}
		path := filepath.Join(dir, e.Name())
		b, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("read the witness's state: %w", err)
		}
		st, err := readStanding(b, key)
		if err == nil && stateName(st.Origin) != e.Name() {
			err = errors.New("it is named for another log")
		}
		if err != nil {
			return nil, fmt.Errorf("the witness's state %s is damaged, and a witness must not forget: bring back the newest copy of it: %w", path, err)
		}
		s.logs[st.Origin] = &standing{Standing: st}
	}
	return s, nil
}

// readStanding reads a state file. The witness's own signature in it shows that
// it is what was written.
func readStanding(b []byte, key *Key) (Standing, error) {
	var st Standing
	if err := json.Unmarshal(b, &st); err != nil {
		return st, err
	}
	if st.Checkpoint == "" {
		return st, errors.New("it holds no checkpoint")
	}
	n, err := note.Open([]byte(st.Checkpoint), note.VerifierList(key.Verifier()))
	if err != nil {
		return st, fmt.Errorf("the checkpoint in it is not signed by this witness: %w", err)
	}
	if st.tree, err = readTree(n.Text); err != nil {
		return st, err
	}
	if st.tree.origin != st.Origin {
		return st, fmt.Errorf("it holds a checkpoint of %q", st.tree.origin)
	}
	return st, nil
}

// of returns the standing of a log, which the caller locks.
func (s *State) of(origin string) *standing {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.logs[origin]
	if st == nil {
		st = &standing{Standing: Standing{Origin: origin}}
		s.logs[origin] = st
	}
	return st
}

// Get returns a copy of what is held of a log, and whether anything is.
func (s *State) Get(origin string) (Standing, bool) {
	st := s.of(origin)
	st.mu.Lock()
	defer st.mu.Unlock()
	c := st.Standing
	c.Forks = slices.Clone(c.Forks)
	return c, c.Checkpoint != ""
}

// All returns what is held, by origin.
func (s *State) All() []Standing {
	s.mu.Lock()
	origins := make([]string, 0, len(s.logs))
	for origin := range s.logs {
		origins = append(origins, origin)
	}
	s.mu.Unlock()
	slices.Sort(origins)
	var all []Standing
	for _, origin := range origins {
		if st, held := s.Get(origin); held {
			all = append(all, st)
		}
	}
	return all
}

// keep makes next what is held of a log, on disk first. The caller has the
// standing locked.
func (s *State) keep(st *standing, next Standing) error {
	b, err := json.MarshalIndent(next, "", "  ")
	if err != nil {
		return err
	}
	if err := replace(filepath.Join(s.dir, stateName(next.Origin)), append(b, '\n'), 0o600); err != nil {
		return fmt.Errorf("keep the state: %w", err)
	}
	st.Standing = next
	return nil
}

// keepFork adds evidence against a log, unless it is known or there is enough.
func (s *State) keepFork(st *standing, f Fork) (added bool, err error) {
	if len(st.Forks) >= maxForks || slices.ContainsFunc(st.Forks, func(k Fork) bool { return k.Size == f.Size && body(k.Other) == body(f.Other) }) {
		return false, nil
	}
	next := st.Standing
	next.Forks = append(slices.Clone(st.Forks), f)
	return true, s.keep(st, next)
}

// body is a signed note without its signatures.
func body(signed string) string {
	text, _, _ := strings.Cut(signed, "\n\n")
	return text
}
