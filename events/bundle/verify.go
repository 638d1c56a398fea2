package bundle

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/events/seal"
	"github.com/daybookhq/daybook/events/trail"
)

// VerifyOptions say what a bundle is checked with.
type VerifyOptions struct {
	// PublicKey is the log's first public key, known from elsewhere. Without
	// it the key that the file names is used, and nothing is proved but that the
	// file fits itself.
	PublicKey string

	// Progress is told now and then how far along the prefix the check is.
	Progress func(position, size int64)
}

// A Report says what is in a bundle that was checked.
type Report struct {
	Origin    string   `json:"origin"`
	PublicKey string   `json:"public_key"` // that it was checked with
	OwnKey    bool     `json:"key_from_the_file,omitempty"`
	Asked     string   `json:"asked"`
	Coverage  Coverage `json:"coverage"`
	Sources   []Source `json:"sources"`
	Cosigned  int64    `json:"cosigned_size,omitempty"`      // size of the checkpoint that others signed
	Cosigners []string `json:"cosigners_claimed,omitempty"`  // who signed it, as it says; not checked
	Note      []byte   `json:"-"`                            // the checkpoint that others signed
	Late      int64    `json:"erased_after_prefix,omitzero"` // erased events whose erasure is recorded after the prefix
	Receipt   Receipt  `json:"receipt"`
}

// A Receipt is what the log itself says of the export.
type Receipt struct {
	Position int64     `json:"position"` // of the export.created
	Size     int64     `json:"size"`     // of the checkpoint that it was proved under
	Recorded time.Time `json:"recorded"`
	Actor    string    `json:"actor"`
	Digest   string    `json:"digest"`
}

// Is reports whether a file that begins like this is meant to be a bundle.
func Is(head []byte) bool { return bytes.HasPrefix(head, []byte(Magic+"\n")) }

type verifier struct {
	*scanner
	o      VerifyOptions
	sum    hash.Hash
	report Report

	known string // the key to begin with
	chain []seal.Rotation
	bytes int // of the rotations
	ring  *seal.Keyring
	root  seal.Checkpoint
	takes func(*events.Recorded) bool
	tally *tally
	proof []seal.Hash // of the record before
	last  int64       // position of the event before
	at    time.Time   // when that was recorded
}

// Verify checks a whole bundle. The error is a [Fault] where something of it
// does not hold, and another where it could not be read. The report is
// complete only without an error.
func Verify(r io.Reader, o VerifyOptions) (Report, error) {
	sum := sha256.New()
	v := &verifier{scanner: newScanner(r, sum), o: o, sum: sum, proof: []seal.Hash{}, last: -1}
	for _, step := range []func() error{v.begin, v.keys, v.prefix, v.cosigned, v.records, v.gaps, v.coverage, v.receipt} {
		if err := step(); err != nil {
			return v.report, err
		}
	}
	return v.report, nil
}

// begin reads what every bundle begins with.
func (v *verifier) begin() error {
	for want := range strings.Lines(preamble) {
		got, err := v.text()
		switch {
		case err != nil:
			return err
		case v.end && v.n == 1:
			return v.fault("the file is empty")
		case v.end:
			return v.fault("the file ends here; it is cut off")
		case got+"\n" == want:
		case v.n == 1:
			return v.fault("this is not a bundle of the version that is known here; it would begin with %q", Magic)
		default:
			return v.fault("it is not what this version says of how to check a bundle by hand; do not follow it")
		}
	}
	return v.next()
}

// keys finds out which keys the log had.
func (v *verifier) keys() error {
	if err := v.want(kwKey); err != nil {
		return err
	}
	first, line := string(v.rest), v.n
	if _, err := seal.ParsePublic(first); err != nil {
		return v.fault("%v", err)
	}
	v.known, v.report.OwnKey = v.o.PublicKey, v.o.PublicKey == ""
	if v.report.OwnKey {
		v.known = first
	}
	if err := v.next(); err != nil {
		return err
	}
	if err := v.rotations(); err != nil {
		return err
	}
	if v.ring.First() != strings.TrimSpace(first) {
		return &Fault{line, -1, fmt.Sprintf("it is of a log whose first key is %.300q, not %.300q", first, v.ring.First())}
	}
	v.report.PublicKey, v.report.Origin = v.known, v.ring.Origin()
	return nil
}

