package witness

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"strconv"
	"strings"

	fwitness "github.com/transparency-dev/formats/witness"
	"golang.org/x/mod/sumdb/note"
)

// Limits of a policy. The format asks for at least 32 of each.
const (
	MaxPolicyBytes = 256 << 10
	maxPolicyNames = 256
)

// A Witness is one that a policy names.
type Witness struct {
	Name string // within the policy
	Key  string // its verifier key, as written
	URL  *url.URL

	verifier note.Verifier
}

// Verifier checks its co-signatures.
func (w *Witness) Verifier() note.Verifier { return w.verifier }

// id is how a witness's rows are found: name and hash of its key, which is how
// a signature names it.
func (w *Witness) id() string {
	return fmt.Sprintf("%s+%08x", w.verifier.Name(), w.verifier.KeyHash())
}

// A Policy says which co-signatures make a checkpoint one to rely on.
type Policy struct {
	Logs      []string // verifier keys of the logs it is for; none means any
	Witnesses []Witness

	quorum fwitness.Group
}

// LoadPolicy reads a policy file.
func LoadPolicy(path string) (*Policy, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read the witness policy: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, MaxPolicyBytes+1))
	if err != nil {
		return nil, fmt.Errorf("read the witness policy %s: %w", path, err)
	}
	p, err := ParsePolicy(b)
	if err != nil {
		return nil, fmt.Errorf("the witness policy %s: %w", path, err)
	}
	return p, nil
}

// ParsePolicy reads a policy in the C2SP tlog-policy format. It is stricter
// than the evaluation that follows needs it to be: a quorum that is always
// met, a witness that counts twice or a key with the wrong hash is an error.
func ParsePolicy(text []byte) (*Policy, error) {
	if len(text) > MaxPolicyBytes {
		return nil, fmt.Errorf("more than %d bytes", MaxPolicyBytes)
	}
	r := policyReader{policy: &Policy{}, names: map[string]bool{}, member: map[string]bool{}, keys: map[string]bool{}}
	for i, line := range bytes.Split(text, []byte("\n")) {
		if err := r.line(line); err != nil {
			return nil, fmt.Errorf("line %d: %w", i+1, err)
		}
	}
	if r.quorum == "" {
		return nil, errors.New("there is no quorum line; it says which group of witnesses is enough")
	}
	var err error
	if r.policy.quorum, err = fwitness.ParsePolicy([]byte(r.plain.String())); err != nil {
		return nil, err
	}
	return r.policy, nil
}

// policyReader is a policy half read.
type policyReader struct {
	policy *Policy
	names  map[string]bool // of witnesses and groups
	member map[string]bool // names that are in a group
	keys   map[string]bool // public keys
	quorum string
	plain  strings.Builder // the same policy as the evaluation takes it
}

func (r *policyReader) line(line []byte) error {
	for _, c := range line {
		if c < ' ' && c != '\t' || c == 0x7f {
			return fmt.Errorf("it holds the control character %#02x", c)
		}
	}
	// Only spaces and tabs part words, whatever else Unicode calls a space.
	words := strings.FieldsFunc(string(line), func(c rune) bool { return c == ' ' || c == '\t' })
	if len(words) == 0 || strings.HasPrefix(words[0], "#") {
		return nil
	}
	switch keyword, args := words[0], words[1:]; keyword {
	case "log":
		return r.log(args)
	case "witness":
		return r.witness(args)
	case "group":
		return r.group(args)
	case "quorum":
		return r.setQuorum(args)
	default:
		return fmt.Errorf("%q begins no line of a policy; log, witness, group and quorum do", keyword)
	}
}

func (r *policyReader) log(args []string) error {
	if len(args) < 1 || len(args) > 2 {
		return errors.New("write it as: log VKEY [URL]")
	}
	if _, err := LogVerifier(args[0]); err != nil {
		return err
	}
	if !r.newKey("log ", args[0]) {
		return errors.New("the public key was given before")
	}
	if len(r.policy.Logs) == maxPolicyNames {
		return fmt.Errorf("more than %d logs", maxPolicyNames)
	}
	r.policy.Logs = append(r.policy.Logs, args[0])
	return nil
}

