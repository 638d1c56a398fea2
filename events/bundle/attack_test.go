package bundle_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/daybookhq/daybook/events/bundle"
	"github.com/daybookhq/daybook/events/seal"
	"github.com/daybookhq/daybook/events/trail/trailtest"
)

// A file is a bundle cut into its lines, for those who want to change it.
type file []string

func (f file) at(prefix string) int {
	for i, line := range f {
		if strings.HasPrefix(line, prefix) {
			return i
		}
	}
	panic("no line begins with " + prefix)
}

func (f file) bytes() []byte { return []byte(strings.Join(f, "")) }

// without takes n lines away.
func (f file) without(i, n int) file { return append(append(file{}, f[:i]...), f[i+n:]...) }

// with puts lines before the i-th.
func (f file) with(i int, lines ...string) file {
	return append(append(append(file{}, f[:i]...), lines...), f[i:]...)
}

// swap replaces text in one line.
func (f file) swap(prefix, old, new string) file {
	g := append(file{}, f...)
	i := g.at(prefix)
	if !strings.Contains(g[i], old) {
		panic(old + " is not in " + g[i])
	}
	g[i] = strings.Replace(g[i], old, new, 1)
	return g
}

func linesOf(b []byte) file { return strings.SplitAfter(string(b), "\n") }

// proofs writes out in full what a bundle leaves out of its proofs, and short
// again what it then would.
var elided = regexp.MustCompile(`^\*([0-9]+)$`)

func (f file) written() file {
	g := append(file{}, f...)
	var before []string
	for i, line := range g {
		rest, ok := strings.CutPrefix(line, "proof")
		if !ok {
			continue
		}
		hashes := strings.Fields(rest)
		if n := len(hashes); n > 0 {
			if m := elided.FindStringSubmatch(hashes[n-1]); m != nil {
				k := 0
				fmt.Sscan(m[1], &k)
				hashes = append(hashes[:n-1:n-1], before[len(before)-k:]...)
			}
		}
		before = hashes
		g[i] = strings.TrimRight("proof "+strings.Join(hashes, " "), " ") + "\n"
	}
	return g
}

func (f file) short() file {
	g := append(file{}, f...)
	var before []string
	for i, line := range g {
		rest, ok := strings.CutPrefix(line, "proof")
		if !ok {
			continue
		}
		hashes := strings.Fields(rest)
		k := 0
		for k < len(hashes) && k < len(before) && hashes[len(hashes)-1-k] == before[len(before)-1-k] {
			k++
		}
		before = hashes
		if k > 0 {
			hashes = append(hashes[:len(hashes)-k:len(hashes)-k], fmt.Sprintf("*%d", k))
		}
		g[i] = strings.TrimRight("proof "+strings.Join(hashes, " "), " ") + "\n"
	}
	return g
}

// recordedOf is the recorded bytes on a line.
func recordedOf(line string) []byte {
	return []byte(strings.TrimSuffix(strings.SplitN(line, " ", 3)[2], "\n"))
}

func encoded(recorded []byte) string {
	h := seal.LeafHash(recorded)
	return base64.StdEncoding.EncodeToString(h[:])
}

