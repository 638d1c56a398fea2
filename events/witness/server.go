package witness

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/time/rate"

	"github.com/daybookhq/daybook/events/seal"
)

// ServerOptions say who co-signs, for whom. Key and State are required.
type ServerOptions struct {
	Key    *Key
	State  *State
	Logs   []Log            // as [MergeLogs] returns them
	Clock  func() time.Time // default: time.Now
	Logger *slog.Logger     // default: none
}

// A Server is a witness: the HTTP handler of C2SP tlog-witness.
//
//	POST /add-checkpoint          co-signs a checkpoint
//	GET  /<origin hash>/checkpoint  the newest that it co-signed
//	GET  /                        its name, key and what it does, for people
type Server struct {
	o      ServerOptions
	logs   map[string]*served // by origin
	byHash map[string]string  // origin by its hash
	mux    *http.ServeMux
}

type served struct {
	Log
	allowance *rate.Limiter // nil: any number
}

// NewServer returns the handler of a witness.
func NewServer(o ServerOptions) *Server {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Server{o: o, logs: map[string]*served{}, byHash: map[string]string{}, mux: http.NewServeMux()}
	for _, l := range o.Logs {
		sv := &served{Log: l}
		if l.PerDay > 0 {
			// An hour's share may come at once.
			sv.allowance = rate.NewLimiter(rate.Limit(l.PerDay/86400), max(1, int(l.PerDay/24)))
		}
		s.logs[l.Origin] = sv
		s.byHash[OriginHash(l.Origin)] = l.Origin
	}
	s.mux.HandleFunc("POST /add-checkpoint", s.addCheckpoint)
	s.mux.HandleFunc("GET /{hash}/checkpoint", s.checkpoint)
	s.mux.HandleFunc("GET /{$}", s.about)
	return s
}

// ServeHTTP is part of http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// Types of answers.
const (
	typeText = "text/plain; charset=utf-8"
	typeSize = "text/x.tlog.size" // the body is the size that the witness holds
)

// An answer is what a call of add-checkpoint comes to.
type answer struct {
	status int
	typ    string
	body   string
}

func answerf(status int, format string, args ...any) answer {
	return answer{status, typeText, fmt.Sprintf(format, args...) + "\n"}
}

func (s *Server) addCheckpoint(w http.ResponseWriter, r *http.Request) {
	a := s.answer(w, r)
	w.Header().Set("Content-Type", a.typ)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(a.status)
	io.WriteString(w, a.body)
}

func (s *Server) answer(w http.ResponseWriter, r *http.Request) answer {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxRequestBytes))
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return answerf(http.StatusRequestEntityTooLarge, "the request is larger than %d bytes", tooLarge.Limit)
	}
	if err != nil {
		return answerf(http.StatusBadRequest, "the request could not be read")
	}
	req, err := ParseRequest(body)
	if err != nil {
		return answerf(http.StatusBadRequest, "%v", err)
	}
	return s.decide(req)
}

// decide checks a request in the order of the protocol.
func (s *Server) decide(req *Request) answer {
	origin, _, _ := strings.Cut(string(req.Checkpoint), "\n")
	l := s.logs[origin]
	if l == nil {
		return answerf(http.StatusNotFound, "this witness does not know the log")
	}
	n, err := note.Open(req.Checkpoint, l.verifiers)
	var unverified *note.UnverifiedNoteError
	var invalid *note.InvalidSignatureError
	switch {
	case errors.As(err, &unverified):
		return answerf(http.StatusForbidden, "no key that this witness knows of the log has signed the checkpoint")
	case errors.As(err, &invalid):
		return answerf(http.StatusForbidden, "a signature of the log does not fit the checkpoint")
	case err != nil:
		return answerf(http.StatusBadRequest, "this is no signed checkpoint")
	}
	t, err := readTree(n.Text)
	if err != nil || t.origin != origin {
		return answerf(http.StatusBadRequest, "this is no checkpoint: three lines of origin, size and root")
	}
	if l.allowance != nil && !l.allowance.AllowN(s.o.Clock(), 1) {
		return answerf(http.StatusTooManyRequests, "the log asks more often than it may")
	}
	st := s.o.State.of(origin)
	st.mu.Lock()
	defer st.mu.Unlock()
	return s.consider(st, req, n, t)
}

