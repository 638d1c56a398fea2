package timeline_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/events/timeline"
)

func parse(text string) []timeline.Entry {
	return slices.Collect(timeline.Parse(strings.NewReader(text), timeline.Options{}))
}

// one reads a single event, whose day is 2 July 2019.
func one(t *testing.T, line string) timeline.Entry {
	t.Helper()
	got := parse(line)
	if len(got) != 1 {
		t.Fatalf("%q became %d entries", line, len(got))
	}
	return got[0]
}

func TestTimes(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"the ways to write a date": {"2019-07-02T14:07Z a\n2019-07-02 14:07 b\n2019-07-02T14:07:30.50+05:30 c\n2019-07-02t14:07z d\n  2019-07-02\t14:07Z e",
			[]string{"2019-07-02T14:07:00Z", "2019-07-02T14:07:00Z", "2019-07-02T14:07:30.50+05:30", "2019-07-02T14:07:00Z", "2019-07-02T14:07:00Z"}},
		"a bare clock takes the date above":         {"2019-07-02 14:07 a\n14:09 b\n14:08 c", []string{"2019-07-02T14:07:00Z", "2019-07-02T14:09:00Z", "2019-07-02T14:08:00Z"}},
		"past midnight":                             {"2019-07-02 23:50 a\n00:10 b\n23:55 c", []string{"2019-07-02T23:50:00Z", "2019-07-03T00:10:00Z", "2019-07-03T23:55:00Z"}},
		"exactly twelve hours behind":               {"2019-07-02 14:00 a\n02:00 b", []string{"2019-07-02T14:00:00Z", "2019-07-02T02:00:00Z"}},
		"more than twelve hours behind":             {"2019-07-02 14:00 a\n01:59 b", []string{"2019-07-02T14:00:00Z", "2019-07-03T01:59:00Z"}},
		"past the end of the year":                  {"2019-12-31 23:50 a\n00:10 b", []string{"2019-12-31T23:50:00Z", "2020-01-01T00:10:00Z"}},
		"a zone":                                    {"@ zone=Asia/Kolkata\n2019-07-02 22:00 a\n00:10 b", []string{"2019-07-02T22:00:00+05:30", "2019-07-03T00:10:00+05:30"}},
		"an offset as the zone":                     {"@ zone=-03:00\n2019-07-02 22:00 a", []string{"2019-07-02T22:00:00-03:00"}},
		"a clock in another offset":                 {"2019-07-02T23:30Z a\n05:10+05:30 b", []string{"2019-07-02T23:30:00Z", "2019-07-03T05:10:00+05:30"}},
		"a date line":                               {"2019-07-02\n23:00 a\n2019-07-05\n01:00 b\n02:00 c", []string{"2019-07-02T23:00:00Z", "2019-07-05T01:00:00Z", "2019-07-05T02:00:00Z"}},
		"a date as a default":                       {"@ date=2019-07-02\n23:00 a\n01:00 b", []string{"2019-07-02T23:00:00Z", "2019-07-03T01:00:00Z"}},
		"a zone that changes its clock":             {"@ zone=Europe/Berlin\n2019-03-31 01:59 a\n03:00 b", []string{"2019-03-31T01:59:00+01:00", "2019-03-31T03:00:00+02:00"}},
		"a line that cannot be read keeps its time": {"2019-07-02 23:50 flag.flip x\n00:10 b", []string{"", "2019-07-03T00:10:00Z"}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, e := range parse(c.text) {
				if e.Err != nil {
					got = append(got, "")
					continue
				}
				got = append(got, e.Event.TimeText())
			}
			if !slices.Equal(got, c.want) {
				t.Fatalf("%q\nwant %q", got, c.want)
			}
		})
	}
}