// TestAttacks changes a bundle in every way that comes to mind. Who does so is
// taken to know the format and to put right whatever can be put right without
// the log's key. Each is found, at the line and the event that it is about.
func TestAttacks(t *testing.T) {
	tr := filled(t, trailtest.SQLite(t))
	raw, _ := export(t, tr, bundle.Request{Asked: incident("INC-7")})
	good := linesOf(raw)
	other, _ := export(t, tr, bundle.Request{Asked: incident("N-0"), Size: 157})
	everything, _ := export(t, tr, bundle.Request{Size: 157})
	all := linesOf(everything)
	full := good.written()
	foreign := trailtest.Open(t, trailtest.SQLite(t))
	trailtest.Append(t, foreign, trailtest.Notes(t, "INC-7", 156)...)
	theirs, _ := export(t, foreign, bundle.Request{Asked: incident("INC-7"), Size: 157})
	their := linesOf(theirs)
	receipt := good.at("receipt ")
	event := func(position int) int { return good.at(fmt.Sprintf("event %d ", position)) }
	from := func(f file, prefix string, n int) []string { i := f.at(prefix); return f[i : i+n] }
	if !bytes.Equal(full.short().bytes(), raw) {
		t.Fatal("written out and short again, the bundle is another")
	}
	line := func(i int) int64 { return int64(i + 1) }

	for name, a := range map[string]struct {
		is       file
		line     int64 // 0 where several would do
		position int64 // -1 for none, -2 where it is not looked at
		says     string
	}{
		"a changed letter":             {good.swap("event 39 ", "note-1", "note-2"), line(event(39)), 39, "not the event that the log has there"},
		"a changed time":               {good.swap("event 39 ", "12:09:00Z", "12:08:00Z"), line(event(39)), 39, "not the event that the log has there"},
		"a number written otherwise":   {good.swap("event 39 ", "1.50e2", "150"), line(event(39)), 39, "not the event that the log has there"},
		"another position, outside":    {good.swap("event 39 ", "event 39 ", "event 38 "), line(event(39)), 38, "says of itself that it is #39"},
		"another position, throughout": {good.swap("event 39 ", `"39"`, `"38"`).swap("event 39 ", "event 39 ", "event 38 "), line(event(39)), 38, "not the event that the log has there"},
		"a changed correction":         {good.swap("amends 78 ", "12:03:00Z", "12:02:00Z"), line(good.at("amends 78 ")), 78, "not the event that the log has there"},
		"a changed gap":                {good.swap("gap 117 ", "00000045", "00000043"), line(good.at("gap 117 ")), 117, "not the event that the log has there"},
		"what is no event":             {good.swap("event 39 ", `"specversion"`, `"Specversion"`), line(event(39)), 39, "not a recorded event"},
		"a name twice":                 {good.swap("event 39 ", `"id":"note-1"`, `"id":"note-1","id":"note-1"`), line(event(39)), 39, "not a recorded event"},

		"an event removed":           {full.without(event(156), 2).short(), line(good.at(`source {"source":"/ci"`) - 2), -1, "the source says events 2, but by the lines above it is 1"},
		"removed, and figures right": {full.without(event(156), 2).swap(`source {"source":"/ci"`, `"events":2`, `"events":1`).swap(`source {"source":"/ci"`, "12:07:00Z", "12:00:00Z").swap("coverage ", `"events":4`, `"events":3`).swap("coverage ", `"last_position":156`, `"last_position":40`).swap("coverage ", "09:00:14", "09:00:06").swap("coverage ", `between":152`, `between":37`).swap("coverage ", `after":0`, `after":116`).short(), line(receipt - 2), 157, "another number of events was given out than the 3"},
		"a correction removed":       {full.without(good.at("amends 79 "), 2).swap("coverage ", `"amendments":2`, `"amendments":1`).short(), line(receipt - 2), 157, "up to this line the digest of this one is sha256:"},
		"a gap removed":              {full.without(good.at("gap 117 "), 2).swap("coverage ", `"gaps":1`, `"gaps":0`).short(), line(receipt - 2), 157, "the digest of this one is sha256:"},
		"an event added":             {full.with(event(156), from(all.written(), "event 41 ", 2)...).short(), line(event(156)), 41, `not among what was asked for, "incident=INC-7"`},
		"two exchanged":              {full.without(event(40), 2).with(event(39), from(full, "event 40 ", 2)...).short(), line(event(39) + 2), 39, "it stands after #40"},
		"one repeated":               {full.with(event(156), from(full, "event 40 ", 2)...).short(), line(event(156)), 40, "stands here twice"},
		"corrections exchanged":      {full.without(good.at("amends 79 "), 2).with(good.at("amends 78 "), from(full, "amends 79 ", 2)...).short(), line(good.at("amends 78 ") + 2), 78, "it stands after #79"},
		"a correction of another":    {full.without(good.at("amends 78 "), 4).with(event(156)-4, from(full, "amends 78 ", 4)...).short(), line(good.at("amends 78 ") + 2), 78, "does not amend the event #40 above it"},
		"an event as a correction":   {full.with(event(39)+2, "amends"+full[event(40)][len("event"):], full[event(40)+1]).short(), line(event(39) + 2), 40, "does not amend the event #39 above it"},
		"a note as a gap":            {full.with(good.at("gap 117 "), "gap"+full[event(40)][len("event"):], full[event(40)+1]).short(), line(good.at("gap 117 ")), 40, "does not say that anything is missing"},
		"an event as an erased one":  {full.without(event(40), 1).with(event(40), "erased 40 "+encoded(recordedOf(good[event(40)]))+"\n"), 0, -2, ""},

		"the count":                {good.swap("coverage ", `"events":4`, `"events":5`), line(good.at("coverage ")), -1, "the coverage says events 5, but by the lines above it is 4"},
		"the first time":           {good.swap("coverage ", `"first_happened":"2026-03-14T12:00:00Z"`, `"first_happened":"2026-03-14T11:00:00Z"`), line(good.at("coverage ")), -1, "but by the lines above it is \"2026-03-14T12:00:00Z\""},
		"whole, which it is not":   {good.swap("coverage ", `"whole":false`, `"whole":true`), line(good.at("coverage ")), -1, "the coverage says whole true"},
		"the root":                 {good.swap("coverage ", `"root":"3`, `"root":"4`), line(good.at("coverage ")), -1, "the coverage says root"},
		"a figure more":            {good.swap("coverage ", `"gaps":1`, `"gaps":1,"complete":true`), line(good.at("coverage ")), -1, "says complete true, which does not belong there"},
		"no figures":               {good.swap("coverage ", `{"size"`, `["size"`), line(good.at("coverage ")), -1, "cannot be read"},
		"a source counted wrongly": {good.swap(`source {"source":"/ci"`, `"events":2`, `"events":1`), line(good.at(`source {"source":"/ci"`)), -1, "the source says events 1, but by the lines above it is 2"},
		"a source removed":         {good.without(good.at(`source {"source":"/ci"`), 1), line(good.at(`source {"source":"/ci"`)), -1, "by the lines above it is \"/ci\""},
		"the last source removed":  {good.without(good.at(`source {"source":"/test"`), 1), line(good.at(`source {"source":"/test"`)), -1, `of "/test" is missing`},
		"a source added":           {good.with(good.at("coverage "), `source {"source":"/x","events":1,"first_happened":"2026-03-14T12:00:00Z","last_happened":"2026-03-14T12:00:00Z"}`+"\n"), line(good.at("coverage ")), -1, "no event of this source above"},

		"asked for more":         {good.swap("asked ", "incident=INC-7", "everything"), line(receipt), 157, `by the log, was "incident=INC-7"; the file says "everything"`},
		"asked for less":         {good.swap("asked ", "incident=INC-7", "type=rollback.*"), line(event(1)), 1, `not among what was asked for, "type=rollback.*"`},
		"asked for nonsense":     {good.swap("asked ", "incident=INC-7", "incidents=INC-7"), line(good.at("asked ")), -1, `nothing can be asked for by "incidents"`},
		"asked for in two ways":  {good.swap("asked ", "incident=INC-7", `incident="INC-7"`), line(good.at("asked ")), -1, "not written in the one way"},
		"the receipt of another": {append(good[:receipt:receipt], linesOf(other)[linesOf(other).at("receipt "):]...), line(receipt), 158, `by the log, was "incident=N-0"`},
		"no receipt":             {append(good[:receipt:receipt], ""), line(receipt), -1, "the file ends where the line \"receipt\" should stand; it is cut off"},
		"a changed receipt":      {good.swap("receipt ", "auditor-1", "auditor-2"), line(receipt), 157, "the receipt is not the event that the log has there"},
		"an event as a receipt":  {append(append(good[:receipt:receipt], "receipt"+full[event(156)][len("event"):], full[event(156)+1]), good[receipt+2:]...), line(receipt), 156, "the receipt stands within the prefix"},

		"a checkpoint of another log":   {append(append(good[:good.at("checkpoint "):good.at("checkpoint ")], from(their, "checkpoint ", 5)...), good[good.at("event "):]...), line(good.at("checkpoint ")), -1, "not a key of this log"},
		"all of another log":            {their, line(good.at("key ")), -1, "it is of a log whose first key is"},
		"its key and this one's events": {good.swap("key ", good[good.at("key ")], their[their.at("key ")]), line(good.at("key ")), -1, "it is of a log whose first key is"},
		"a larger checkpoint":           {good.swap("checkpoint 157", "157", "158"), line(good.at("checkpoint ")), -1, "checkpoint"},
		"an older checkpoint":           {good.swap("sealed 158", "158", "157"), line(good.at("sealed ")), -1, "checkpoint"},
		"the later checkpoint first":    {append(append(good[:good.at("checkpoint "):good.at("checkpoint ")], strings.Split(strings.ReplaceAll(strings.Join(from(good, "sealed ", 5), "\x00"), "sealed", "checkpoint"), "\x00")...), good[good.at("event "):]...), line(event(1)), 1, "not the event that the log has there"},
		"a signature cut off":           {good.without(good.at("checkpoint —"), 1), line(good.at("checkpoint ")), -1, "checkpoint"},
		"another continuation":          {good.swap("consistency ", "consistency ", "consistency "+strings.Repeat("A", 43)+"= "), line(good.at("consistency ")), -1, "the proof does not hold"},

		"bytes at the end":       {append(append(file{}, good...), "more\n"), line(len(good) - 1), -1, `no line of a bundle begins with "more"`},
		"an event at the end":    {append(append(file{}, good[:len(good)-1]...), good[event(1)], good[event(1)+1]), line(len(good) - 1), -1, "something follows the end"},
		"an empty line":          {good.with(event(40), "\n"), line(event(40)), -1, `no line of a bundle begins with ""`},
		"another version":        {good.swap("daybook bundle", "v1", "v2"), 1, -1, "not a bundle of the version that is known"},
		"other instructions":     {good.swap("#   openssl pkeyutl", "-verify", "-sign"), line(good.at("#   openssl pkeyutl")), -1, "not what this version says of how to check"},
		"lines that end in CRLF": {linesOf(bytes.ReplaceAll(raw, []byte("\n"), []byte("\r\n"))), 1, -1, "not a bundle"},
		"a position beyond all":  {good.swap("event 39 ", "event 39 ", "event 99999999999999999999999 "), line(event(39)), -1, "is not a position"},
		"a position with a zero": {good.swap("event 39 ", "event 39 ", "event 039 "), line(event(39)), -1, "is not a position"},
		"a negative position":    {good.swap("event 39 ", "event 39 ", "event -39 "), line(event(39)), -1, "is not a position"},
		"a checkpoint too large": {good.swap("checkpoint 157", "157", "18446744073709551615"), line(good.at("checkpoint ")), -1, "checkpoint"},
		"too long a repetition":  {good.swap("proof 6yYb", "*2", "*999999999999"), line(event(39) + 1), -1, "does not stand for hashes of the proof before"},
		"a proof too long":       {good.swap("proof ", "proof ", "proof"+strings.Repeat(" "+strings.Repeat("A", 43)+"=", 65)+" "), line(event(1) + 1), -1, "more than 64 hashes"},
		"a hash written oddly":   {good.swap("proof rOcp", "6og=", "6oh="), line(event(1) + 1), -1, "is not a SHA-256 in base64"},
		"a proof written out":    {full, line(event(39) + 1), -1, "it repeats hashes of the proof before instead of saying *2"},
		"a line without end":     {good.swap("event 39 ", "note-1", strings.Repeat("x", 200<<10)), line(event(39)), -1, "longer than"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := bundle.Verify(bytes.NewReader(a.is.bytes()), bundle.VerifyOptions{PublicKey: publicKey(t)})
			var f *bundle.Fault
			if !errors.As(err, &f) {
				t.Fatalf("it was not found: %v", err)
			}
			if !strings.Contains(f.Reason, a.says) || (a.line != 0 && f.Line != a.line) || (a.position != -2 && f.Position != a.position) {
				t.Errorf("found as %v; want line %d, event %d: %s", f, a.line, a.position, a.says)
			}
			// Nor does it hold by the key that it names itself, but for a whole
			// bundle of somebody's own log, of which that is all that can be said.
			_, err = bundle.Verify(bytes.NewReader(a.is.bytes()), bundle.VerifyOptions{})
			if own := name == "all of another log"; own != (err == nil) {
				t.Errorf("by its own key: %v", err)
			}
		})
	}
}