// consider holds a checkpoint that the log signed against what was co-signed
// before. The standing is locked.
func (s *Server) consider(st *standing, req *Request, n *note.Note, t tree) answer {
	held := st.tree
	if st.Checkpoint == "" {
		held = tree{root: seal.EmptyRoot()}
	}
	s.watch(st, req, n, t)
	switch {
	case req.Old > t.size:
		return answerf(http.StatusBadRequest, "the old size is larger than the checkpoint's")
	case req.Old != held.size:
		return answer{http.StatusConflict, typeSize, fmt.Sprintf("%d\n", held.size)}
	case t.size == 0 && t.root != seal.EmptyRoot():
		return answerf(http.StatusUnprocessableEntity, "the root is not that of an empty tree")
	case req.Old == 0 && len(req.Proof) > 0:
		return answerf(http.StatusUnprocessableEntity, "from an empty tree there is nothing to prove; leave the proof out")
	case req.Old == t.size && t.root != held.root:
		return answerf(http.StatusUnprocessableEntity, "this witness has seen another root at this size")
	case req.Old > 0 && seal.CheckConsistencyProof(held.size, held.root, t.size, t.root, req.Proof) != nil:
		s.o.Logger.Warn("a checkpoint came with a proof that does not lead to it", "log", t.origin, "held", held.size, "size", t.size)
		return answerf(http.StatusUnprocessableEntity, "the proof does not show that this tree continues the one of %d leaves", held.size)
	}
	signed, line, err := s.o.Key.cosign(n)
	if err == nil {
		next := st.Standing
		next.Checkpoint, next.tree = string(signed), t
		err = s.o.State.keep(st, next)
	}
	if err != nil {
		s.o.Logger.Error("could not co-sign", "log", t.origin, "size", t.size, "error", err)
		return answerf(http.StatusInternalServerError, "the witness could not keep the checkpoint, so it does not co-sign it")
	}
	s.o.Logger.Debug("co-signed", "log", t.origin, "size", t.size)
	return answer{http.StatusOK, typeText, line}
}

// watch keeps a checkpoint that proves a fork: the log signed another root for
// the size that this witness holds. A proof that does not verify is no
// evidence, anybody can make one up for a good checkpoint.
func (s *Server) watch(st *standing, req *Request, n *note.Note, t tree) {
	if st.Checkpoint == "" || t.size != st.tree.size || t.root == st.tree.root || t.size == 0 {
		return
	}
	theirs := *n
	theirs.UnverifiedSigs = nil
	other, err := note.Sign(&theirs)
	if err == nil {
		var added bool
		added, err = s.o.State.keepFork(st, Fork{Seen: s.o.Clock().UTC(), Size: t.size, Held: st.Checkpoint, Other: string(other)})
		if added {
			s.o.Logger.Error("a log has signed two histories; both checkpoints are kept", "log", t.origin, "size", t.size)
		}
	}
	if err != nil {
		s.o.Logger.Error("a log has signed two histories, and that could not be kept", "log", t.origin, "size", t.size, "error", err)
	}
}

func (s *Server) checkpoint(w http.ResponseWriter, r *http.Request) {
	origin, known := s.byHash[r.PathValue("hash")]
	if known {
		var st Standing
		if st, known = s.o.State.Get(origin); known {
			w.Header().Set("Content-Type", typeText)
			w.Header().Set("Cache-Control", "no-cache")
			io.WriteString(w, st.Checkpoint)
			return
		}
	}
	w.Header().Set("Content-Type", typeText)
	w.WriteHeader(http.StatusNotFound)
	io.WriteString(w, "this witness has co-signed nothing of such a log\n")
}

func (s *Server) about(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", typeText)
	fmt.Fprintf(w, "%s\nA witness of transparency logs (c2sp.org/tlog-witness). Its key:\n%s\n", s.o.Key.Name(), s.o.Key.Public())
}