// rotations takes over those that stand here and makes the ring.
func (v *verifier) rotations() (err error) {
	line := v.n
	for v.keyword == kwRotation {
		var r seal.Rotation
		if err := json.Unmarshal(v.rest, &r); err != nil {
			return v.fault("%v", err)
		}
		if again, err := json.Marshal(r); err != nil || !bytes.Equal(again, v.rest) {
			return v.fault("the rotation is not written in the one way that there is")
		}
		if v.bytes += len(v.rest); v.bytes > maxRotationBytes || len(v.chain) == seal.MaxRotations {
			return v.fault("more rotations of the key than are read")
		}
		v.chain = append(v.chain, r)
		line = v.n
		if err := v.next(); err != nil {
			return err
		}
	}
	if v.ring, err = seal.NewKeyring(v.known, v.chain...); err != nil {
		return &Fault{line, -1, err.Error()}
	}
	return nil
}

// prefix reads what was asked for, and of what.
func (v *verifier) prefix() error {
	if err := v.want(kwAsked); err != nil {
		return err
	}
	v.report.Asked = string(v.rest)
	asked, err := ParseAsked(v.report.Asked)
	if err != nil {
		return v.fault("what was asked for cannot be read: %v", err)
	}
	v.takes = asked.takes()
	if err := v.next(); err != nil {
		return err
	}
	if v.root, _, err = v.checkpoint(kwCheckpoint); err != nil {
		return err
	}
	if v.root.Size > maxPosition {
		return v.fault("a log of %d events is not possible", v.root.Size)
	}
	v.tally = newTally(v.root.Size, encode(v.root.Root))
	return nil
}

// checkpoint reads a signed checkpoint of the log.
func (v *verifier) checkpoint(keyword string) (seal.Checkpoint, []byte, error) {
	line := v.n
	signed, err := v.note(keyword)
	if err != nil {
		return seal.Checkpoint{}, nil, err
	}
	c, err := v.ring.Open(signed)
	if err != nil {
		return c, nil, &Fault{line, -1, err.Error()}
	}
	return c, signed, nil
}

// consistency reads the proof that one tree continues another.
func (v *verifier) consistency(a, b seal.Checkpoint) error {
	if err := v.want(kwConsistency); err != nil {
		return err
	}
	proof, err := v.hashes(nil)
	if err != nil {
		return err
	}
	if a.Size > b.Size {
		a, b = b, a
	}
	if err := seal.CheckConsistencyProof(a.Size, a.Root, b.Size, b.Root, proof); err != nil {
		return v.fault("%v", err)
	}
	return v.next()
}

// cosigned reads the checkpoint that others signed, if there is one.
func (v *verifier) cosigned() error {
	if v.keyword != kwCosigned {
		return nil
	}
	c, signed, err := v.checkpoint(kwCosigned)
	if err != nil {
		return err
	}
	v.report.Cosigned, v.report.Note = c.Size, signed
	if v.report.Cosigners, err = cosigners(signed, v.ring); err != nil {
		return v.fault("%v", err)
	}
	return v.consistency(v.root, c)
}

// records reads the events, each with what amends it.
func (v *verifier) records() error {
	for v.keyword == kwEvent || v.keyword == kwErased {
		if err := v.group(); err != nil {
			return err
		}
	}
	return nil
}

// A member is an event of a group: the one that was asked for, or what amends it.
type member struct {
	line     int64
	position int64
	identity events.Identity
	targets  []events.Identity
	erases   bool // the event that the group is about
}