func TestValues(t *testing.T) {
	for line, want := range map[string]string{
		`note.added text=x`:        `{"text":"x"}`,
		`note.added | x = "y" | z`: `{"text":"x = \"y\" | z"}`,
		`incident.resolved |x`:     `{"note":"x"}`,
		`x = y`:                    `{"text":"x = y"}`,
		`| x`:                      `{"text":"x"}`,
		`1.2.3.4 is down`:          `{"text":"1.2.3.4 is down"}`,
		`impact.assessed scope=total users=12,400 requests=12_000_000`:             `{"scope":"total","users":12400,"requests":12000000}`,
		`impact.assessed minutes=17.5 scope="to\u0074al"`:                          `{"minutes":17.5,"scope":"total"}`,
		`impact.assessed users:="many"`:                                            `{"users":"many"}`,
		`impact.assessed users="many"`:                                             `{"users":"many"}`,
		`emergency.resolution_verified harm_stopped=yes metrics_confirm=false`:     `{"harm_stopped":true,"metrics_confirm":false}`,
		`change.shipped exposure=25% version=2026.10`:                              `{"exposure":25,"version":"2026.10"}`,
		`rollback.planned level=2 confirmed_time=5m`:                               `{"level":2,"confirmed_time":300}`,
		`rollback.planned confirmed_time=PT1H30M authorised=a,b`:                   `{"confirmed_time":5400,"authorised":["a","b"]}`,
		`canary.started steps=1,10,50.5%,100 rollback_staff=u-1 observation=1h30m`: `{"steps":[1,10,50.5,100],"rollback_staff":["u-1"],"observation":5400}`,
		`rollback.decided alternatives="fix forward","wait, then retry",nothing`:   `{"alternatives":["fix forward","wait, then retry","nothing"]}`,
		`flag.flipped from=off to=1.50 window=16:00..18:00`:                        `{"from":"off","to":1.50,"window":{"from":"2019-07-02T16:00:00Z","to":"2019-07-02T18:00:00Z"}}`,
		`flag.flipped window=23:00..01:00`:                                         `{"window":{"from":"2019-07-02T23:00:00Z","to":"2019-07-03T01:00:00Z"}}`,
		`flag.flipped window=..2019-07-03T02:00`:                                   `{"window":{"to":"2019-07-03T02:00:00Z"}}`,
		`emergency.declared paged_at=13:50 deadline=01:00`:                         `{"paged_at":"2019-07-02T13:50:00Z","deadline":"2019-07-03T01:00:00Z"}`,
		`action_item.created due=2019-08-01 evidence=https://x.example/1,ticket-7`: `{"due":"2019-08-01","evidence":["https://x.example/1","ticket-7"]}`,
		`note.added claims=M-26:44m,M-20:90`:                                       `{"claims":{"M-26":2640,"M-20":90}}`,
		`rollout.risk_profiled blast_radius:={"value": 2400, "unit":"laptops"}`:    `{"blast_radius":{"value":2400,"unit":"laptops"}}`,
		`note.added x=1 y=true z=null w=a,b v={"a":[1]} u=[1,2]`:                   `{"x":1,"y":true,"z":"null","w":"a,b","v":{"a":[1]},"u":[1,2]}`,
		`note.added "odd name"=1 data.flag=2 "data.a b"=3 x=""`:                    `{"odd name":1,"flag":2,"a b":3,"x":""}`,
		`note.added data:=[1,2]`:                                                   `[1,2]`,
		`flag.state_checked source=periodic`:                                       `{"source":"periodic"}`,
		`escape_hatch.launched surfaces=chat,cli | open`:                           `{"surfaces":["chat","cli"],"note":"open"}`,
	} {
		t.Run(line, func(t *testing.T) {
			e := one(t, "2019-07-02 14:07 "+line)
			if e.Err != nil {
				t.Fatal(e.Err)
			}
			if string(e.Event.Data) != want {
				t.Fatalf("%s\nwant\n%s", e.Event.Data, want)
			}
		})
	}
}

func TestAttributes(t *testing.T) {
	e := one(t, `~2019-07-02 14:07 flag.flipped flag=waf actor=u-9 id=x-1 source=/s subject="a b" causationid=c ce.zz=text ce.yy:=1.50 drill="d,1"`)
	if e.Err != nil {
		t.Fatal(e.Err)
	}
	want := `,"id":"x-1","source":"/s","type":"dev.daybook.flag.flipped.v1","time":"2019-07-02T14:07:00Z","subject":"a b","causationid":"c","authid":"u-9","flag":"waf","drill":"d,1","yy":1.50,"zz":"text","data":{"precision":"approximate"}}`
	if string(e.Event.Body()) != want {
		t.Fatalf("%s\nwant\n%s", e.Event.Body(), want)
	}
}

