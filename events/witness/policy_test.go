package witness_test

import (
	"fmt"
	"strings"
	"testing"

	fnote "github.com/transparency-dev/formats/note"
	fwitness "github.com/transparency-dev/formats/witness"
	"golang.org/x/mod/sumdb/note"

	"github.com/daybookhq/daybook/events/witness"
)

// cosigners are keys whose co-signatures a test can make at will.
type cosigners struct {
	keys  []string // verifier keys
	signs []note.Signer
}

func newCosigners(t testing.TB, n int) *cosigners {
	c := &cosigners{}
	for i := range n {
		skey, vkey, err := note.GenerateKey(nil, fmt.Sprintf("witness.example/%d", i))
		if err != nil {
			t.Fatal(err)
		}
		signer, err := fnote.NewSignerForCosignatureV1(skey)
		if err != nil {
			t.Fatal(err)
		}
		if vkey, err = fnote.VKeyToCosignatureV1(vkey); err != nil {
			t.Fatal(err)
		}
		c.keys, c.signs = append(c.keys, vkey), append(c.signs, signer)
	}
	return c
}

// expand puts keys into a policy: $0 is that of the first witness.
func (c *cosigners) expand(policy string) string {
	for i := len(c.keys) - 1; i >= 0; i-- {
		policy = strings.ReplaceAll(policy, fmt.Sprintf("$%d", i), c.keys[i])
	}
	return policy
}

// TestPolicies holds ours against the reading of transparency-dev/formats for
// every set of co-signatures.
func TestPolicies(t *testing.T) {
	c := newCosigners(t, 5)
	log := newForeignLog(t, "logs.example/one").grow(0, 3, "a")
	for _, policy := range []string{
		"witness a $0 https://a.example/\nquorum a\n",
		"witness a $0 https://a.example/\nquorum none\n",
		"quorum none\n",
		"witness a $0 https://a.example/\nwitness b $1 https://a.example/\ngroup g any a b\nquorum g\n",
		"witness a $0 https://a.example/\nwitness b $1 https://b.example/x\ngroup g all a b\nquorum g\n",
		"witness a $0 https://a.example/\nwitness b $1 https://b.example/\nwitness c $2 https://c.example/\ngroup g 2 a b c\nquorum g\n",
		"# two of three, and one of two\nwitness a $0 https://a.example/\nwitness b $1 https://b.example/\nwitness c $2 https://c.example/\n" +
			"\tgroup  x 2 a b c\n\nwitness d $3 http://d.example/\nwitness e $4 http://e.example/\ngroup y any d e\ngroup z all x y\nquorum z",
	} {
		policy = c.expand(policy)
		ours := parsePolicy(t, policy)
		theirs, err := fwitness.ParsePolicy([]byte(policy))
		if err != nil {
			t.Fatal(err)
		}
		for set := range 1 << len(ours.Witnesses) {
			signers := []note.Signer{log.signer}
			for i, s := range c.signs[:len(ours.Witnesses)] {
				if set&(1<<i) != 0 {
					signers = append(signers, s)
				}
			}
			signed, err := note.Sign(&note.Note{Text: log.text(3)}, signers...)
			if err != nil {
				t.Fatal(err)
			}
			if ours.Satisfied(signed) != theirs.Satisfied(signed) {
				t.Errorf("by %05b: %v in\n%s", set, ours.Satisfied(signed), policy)
			}
		}
	}
	// Names mean nothing outside of the policy, whatever they look like.
	odd := parsePolicy(t, c.expand("witness any $0 https://a.example\nwitness K $1\nwitness \u212a $2\nwitness quorum $3\ngroup all 2 any K \u212a\ngroup log all all quorum\nquorum log\n"))
	if len(odd.Witnesses) != 4 || odd.Witnesses[1].URL != nil || odd.Witnesses[0].URL.Host != "a.example" {
		t.Errorf("%+v", odd.Witnesses)
	}
}