// group reads one event and what amends it.
func (v *verifier) group() error {
	about, leaf, err := v.event()
	if err != nil {
		return err
	}
	group := []member{about}
	explained := leaf == nil
	for last := int64(-1); v.keyword == kwAmends; {
		line := v.n
		r, err := v.record()
		if err != nil {
			return err
		}
		switch {
		case r.Position == about.position:
			return v.wrong(line, r.Position, "it is said to amend itself")
		case r.Position <= last:
			return v.wrong(line, r.Position, "it stands after #%d; what amends an event stands in the order of positions, each once", last)
		case len(group) > maxAmendments:
			return v.wrong(line, r.Position, "more than %d events that amend one", maxAmendments)
		}
		last = r.Position
		m := member{line, r.Position, r.Identity(), r.Targets(), leaf != nil && erases(&r, about.position, *leaf)}
		explained = explained || m.erases
		group = append(group, m)
		v.tally.c.Amendments++
	}
	if !explained {
		v.report.Late++
	}
	return v.amends(group)
}

// event reads the event that a group is about; leaf is not nil if it is erased.
func (v *verifier) event() (m member, leaf *seal.Hash, err error) {
	line := v.n
	var r events.Recorded
	if v.keyword == kwErased {
		if m.position, leaf, err = v.place(); err != nil {
			return m, nil, err
		}
		if err = v.order(line, m.position); err != nil {
			return m, nil, err
		}
		v.tally.erased(m.position)
	} else {
		if r, err = v.record(); err != nil {
			return m, nil, err
		}
		m.position, m.identity = r.Position, r.Identity()
		if err = v.order(line, m.position); err != nil {
			return m, nil, err
		}
		switch {
		case r.LedgerTime.Before(v.at):
			return m, nil, v.wrong(line, r.Position, "it was recorded before the event above it, though it comes later in the log")
		case !v.takes(&r):
			return m, nil, v.wrong(line, r.Position, "it is not among what was asked for, %.200q", v.report.Asked)
		}
		v.at = r.LedgerTime
		v.tally.event(&r)
	}
	m.line = line
	if v.o.Progress != nil && v.tally.c.Events%1024 == 0 {
		v.o.Progress(m.position, v.root.Size)
	}
	return m, leaf, nil
}

// order makes sure that events stand in order, each once.
func (v *verifier) order(line, position int64) error {
	switch {
	case position == v.last:
		return v.wrong(line, position, "it stands here twice")
	case position < v.last:
		return v.wrong(line, position, "it stands after #%d; events stand in the order of positions", v.last)
	}
	v.last = position
	return nil
}

// place reads the line of an erased event, and its proof.
func (v *verifier) place() (int64, *seal.Hash, error) {
	line := v.n
	position, rest, err := v.placed()
	if err != nil {
		return 0, nil, err
	}
	leaf, ok := decode(string(rest))
	if !ok {
		return 0, nil, v.wrong(line, position, "%.60q is not a SHA-256 in base64", rest)
	}
	if err := v.next(); err != nil {
		return 0, nil, err
	}
	return position, &leaf, v.included(line, position, leaf, v.root)
}

// record reads a line with recorded bytes, and its proof.
func (v *verifier) record() (events.Recorded, error) {
	line := v.n
	r, leaf, err := v.recorded()
	if err != nil {
		return r, err
	}
	return r, v.included(line, r.Position, leaf, v.root)
}

// recorded reads a line with recorded bytes. They are not kept.
func (v *verifier) recorded() (events.Recorded, seal.Hash, error) {
	position, b, err := v.placed()
	if err != nil {
		return events.Recorded{}, seal.Hash{}, err
	}
	r, err := events.ParseRecorded(bytes.Clone(b))
	switch {
	case err != nil:
		return r, seal.Hash{}, v.wrong(v.n, position, "what follows the position is not a recorded event: %v", err)
	case r.Position != position:
		return r, seal.Hash{}, v.wrong(v.n, position, "the event says of itself that it is #%d", r.Position)
	}
	leaf := seal.LeafHash(r.Bytes)
	return r, leaf, v.next()
}

// included reads the proof of the record before it and holds it against the tree.
func (v *verifier) included(line, position int64, leaf seal.Hash, in seal.Checkpoint) error {
	if err := v.inclusion(); err != nil {
		return err
	}
	if position >= in.Size {
		return v.wrong(line, position, "it is beyond the prefix, whose checkpoint is of %d events", in.Size)
	}
	if seal.CheckInclusion(leaf, position, in.Size, in.Root, v.proof) != nil {
		return v.wrong(line, position, "it is not the event that the log has there, or the proof on the line after it was changed: they do not lead to the root that was signed")
	}
	return nil
}