func TestDefaults(t *testing.T) {
	got := parse("@ incident=INC-7 actor=u-1 source=/a\n2019-07-02 14:07 a\n14:08 note.added incident= actor=u-2 | b\n@ incident= source=/b\n14:09 c\n@ bogus=1 incident=INC-8\n14:10 d")
	var said []string
	for _, e := range got {
		if e.Err != nil {
			said = append(said, "error")
			continue
		}
		said = append(said, e.Event.Source+" "+e.Event.AuthID+" "+e.Event.Key(events.KindIncident))
	}
	// A heading holds all or nothing: the last one has an error and sets no incident.
	if want := []string{"/a u-1 INC-7", "/a u-2 ", "/b u-1 ", "error", "/b u-1 "}; !slices.Equal(said, want) {
		t.Fatalf("%q\nwant %q", said, want)
	}
}

// Each message names the line, what is wrong with it and what would be right.
func TestErrors(t *testing.T) {
	for line, want := range map[string]string{
		`hello`:                                                            `line 1: "hello" is not a time: a line begins with one`,
		`25:07 x`:                                                          `"25:07" is not a time`,
		`2019-02-30 14:07 x`:                                               `"2019-02-30" is not a time`,
		`14:07`:                                                            `no date yet: write it once, as in 2019-07-02T14:07`,
		`2019-07-02 14:07`:                                                 `after the time there is nothing`,
		`2019-07-02 14:07 flag.fliped to=on`:                               `"flag.fliped" is not a type of event; did you mean flag.flipped? (if it is text, put | before it)`,
		`2019-07-02 14:07 type=nonsense a=1`:                               `"nonsense" is not a type of event`,
		`2019-07-02 14:07 flag.flipped to on`:                              `"to" is not of the form name=value; free text comes last, after a |`,
		`2019-07-02 14:07 flag.flipped to="on`:                             `to: the quote before "on" is never closed`,
		`2019-07-02 14:07 flag.flipped to="on"x`:                           `to: a space is missing before "x"`,
		`2019-07-02 14:07 flag.flipped to=o"n`:                             `to: there is a quote inside "o\"n"`,
		`2019-07-02 14:07 flag.flipped to="\x"`:                            `is not a quoted text as in JSON`,
		`2019-07-02 14:07 flag.flipped x:={"a":}`:                          `x: the value is not JSON`,
		`2019-07-02 14:07 flag.flipped x={a}`:                              `put quotes around a text that begins with a bracket`,
		`2019-07-02 14:07 flag.flipped to=`:                                `to: the value is missing; an empty text is written to=""`,
		`2019-07-02 14:07 flag.flipped to=a to=b`:                          `to: given twice`,
		`2019-07-02 14:07 flag.flipped flag=a flag=b`:                      `flag: given twice`,
		`2019-07-02 14:07 note.added text=a | b`:                           `text: given twice: the free text is the other`,
		`~2019-07-02 14:07 note.added precision=exact x=1`:                 `precision: given twice: ~ says approximate`,
		`2019-07-02 14:07 rollback.planned level=5`:                        `level: "5" is not what it takes (level 1 to 4, as in 2)`,
		`2019-07-02 14:07 rollback.planned confirmed_time=soon`:            `confirmed_time: "soon" is not what it takes (seconds, as in 90s, 5m, 1h30m or 2d); in quotes it is kept as text`,
		`2019-07-02 14:07 impact.assessed users=1,24`:                      `users: "1,24" is not what it takes (whole number, as in 12400)`,
		`2019-07-02 14:07 escalation.raised planned=perhaps`:               `planned: "perhaps" is not what it takes (yes or no, as in yes or no)`,
		`2019-07-02 14:07 canary.started steps=1, 10`:                      `"10": the items of a list have a comma between them and no space`,
		`2019-07-02 14:07 canary.started steps=1,,10`:                      `steps: an item of the list is empty`,
		`2019-07-02 14:07 event.corrected corrects=x`:                      `corrects: takes source and id; write it as JSON`,
		`2019-07-02 14:07 flag.flipped time=1`:                             `time: stands at the beginning`,
		`2019-07-02 14:07 note.added ledgerposition=1 ce.ledgerposition=1`: `ledgerposition: only the ledger sets`,
		`2019-07-02 14:07 note.added data:={} x=1`:                         `data:=… already says all of the data`,
		"2019-07-02 14:07 note.added x=a\x07":                              `there is a control character`,
		"2019-07-02 14:07 caf\xe9":                                         `line 1: line is not valid UTF-8; save the file as UTF-8`,
		`| more`:                                                           `a line that begins with | goes on with the text of the line above, which is no event`,
		`@ zone=Mars/Olympus`:                                              `"Mars/Olympus" is not a time zone known here`,
		`@ zone=Local`:                                                     `a time zone is expected`,
		`@ users=1`:                                                        `users: only attributes can be given for many lines`,
		`@ id=1`:                                                           `id: only attributes`,
		`@ text`:                                                           `after @ come defaults for the lines below`,
		`@ date=today`:                                                     `date: "today" is not a date`,
		"2019-07-02 14:07 note.added text=" + strings.Repeat("x", events.MaxRecordedBytes): `at most 61440 are kept`,
		"2019-07-02 14:07 note.added text=" + strings.Repeat("x", timeline.MaxLineBytes):   `line is longer than 262144 bytes`,
	} {
		t.Run(clip(line), func(t *testing.T) {
			e := one(t, line)
			if e.Err == nil {
				t.Fatalf("read as %s", e.Event.Body())
			}
			var at *timeline.LineError
			if !errors.As(e.Err, &at) || at.Line != 1 || !strings.Contains(e.Err.Error(), want) {
				t.Fatalf("%v\nwant %s", e.Err, want)
			}
			if strings.ContainsAny(e.Err.Error(), "\n\x07") || len(e.Err.Error()) > 500 {
				t.Fatalf("not one clean line: %q", e.Err)
			}
		})
	}
}