func TestPoliciesThatAreNone(t *testing.T) {
	c := newCosigners(t, 3)
	log := newForeignLog(t, "logs.example/one")
	mldsa := "witness.example/pq"
	for policy, says := range map[string]string{
		"":                              "no quorum line",
		"witness a $0\n":                "no quorum line",
		"quorum a\n":                    `no line before defines "a"`,
		"quorum none\nquorum none\n":    "quorum line before",
		"quorum\n":                      "quorum NAME",
		"witness a $0\nquorum b\n":      `defines "b"`,
		"witness a\nquorum none\n":      "witness NAME VKEY",
		"witness none $0\nquorum none":  `"none"`,
		"witness a $0 ftp://x\n":        "not the URL",
		"witness a $0 https:///x\n":     "not the URL",
		"witness a $0 https://x/?y=z\n": "not the URL",
		"witness a $0\nwitness a $1\n":  "defined before",
		"witness a $0\nwitness b $0\n":  "given before",
		"witness a " + log.vkey + "\n":  "not the key of a witness",
		"witness a " + strings.Replace(c.keys[0], "+", "+0", 1) + "\n":         "not the key",
		"witness a " + strings.Replace(c.keys[0], "/0+", "/1+", 1) + "\n":      "does not fit its key",
		"witness a " + mldsa + "+00000000+BgAA\n":                              "not the key of a witness",
		"witness a name+1234\n":                                                "not a public key",
		"group g any\nquorum g":                                                "group NAME",
		"group g any a\nquorum g":                                              `defines "a"`,
		"group g all g\nquorum g":                                              `defines "g"`,
		"witness a $0\ngroup g 0 a\nquorum g":                                  "from 1 to 1",
		"witness a $0\ngroup g 2 a\nquorum g":                                  "from 1 to 1",
		"witness a $0\ngroup g 01 a\nquorum g":                                 "from 1 to 1",
		"witness a $0\ngroup g -1 a\nquorum g":                                 "from 1 to 1",
		"witness a $0\ngroup g most a\nquorum g":                               "from 1 to 1",
		"witness a $0\nwitness b $1\ngroup g 2 a a\nquorum g":                  "count twice",
		"witness a $0\nwitness b $1\ngroup g any a b\ngroup h all a\nquorum g": "count twice",
		"log " + log.vkey + "\nlog " + log.vkey + "\nquorum none":              "given before",
		"log\nquorum none":                                                     "log VKEY",
		"log x\nquorum none":                                                   "not a public key",
		"quorum none\rx\n":                                                     "control character",
		"quorum none # a comment\n":                                            "quorum NAME",
		"Quorum none\n":                                                        "begins no line",
		strings.Repeat("#", witness.MaxPolicyBytes) + "\nquorum none\n":        "more than",
	} {
		if _, err := witness.ParsePolicy([]byte(c.expand(policy))); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%.200q: %v", policy, err)
		}
	}
	p := parsePolicy(t, "log "+log.vkey+"\nquorum none\n")
	other := newForeignLog(t, "logs.example/one")
	if p.ForLog(log.vkey) != nil || p.ForLog(other.vkey, log.vkey) != nil || p.ForLog(other.vkey) == nil {
		t.Error("which log a policy is for")
	}
	if parsePolicy(t, "quorum none\n").ForLog(other.vkey) != nil {
		t.Error("a policy that names no log is for all")
	}
}

func TestListsOfLogs(t *testing.T) {
	one, again, two := newForeignLog(t, "logs.example/one"), newForeignLog(t, "logs.example/one"), newForeignLog(t, "logs.example/two")
	logs, err := witness.ParseLogs([]byte("# logs\nlogs/v0\n\nvkey " + one.vkey + "\nqpd 8640\ncontact me @ home\n\nvkey " + two.vkey +
		"\norigin other\n vkey " + again.vkey + "\nqpd 24\n"))
	if err != nil || len(logs) != 2 || logs[0].Origin != "logs.example/one" || len(logs[0].Keys) != 2 || logs[0].PerDay != 8640 || logs[1].Origin != "other" || logs[1].PerDay != 0 {
		t.Fatalf("%+v, %v", logs, err)
	}
	for text, says := range map[string]string{
		"":                                       "begins with a line: logs/v0",
		"vkey " + one.vkey:                       "begins with a line: logs/v0",
		"logs/v1\n":                              "begins with a line: logs/v0",
		"logs/v0\norigin x":                      "begins with a vkey line",
		"logs/v0\nvkey":                          "one word",
		"logs/v0\nvkey x":                        "not a public key",
		"logs/v0\nvkey " + one.vkey + "\nqpd x":  "no number",
		"logs/v0\nvkey " + one.vkey + "\nqpd -1": "no number",
		"logs/v0\nvkey " + one.vkey + "\nqpd NaN":                       "no number",
		"logs/v0\nvkey " + one.vkey + "\nwitness x":                     "begins no line",
		"logs/v0\nvkey " + one.vkey + "\nvkey " + one.vkey:              "twice",
		"logs/v0\nvkey " + strings.Replace(one.vkey, "+A", "+B", 1):     "not",
		"logs/v0\nvkey " + strings.Replace(two.vkey, "two+", "tow+", 1): "",
	} {
		if _, err := witness.ParseLogs([]byte(text)); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestKeys(t *testing.T) {
	k := newWitnessKey(t, "witness.example/w1")
	path := t.TempDir() + "/witness.key"
	if err := k.Save(path); err != nil {
		t.Fatal(err)
	}
	if err := newWitnessKey(t, "x").Save(path); err == nil {
		t.Error("a key was replaced")
	}
	back, err := witness.LoadKey(path)
	if err != nil || back.Public() != k.Public() || back.Name() != "witness.example/w1" {
		t.Fatalf("%v", err)
	}
	if v, err := witness.CosignatureVerifier(k.Public()); err != nil || v.Name() != k.Name() || v.KeyHash() != k.Verifier().KeyHash() {
		t.Errorf("%v", err)
	}
	plain, _, err := note.GenerateKey(nil, "logs.example/one")
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"", "hello", plain, "PRIVATE+KEY+x+00000000+BAAA", k.Public()} {
		if _, err := witness.ParseKey(text); err == nil {
			t.Errorf("%q was taken for the key of a witness", text)
		}
	}
	if _, err := witness.GenerateKey(nil, "two words"); err == nil {
		t.Error("a name with a space was taken")
	}
}