// TestCutOff ends a bundle after each of its lines and within some.
func TestCutOff(t *testing.T) {
	raw, err := os.ReadFile("testdata/incident.bundle")
	if err != nil {
		t.Fatal(err)
	}
	for end := range raw {
		if raw[end] != '\n' && end%97 != 0 {
			continue
		}
		// Before the end of the line, and after it.
		for _, n := range []int{end, end + 1} {
			if n == len(raw) {
				continue
			}
			_, err := bundle.Verify(bytes.NewReader(raw[:n]), bundle.VerifyOptions{PublicKey: publicKey(t)})
			var f *bundle.Fault
			if !errors.As(err, &f) || f.Line == 0 {
				t.Fatalf("cut off after %d bytes: %v", n, err)
			}
		}
	}
}

// TestEveryByteCounts changes one byte of a bundle at a time, here and there.
func TestEveryByteCounts(t *testing.T) {
	raw, err := os.ReadFile("testdata/incident.bundle")
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(raw); i += 19 {
		b := bytes.Clone(raw)
		b[i] ^= 1 << (i % 7)
		_, err := bundle.Verify(bytes.NewReader(b), bundle.VerifyOptions{PublicKey: publicKey(t)})
		if f := (*bundle.Fault)(nil); !errors.As(err, &f) {
			t.Fatalf("byte %d changed from %q to %q: %v", i, raw[i], b[i], err)
		}
	}
}

// What cannot be read is no fault of the bundle.
func TestBrokenReader(t *testing.T) {
	raw, err := os.ReadFile("testdata/incident.bundle")
	if err != nil {
		t.Fatal(err)
	}
	_, err = bundle.Verify(io.MultiReader(bytes.NewReader(raw[:6000]), iotest.ErrReader(io.ErrClosedPipe)), bundle.VerifyOptions{})
	if f := (*bundle.Fault)(nil); !errors.Is(err, io.ErrClosedPipe) || errors.As(err, &f) {
		t.Fatal(err)
	}
}