func clip(s string) string { return s[:min(len(s), 60)] }

// Local times that do not exist, or come twice, are not guessed at.
func TestClockChanges(t *testing.T) {
	for line, want := range map[string]string{
		"2019-03-31 02:30 x":       "does not exist in Europe/Berlin",
		"2019-10-27 02:30 x":       "came twice in Europe/Berlin: the clock was put back; add the offset, as in 02:30+0",
		"2019-10-27 02:30+02:00 x": "",
		"2019-10-27 03:00 x":       "",
		"2019-10-27 01:59 x":       "",
	} {
		e := one(t, "@ zone=Europe/Berlin\n"+line)
		if got := fmt.Sprint(e.Err); (e.Err == nil) != (want == "") || !strings.Contains(got, want) {
			t.Errorf("%s: %v, want %s", line, e.Err, want)
		}
	}
}

func TestMisspeltNamesAreDoubted(t *testing.T) {
	e := one(t, "2019-07-02 14:07 flag.flipped envrionment=production flag=waf own=1")
	if e.Err != nil || len(e.Warnings) != 1 || !strings.Contains(e.Warnings[0], "did you mean environment?") {
		t.Fatal(e.Err, e.Warnings)
	}
}

// The same file gives the same events, and a line that stands in it twice
// gives two.
func TestIdentity(t *testing.T) {
	text := "2019-07-02 14:07 retry failed\n14:07 retry failed\n14:07 retry failed | really\n"
	ids := func(text string) (out []string) {
		for _, e := range parse(text) {
			if e.Err != nil {
				t.Fatal(e.Err)
			}
			out = append(out, e.Event.ID)
		}
		return out
	}
	first := ids(text)
	if len(first) != 3 || first[0] == first[1] || first[0] == first[2] || first[1] == first[2] {
		t.Fatal(first)
	}
	if again := ids("# a comment more\n\n" + strings.ReplaceAll(text, "\n", "\r\n") + "15:00 one more"); !slices.Equal(again[:3], first) {
		t.Fatal(again, first)
	}
	if other := ids("@ source=/elsewhere\n" + text); other[0] == first[0] {
		t.Fatal("another source is another event")
	}
	e := parse(text)[0].Event
	if id, err := timeline.ContentID(e); err != nil || id != first[0] {
		t.Fatal(id, err)
	}
}

func TestContinuedText(t *testing.T) {
	got := parse("2019-07-02 14:07 note.added | a\n  | b\n|\n| c\n14:08 incident.resolved incident=1\n| d")
	if len(got) != 2 || string(got[0].Event.Data) != `{"text":"a\nb\n\nc"}` || string(got[1].Event.Data) != `{"note":"d"}` {
		t.Fatalf("%v", got)
	}
}

