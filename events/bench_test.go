package events

import (
	"testing"
	"time"
)

// typical is an event of about 600 bytes with an actor and four keys.
const typical = `{"specversion":"1.0","id":"deploy-2026-03-14-000123","source":"https://ci.example/acme/storefront","type":"dev.daybook.change.shipped.v1","time":"2026-03-14T16:42:00.123Z","subject":"change/CHG-1042","datacontenttype":"application/json","authtype":"service_account","authid":"svc-deployer","change":"CHG-1042","environment":"production","region":"eu-west-1","service":"storefront","data":{"version":"2026.03.14-2","previous_version":"2026.03.14-1","exposure":25,"shipper":{"id":"u-31","kind":"human","role":"release_owner"},"evidence":[{"kind":"run","url":"https://ci.example/runs/77123"}],"note":"rolled out to a quarter of the region"}}`

func BenchmarkParseTypical(b *testing.B) {
	in := []byte(typical)
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(in); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseRecordedTypical(b *testing.B) {
	e, err := Parse([]byte(typical))
	if err != nil {
		b.Fatal(err)
	}
	rec := e.Record(nil, 42, time.Now(), "token/ci", [16]byte{})
	b.SetBytes(int64(len(rec)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseRecorded(rec); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRecord(b *testing.B) {
	e, err := Parse([]byte(typical))
	if err != nil {
		b.Fatal(err)
	}
	at := time.Now()
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		buf = e.Record(buf[:0], 42, at, "token/ci", [16]byte{})
	}
}

func BenchmarkDataOf(b *testing.B) {
	e, err := Parse([]byte(typical))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, problems := DataOf[ChangeShipped](&e); len(problems) > 0 {
			b.Fatal(problems)
		}
	}
}
