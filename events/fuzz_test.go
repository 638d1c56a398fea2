package events

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var ledgerTime = time.Date(2026, 3, 14, 11, 12, 13, 456789000, time.UTC)

// FuzzParse holds the quick reader against the thorough one, and both against
// what a ledger needs: what is accepted can be recorded and read back with the
// same content, and content read again is the same.
func FuzzParse(f *testing.F) {
	for _, d := range Catalogue() {
		f.Add([]byte(d.Example))
	}
	for _, s := range oddEvents {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		kept := bytes.Clone(in)
		e, err := Parse(in)
		slow, slowErr := parseAny(in)
		if !bytes.Equal(in, kept) {
			t.Fatal("the input was changed")
		}
		if (err == nil) != (slowErr == nil) {
			t.Fatalf("the quick reader says %v, the thorough one %v", err, slowErr)
		}
		if err != nil {
			if !IsRefusal(err) || err.Error() != slowErr.Error() {
				t.Fatalf("%v, %v", err, slowErr)
			}
			return
		}
		same(t, "quick and thorough", e, slow)

		// The content again, as its own producer would send it.
		again, err := Parse(append([]byte(`{"specversion":"1.0"`), e.Body()...))
		if err != nil {
			t.Fatalf("its own body is refused: %v\n%s", err, e.Body())
		}
		same(t, "read again", again, e)
		checked, err := e.Checked()
		if err != nil {
			t.Fatalf("Checked refuses what Parse accepts: %v", err)
		}
		same(t, "checked", checked, e)

		writer := "token/ci \"quoted\" <ü>"
		rec := e.Record(nil, 42, ledgerTime, writer, [16]byte{1, 2, 255})
		if len(rec) > MaxRecordedBytes {
			t.Fatalf("%d recorded bytes", len(rec))
		}
		r, err := ParseRecorded(rec)
		if err != nil {
			t.Fatalf("recorded bytes are refused: %v\n%s", err, rec)
		}
		if r.Position != 42 || !r.LedgerTime.Equal(ledgerTime) || r.Writer != writer {
			t.Fatalf("read back position %d, %v, %q", r.Position, r.LedgerTime, r.Writer)
		}
		same(t, "recorded", r.Event, e)
		slowRec, err := parseAnyRecorded(rec)
		if err != nil {
			t.Fatal(err)
		}
		same(t, "recorded, thorough", slowRec.Event, r.Event)
	})
}

// Recorded bytes are read in two ways, which must agree about all bytes that a
// database may hold.
func FuzzParseRecorded(f *testing.F) {
	e, err := Parse([]byte(typical))
	if err != nil {
		f.Fatal(err)
	}
	good := string(e.Record(nil, 42, time.Date(2024, 2, 29, 23, 59, 59, 1000, time.UTC), "token/ci", [16]byte{1, 0xab}))
	f.Add([]byte(good))
	for _, bent := range [][2]string{
		{`"42"`, `"042"`}, {`"42"`, `"-42"`}, {`"42"`, `"+42"`}, {`"42"`, `""`}, {`"42"`, `"0"`}, {`"42"`, `"00"`}, {`"42"`, `42`},
		{`"42"`, `"9223372036854775807"`}, {`"42"`, `"9223372036854775808"`}, {`"42"`, `"9999999999999999999"`}, {`"42"`, `"18446744073709551658"`},
		{"2024-02-29", "2023-02-29"}, {"2024-02-29", "2024-04-31"}, {"2024-02-29", "2024-00-10"}, {"2024-02-29", "2024-13-10"}, {"2024-02-29", "0000-01-01"},
		{"T23:", "T24:"}, {"59:59", "60:59"}, {"59:59", "59:60"}, {"59.0", "59,0"}, {".000001Z", ".000001z"}, {".000001Z", ".00001Z"}, {".000001Z", ".0000010Z"}, {"T23", "t23"},
		{"token/ci", ""}, {"token/ci", `token\u002fci`}, {"token/ci", "tökén"}, {"token/ci", "a\x7f"}, {"token/ci", "<&>"}, {"token/ci", `\"`},
		{"01ab0", "01AB0"}, {"01ab0", "01a"}, {"01ab0", "01ag0"}, {`00",`, `00" ,`}, {`00",`, `00", `}, {`00",`, `00","ledgersalt":"",`}, {`00",`, `00","specversion":"1.0",`},
		{`{"specversion"`, `{ "specversion"`}, {`"1.0"`, `"1.1"`}, {`"ledgerwriter"`, `"ledgerother"`},
	} {
		f.Add([]byte(strings.Replace(good, bent[0], bent[1], 1)))
	}
	f.Add([]byte(good[:strings.Index(good, `","id"`)+1] + "}"))
	var again Recorded
	f.Fuzz(func(t *testing.T, in []byte) {
		r, err := ParseRecorded(in)
		slow, slowErr := parseAnyRecorded(in)
		againErr := again.Reparse(in)
		if (err == nil) != (slowErr == nil) || (err == nil) != (againErr == nil) || err != nil && err.Error() != slowErr.Error() {
			t.Fatalf("the quick reader says %v, in used memory %v, the thorough one %v", err, againErr, slowErr)
		}
		for _, q := range []Recorded{r, again} {
			if q.Position != slow.Position || !q.LedgerTime.Equal(slow.LedgerTime) || q.Writer != slow.Writer || q.Salt != slow.Salt || !bytes.Equal(q.Bytes, slow.Bytes) {
				t.Fatalf("read %+v\nand %+v", q, slow)
			}
			same(t, "quick and thorough", q.Event, slow.Event)
		}
	})
}