func TestReaderFails(t *testing.T) {
	r := io.MultiReader(strings.NewReader("2019-07-02 14:07 a\n14:08 b\n"), iotest.ErrReader(errors.New("disk on fire")))
	got := slices.Collect(timeline.Parse(r, timeline.Options{}))
	if len(got) != 3 || got[0].Err != nil || got[1].Err != nil || got[2].Err == nil || !strings.Contains(got[2].Err.Error(), "disk on fire") {
		t.Fatal(got)
	}
}

func TestStopsWhenTold(t *testing.T) {
	n := 0
	for range timeline.Parse(strings.NewReader(strings.Repeat("2019-07-02 14:07 a\nwrong\n", 50)), timeline.Options{}) {
		if n++; n == 3 {
			break
		}
	}
	if n != 3 {
		t.Fatal(n)
	}
}

// The words of a command line mean what they mean on a line.
func TestBuilder(t *testing.T) {
	at := time.Date(2019, 7, 2, 14, 7, 0, 0, time.UTC)
	b, err := timeline.NewBuilder("rollback.decided", at)
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{"rollback=RB-2", "actor=u 9", "for=change CHG-88, the first", `alternatives=fix forward,wait`, "level=2", `x:={"a": 1}`, "ce.source=/cli"} {
		if err := b.Add(word); err != nil {
			t.Fatal(err)
		}
	}
	b.Text("as\nagreed")
	e, err := b.Event()
	if err != nil {
		t.Fatal(err)
	}
	want := `,"source":"/cli","type":"dev.daybook.rollback.decided.v1","time":"2019-07-02T14:07:00Z","authid":"u 9","rollback":"RB-2","data":{"for":"change CHG-88, the first","alternatives":["fix forward","wait"],"level":2,"x":{"a":1},"note":"as\nagreed"}}`
	if !strings.HasSuffix(string(e.Body()), want) || !strings.HasPrefix(e.ID, "t-") {
		t.Fatalf("%s\nwant\n%s", e.Body(), want)
	}
	for _, word := range []string{"", "=", "x", "=x", "level=7", "level=2", `y="`, "z:=", "a b=c"} {
		if err := b.Add(word); err == nil {
			t.Errorf("%q was taken", word)
		}
	}
	if _, err := timeline.NewBuilder("rollback.decidde", at); err == nil || !strings.Contains(err.Error(), "did you mean rollback.decided?") {
		t.Error(err)
	}
	if b, err := timeline.NewBuilder("com.example.thing", at); err != nil {
		t.Error(err)
	} else if _, err := b.Event(); err == nil {
		t.Error("an event without a source was made")
	}
}

// Every timeline in FORMAT.md reads without an error, and says what the page
// says of it.
func TestFormatDocument(t *testing.T) {
	page, err := os.ReadFile("FORMAT.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```timeline\n(.*?)```").FindAllSubmatch(page, -1)
	if len(blocks) < 5 {
		t.Fatalf("%d examples", len(blocks))
	}
	for _, block := range blocks {
		for _, e := range parse(string(block[1])) {
			if e.Err != nil || len(e.Warnings) > 0 {
				t.Errorf("%v %v in\n%s", e.Err, e.Warnings, block[1])
			}
		}
	}
	night := parse(string(blocks[1][1]))
	if night[1].Event.TimeText() != "2017-01-31T23:30:00Z" || night[2].Event.TimeText() != "2017-02-01T00:10:00Z" {
		t.Error("the page says otherwise")
	}

	// The grammar on the page is that of the package comment.
	_, grammar, _ := bytes.Cut(page, []byte("## Grammar\n\n```\n"))
	grammar, _, _ = bytes.Cut(grammar, []byte("```"))
	doc, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(grammar)) {
		if !strings.Contains(string(doc), "//\t"+line) {
			t.Errorf("the package comment lacks %q", line)
		}
	}
}

func ExampleFormat() {
	var evs []events.Event
	for e := range timeline.Parse(strings.NewReader("@ incident=INC-7\n2019-07-02 14:02 decided to kill it\n~14:07 killswitch.engaged flag=waf users=\"all of them\"\n"), timeline.Options{}) {
		evs = append(evs, e.Event)
	}
	os.Stdout.Write(timeline.Format(evs))
	// Output:
	// @ incident=INC-7
	// 2019-07-02T14:02Z note.added | decided to kill it
	// ~2019-07-02T14:07Z killswitch.engaged flag=waf users="all of them"
}
