package events

import (
	"strings"
	"testing"
	"time"
)

const sample = `{"specversion":"1.0","id":"a-1","source":"/ci","type":"dev.daybook.flag.flipped.v1","time":"2026-03-14T16:42:00+05:30","authid":"u-7","flag":"waf","environment":"production","zz":1.50,"data":{ "from":"off", "to":"on","n":1.0, "s":"\u00e9<"}}`

func TestRecordRoundTrip(t *testing.T) {
	e, err := Parse([]byte(sample))
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 3, 14, 11, 12, 13, 456789000, time.UTC)
	b := e.Record(nil, 42, at, "token/ci", [16]byte{1, 2, 3})
	r, err := ParseRecorded(b)
	if err != nil {
		t.Fatal(err)
	}
	if r.Position != 42 || !r.LedgerTime.Equal(at) || r.Writer != "token/ci" || r.Key(KindFlag) != "waf" || r.AuthID != "u-7" {
		t.Fatalf("read back %+v", r)
	}
	if string(r.Body()) != string(e.Body()) {
		t.Fatalf("body\n%s\n%s", r.Body(), e.Body())
	}
	if !strings.Contains(string(b), `"data":{"from":"off","to":"on","n":1.0,"s":"\u00e9<"}`) {
		t.Fatalf("data was not kept as it came: %s", b)
	}
	if !strings.Contains(string(b), `"time":"2026-03-14T16:42:00+05:30"`) {
		t.Fatalf("offset was lost: %s", b)
	}
}

// What nearly all producers send must not need the thorough reader, which
// takes twice as long and ten times the allocations.
func TestPlain(t *testing.T) {
	for _, end := range []string{"", "\n", "\r\n"} {
		if _, ok := parsePlain([]byte(typical + end)); !ok {
			t.Errorf("a typical event that ends in %q needs the thorough reader", end)
		}
	}
}

func TestRefused(t *testing.T) {
	for name, c := range map[string]struct{ in, field string }{
		"empty":             {``, ""},
		"array":             {`[]`, ""},
		"trailing":          {sample + ` x`, ""},
		"two objects":       {sample + sample, ""},
		"no id":             {strings.Replace(sample, `"id":"a-1",`, ``, 1), "id"},
		"empty id":          {strings.Replace(sample, `"a-1"`, `""`, 1), "id"},
		"no source":         {strings.Replace(sample, `"source":"/ci",`, ``, 1), "source"},
		"no time":           {strings.Replace(sample, `"time":"2026-03-14T16:42:00+05:30",`, ``, 1), "time"},
		"bad time":          {strings.Replace(sample, `2026-03-14T16:42:00+05:30`, `yesterday`, 1), "time"},
		"bad version":       {strings.Replace(sample, `"1.0"`, `"0.3"`, 1), "specversion"},
		"duplicate name":    {strings.Replace(sample, `"id":"a-1"`, `"id":"a-1","id":"a-2"`, 1), ""},
		"duplicate in data": {strings.Replace(sample, `"n":1.0`, `"n":1.0,"n":2`, 1), ""},
		"escaped duplicate": {strings.Replace(sample, `"id":"a-1"`, `"id":"a-1","\u0069d":"a-2"`, 1), ""},
		"ledger attribute":  {strings.Replace(sample, `"zz"`, `"ledgerposition"`, 1), "ledgerposition"},
		"unknown ledger":    {strings.Replace(sample, `"zz"`, `"ledgerfoo"`, 1), "ledgerfoo"},
		"upper case":        {strings.Replace(sample, `"zz"`, `"Zz"`, 1), "Zz"},
		"nested attribute":  {strings.Replace(sample, `1.50`, `{}`, 1), "zz"},
		"number id":         {strings.Replace(sample, `"a-1"`, `1`, 1), "id"},
		"control character": {strings.Replace(sample, `"a-1"`, `"a\u0007"`, 1), "id"},
		"invalid UTF-8":     {strings.Replace(sample, `a-1`, "a\xff", 1), ""},
		"lone surrogate":    {strings.Replace(sample, `a-1`, `\ud800`, 1), ""},
		"long id":           {strings.Replace(sample, `a-1`, strings.Repeat("a", 257), 1), "id"},
		"long key":          {strings.Replace(sample, `"waf"`, `"`+strings.Repeat("a", 257)+`"`, 1), "flag"},
		"large":             {strings.Replace(sample, `"off"`, `"`+strings.Repeat("a", MaxRecordedBytes)+`"`, 1), ""},
		"both data":         {strings.Replace(sample, `"zz":1.50`, `"data_base64":"AA=="`, 1), "data_base64"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse([]byte(c.in))
			r, ok := err.(*Refusal)
			if !ok {
				t.Fatalf("accepted or other error: %v", err)
			}
			if r.Field != c.field {
				t.Fatalf("field %q, want %q: %v", r.Field, c.field, err)
			}
		})
	}
}

func BenchmarkParse(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse([]byte(sample)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseRecorded(b *testing.B) {
	e, _ := Parse([]byte(sample))
	rec := e.Record(nil, 42, time.Now(), "token/ci", [16]byte{})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseRecorded(rec); err != nil {
			b.Fatal(err)
		}
	}
}