func (r *policyReader) witness(args []string) error {
	if len(args) < 2 || len(args) > 3 {
		return errors.New("write it as: witness NAME VKEY [URL]")
	}
	if err := r.newName(args[0]); err != nil {
		return err
	}
	w := Witness{Name: args[0], Key: args[1]}
	var err error
	if w.verifier, err = CosignatureVerifier(w.Key); err != nil {
		return err
	}
	if !r.newKey("witness ", w.Key) {
		return errors.New("the public key was given before")
	}
	if len(args) == 3 {
		if w.URL, err = url.Parse(args[2]); err != nil || w.URL.Host == "" || w.URL.Scheme != "http" && w.URL.Scheme != "https" || w.URL.RawQuery != "" || w.URL.Fragment != "" {
			return fmt.Errorf("%q is not the URL of a witness", args[2])
		}
	}
	r.policy.Witnesses = append(r.policy.Witnesses, w)
	// The address means nothing to the evaluation.
	fmt.Fprintf(&r.plain, "witness n%s %s https://witness.invalid/\n", hexName(w.Name), w.Key)
	return nil
}

func (r *policyReader) group(args []string) error {
	if len(args) < 3 {
		return errors.New("write it as: group NAME all|any|NUMBER MEMBER…")
	}
	name, members := args[0], args[2:]
	if err := r.newName(name); err != nil {
		return err
	}
	k := 1
	switch args[1] {
	case "any":
	case "all":
		k = len(members)
	default:
		var err error
		if k, err = strconv.Atoi(args[1]); err != nil || strconv.Itoa(k) != args[1] || k < 1 || k > len(members) {
			return fmt.Errorf("%q of %d members; write all, any or a number from 1 to %d", args[1], len(members), len(members))
		}
	}
	fmt.Fprintf(&r.plain, "group n%s %d", hexName(name), k)
	for _, m := range members {
		if m == name || !r.names[m] {
			return fmt.Errorf("no line before defines %q", m)
		}
		if r.member[m] {
			return fmt.Errorf("%q is a member of a group already, and would count twice", m)
		}
		r.member[m] = true
		r.plain.WriteString(" n" + hexName(m))
	}
	r.plain.WriteString("\n")
	return nil
}

func (r *policyReader) setQuorum(args []string) error {
	switch {
	case len(args) != 1:
		return errors.New("write it as: quorum NAME, or: quorum none")
	case r.quorum != "":
		return errors.New("there is a quorum line before")
	case args[0] == "none":
		r.plain.WriteString("quorum none\n")
	case !r.names[args[0]]:
		return fmt.Errorf("no line before defines %q", args[0])
	default:
		r.plain.WriteString("quorum n" + hexName(args[0]) + "\n")
	}
	r.quorum = args[0]
	return nil
}

func (r *policyReader) newName(name string) error {
	switch {
	case name == "none":
		return errors.New(`"none" cannot be a name; it is the quorum of no witness`)
	case r.names[name]:
		return fmt.Errorf("%q is defined before", name)
	case len(r.names) == maxPolicyNames:
		return fmt.Errorf("more than %d witnesses and groups", maxPolicyNames)
	}
	r.names[name] = true
	return nil
}

// newKey notes the public key of a log or witness, whatever name and hash it is
// given with, and reports whether it is the first time.
func (r *policyReader) newKey(of, vkey string) bool {
	key := of + keyMaterial(vkey)
	fresh := !r.keys[key]
	r.keys[key] = true
	return fresh
}

// hexName makes names that no other parser has a meaning for.
func hexName(name string) string { return fmt.Sprintf("%x", name) }

// Satisfied reports whether a signed checkpoint carries the co-signatures that
// the policy asks for. It does not look at the log's own signature.
func (p *Policy) Satisfied(signed []byte) bool { return p.quorum.Satisfied(signed) }

// ForLog returns an error if the policy names logs and none of them has any of
// those keys.
func (p *Policy) ForLog(vkeys ...string) error {
	if len(p.Logs) == 0 {
		return nil
	}
	for _, l := range p.Logs {
		for _, k := range vkeys {
			if keyMaterial(l) == keyMaterial(k) && strings.SplitN(l, "+", 2)[0] == strings.SplitN(k, "+", 2)[0] {
				return nil
			}
		}
	}
	return fmt.Errorf("the witness policy is for other logs; add a line: log %s", strings.Join(vkeys, ", or: log "))
}