func (v *verifier) inclusion() (err error) {
	if err = v.want(kwProof); err != nil {
		return err
	}
	if v.proof, err = v.hashes(v.proof); err != nil {
		return err
	}
	if v.proof == nil {
		v.proof = []seal.Hash{}
	}
	return v.next()
}

func (v *verifier) wrong(line, position int64, format string, args ...any) error {
	return &Fault{line, position, fmt.Sprintf(format, args...)}
}

// amends makes sure that every event of a group is tied to the first.
func (v *verifier) amends(group []member) error {
	if len(group) == 1 {
		return nil
	}
	about := map[events.Identity][]int{} // what amends each
	tied := make([]bool, len(group))
	var next []int
	tie := func(i int) {
		if !tied[i] {
			tied[i] = true
			next = append(next, i)
		}
	}
	tie(0)
	for i := range group {
		for _, target := range group[i].targets {
			about[target] = append(about[target], i)
		}
		if group[i].erases {
			tie(i)
		}
	}
	for len(next) > 0 {
		i := next[len(next)-1]
		next = next[:len(next)-1]
		for _, j := range about[group[i].identity] {
			tie(j)
		}
	}
	if i := slices.Index(tied, false); i >= 0 {
		return v.wrong(group[i].line, group[i].position, "it does not amend the event #%d above it", group[0].position)
	}
	return nil
}

// gaps reads what the log knows to be missing.
func (v *verifier) gaps() error {
	for last := int64(-1); v.keyword == kwGap; {
		line := v.n
		r, err := v.record()
		if err != nil {
			return err
		}
		if r.Position <= last {
			return v.wrong(line, r.Position, "it stands after #%d; gaps stand in the order of positions, each once", last)
		}
		last = r.Position
		if !missing(&r, v.tally) {
			return v.wrong(line, r.Position, "it does not say that anything is missing of a source in this file")
		}
		v.tally.c.Gaps++
	}
	return nil
}

// coverage holds what the file says of itself against what it holds.
func (v *verifier) coverage() error {
	v.report.Sources = v.tally.list()
	for _, s := range v.report.Sources {
		if v.keyword != kwSource {
			return v.fault("the line %q of %.200q is missing; there are events of it above", kwSource, s.Source)
		}
		if err := v.figures(s); err != nil {
			return err
		}
	}
	if v.keyword == kwSource {
		return v.fault("there is no event of this source above")
	}
	if err := v.want(kwCoverage); err != nil {
		return err
	}
	// How many events have more amendments than are shown cannot be seen here.
	var said struct {
		Cut int64 `json:"amendments_cut_for"`
	}
	if json.Unmarshal(v.rest, &said) == nil && said.Cut >= 0 && said.Cut <= v.tally.c.Events {
		v.tally.c.Cut = said.Cut
	}
	v.report.Coverage = v.tally.coverage()
	return v.figures(v.report.Coverage)
}

// figures holds the line at hand against what was computed.
func (v *verifier) figures(want any) error {
	b, err := json.Marshal(want)
	if err != nil {
		return err
	}
	if !bytes.Equal(b, v.rest) {
		return v.fault("%s", difference(v.keyword, v.rest, b))
	}
	return v.next()
}

// difference names the first figure that is not what it should be.
func difference(what string, got, want []byte) string {
	theirs, ok := figuresOf(got)
	ours, _ := figuresOf(want)
	if !ok {
		return fmt.Sprintf("the %s cannot be read", what)
	}
	for i, f := range ours {
		switch {
		case i >= len(theirs) || theirs[i][0] != f[0]:
			return fmt.Sprintf("the %s should say %s %.200s here, as the lines above it do", what, f[0], f[1])
		case theirs[i][1] != f[1]:
			return fmt.Sprintf("the %s says %s %.200s, but by the lines above it is %.200s", what, f[0], theirs[i][1], f[1])
		}
	}
	if len(theirs) > len(ours) {
		return fmt.Sprintf("the %s says %s %.200s, which does not belong there", what, theirs[len(ours)][0], theirs[len(ours)][1])
	}
	return fmt.Sprintf("the %s is not written in the one way that there is", what)
}