func same(t *testing.T, what string, got, want Event) {
	t.Helper()
	if !bytes.Equal(got.Body(), want.Body()) {
		t.Fatalf("%s: content\n%s\nis not\n%s", what, got.Body(), want.Body())
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(Event{}), cmpopts.EquateEmpty()); diff != "" {
		t.Fatalf("%s: %s", what, diff)
	}
	if got.TimeText() != want.TimeText() {
		t.Fatalf("%s: time %s is not %s", what, got.TimeText(), want.TimeText())
	}
}

var oddEvents = []string{
	sample,
	typical,
	typical + "\r\n",
	` { "specversion" : "1.0", "id":"1", "source":"s", "type":"t", "time":"2026-03-14T16:42:00Z" } `,
	`{"specversion":"1.0","id":"1","source":"s","type":"t","time":"2026-03-14T16:42:00Z","data":null,"zz":null,"yy":"","flag":""}`,
	`{"specversion":"1.0","id":"1","source":"s","type":"t","time":"2026-03-14T16:42:00Z","data":{"a":1,"a":2}}`,
	`{"specversion":"1.0","id":"1","source":"s","type":"t","time":"2026-03-14T16:42:00Z","data":{"a":1,"\u0061":2}}`,
	`{"specversion":"1.0","id":"1","source":"s","type":"t","time":"2026-03-14T16:42:00Z","data":{"a":[1.50,-0,1e5,{"b":"\ud800"}]}}`,
	`{"specversion":"1.0","id":"1","source":"s","type":"t","time":"2026-03-14T16:42:00Z","data":{"a":"\u0000","b":"ü\n"}}`,
	`{"specversion":"1.0","id":"1","source":"s","type":"t","time":"2026-03-14T16:42:00Z","data":01}`,
	`{"specversion":"1.0","id":"1","source":"s","type":"t","time":"2026-03-14T16:42:00Z","data_base64":"AA==","zz":true,"yy":-1.50,"ab":"x"}`,
	`{"specversion":"1.0","id":"1","source":"s","type":"t","time":"2026-03-14t16:42:00z"}`,
	`{"specversion":"1.0","id":"1","source":"s","type":"t","time":"2026-03-14T6:42:00,5Z"}`,
	`{"specversion":"1.0","id":"ü","source":"s\u0041","type":"t","time":"2026-03-14T16:42:00.000+05:30","zone":"b","drill":"d","rollout":"r","aa":"x"}`,
	`{"specversion":"1.0","id":"1","source":"s","type":"t","time":"2026-03-14T16:42:00Z","ledgerposition":""}`,
}

func FuzzDataOf(f *testing.F) {
	for i, d := range Catalogue() {
		e, err := Parse(d.Example)
		if err == nil && e.Data != nil {
			f.Add(i, e.Data)
		}
	}
	f.Add(3, []byte(`{"level":5,"confirmed_time":"PT5M","owner":7,"note":"\\u0000\u0000","evidence":["x",{"url":1}]}`))
	f.Fuzz(func(t *testing.T, i int, data []byte) {
		list := Catalogue()
		d := list[uint(i)%uint(len(list))]
		e, err := Parse(slices.Concat([]byte(`{"specversion":"1.0","id":"1","source":"s","time":"2026-03-14T16:42:00Z","type":"`+d.Type()+`","data":`), data, []byte("}")))
		if err != nil || e.Data == nil {
			return
		}
		got, problems := d.Read(&e)
		members := e.members()
		for _, p := range problems {
			if _, ok := members[p.Field]; p.Field != "" && !ok && !strings.Contains(p.Field, "\ufffd") {
				t.Fatalf("a problem with %q, which is not there: %v", p.Field, p)
			}
			if p.Reason == "" {
				t.Fatalf("a problem without a reason: %v", p)
			}
		}
		if members != nil {
			alone(t, d, members, problems)
		}
		_ = Missing(&e)
		_ = got
	})
}

// alone checks that a field reads the same whatever stands beside it.
func alone(t *testing.T, d Descriptor, members map[string]jsontext.Value, problems []DataProblem) {
	t.Helper()
	for name, raw := range members {
		f, ok := d.Field(name)
		if !ok || f.In != InData {
			continue
		}
		e := Event{Type: d.Type(), Data: slices.Concat([]byte(`{"`+name+`":`), raw, []byte("}"))}
		_, own := d.Read(&e)
		has := slices.ContainsFunc(problems, func(p DataProblem) bool { return p.Field == name })
		if (len(own) > 0) != has {
			t.Fatalf("%s alone has problems %v, among the others %v", name, own, problems)
		}
	}
}