func figuresOf(b []byte) (list [][2]string, ok bool) {
	dec := jsontext.NewDecoder(bytes.NewReader(b))
	if t, err := dec.ReadToken(); err != nil || t.Kind() != '{' {
		return nil, false
	}
	for dec.PeekKind() == '"' {
		name, err := dec.ReadToken()
		if err != nil {
			return nil, false
		}
		said := name.String()
		value, err := dec.ReadValue()
		if err != nil {
			return nil, false
		}
		list = append(list, [2]string{said, string(value)})
	}
	return list, dec.PeekKind() == '}'
}

// receipt reads what the log says of the export, and the end of the file.
func (v *verifier) receipt() error {
	digest := "sha256:" + hex.EncodeToString(v.sum.Sum(nil))
	if err := v.want(kwReceipt); err != nil {
		return err
	}
	line := v.n
	r, leaf, err := v.recorded()
	if err != nil {
		return err
	}
	if err := v.inclusion(); err != nil {
		return err
	}
	if err := v.rotations(); err != nil {
		return err
	}
	at := v.n
	sealed, _, err := v.checkpoint(kwSealed)
	if err != nil {
		return err
	}
	switch {
	case r.Position < v.root.Size:
		return v.wrong(line, r.Position, "the receipt stands within the prefix of %d events that it is about", v.root.Size)
	case r.Position >= sealed.Size:
		return v.wrong(at, r.Position, "the receipt is beyond the checkpoint of %d events below it", sealed.Size)
	case seal.CheckInclusion(leaf, r.Position, sealed.Size, sealed.Root, v.proof) != nil:
		return v.wrong(line, r.Position, "the receipt is not the event that the log has there, or its proof was changed: they do not lead to the root that was signed")
	}
	if err := v.consistency(v.root, sealed); err != nil {
		return err
	}
	if !v.end {
		return v.fault("something follows the end of the bundle")
	}
	v.report.Receipt = Receipt{r.Position, sealed.Size, r.LedgerTime, r.AuthID, digest}
	return v.attested(line, &r, digest)
}

// attested holds what the log says it gave out against what is here.
func (v *verifier) attested(line int64, r *events.Recorded, digest string) error {
	var data events.ExportCreated
	if r.Source != trail.LedgerSource || r.Writer != trail.LedgerWriter || r.Short() != "export.created" || json.Unmarshal(r.Data, &data) != nil {
		return v.wrong(line, r.Position, "the receipt is not the ledger's own record of an export")
	}
	is := func(n *events.Count, want int64) bool { return n != nil && int64(*n) == want }
	switch {
	case data.Query != v.report.Asked:
		return v.wrong(line, r.Position, "what was asked for, by the log, was %.200q; the file says %.200q", data.Query, v.report.Asked)
	case !is(data.Size, v.root.Size):
		return v.wrong(line, r.Position, "the log says that the export was made of another prefix than the first %d events", v.root.Size)
	case !is(data.ResultCount, v.tally.c.Events):
		return v.wrong(line, r.Position, "the log says that another number of events was given out than the %d in this file", v.tally.c.Events)
	case data.Digest != digest:
		return v.wrong(line, r.Position, "the log says that a file with the digest %.80q was given out; up to this line the digest of this one is %s", data.Digest, digest)
	}
	return nil
}

// isRedaction reports whether an event is the ledger's record of an erasure.
func isRedaction(r *events.Recorded) bool {
	return r.Type == typeRedacted && r.Source == trail.LedgerSource && r.Writer == trail.LedgerWriter
}

// erases reports whether r records the erasure of that event.
func erases(r *events.Recorded, position int64, leaf seal.Hash) bool {
	var data events.RedactionApplied
	return isRedaction(r) && json.Unmarshal(r.Data, &data) == nil && data.Position != nil && int64(*data.Position) == position &&
		data.LeafHash == hex.EncodeToString(leaf[:])
}
