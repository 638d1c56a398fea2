package reports

import (
	"strings"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/projections/fold"
	"github.com/daybookhq/daybook/reports/markdown"
)

// A cast decides how the people of a story are shown. By default that is their
// role: the one a record gives, else one their id is made of ("security-lead-1"
// is a security lead), else "person 1", "person 2" in the order they appear.
// An id is printed only when names are asked for, or when it is a machine's.
type cast struct {
	names   bool
	roles   map[string]string
	machine map[string]bool
	numbers map[string]int
}

// castOf learns the roles of everyone who acts in the story.
func castOf(views []fold.View, names bool) *cast {
	c := &cast{names: names, roles: map[string]string{}, machine: map[string]bool{}, numbers: map[string]int{}}
	for i := range views {
		v := &views[i]
		if v.AuthID == "" {
			continue
		}
		if v.AuthType == "system" || v.AuthType == "service_account" || v.AuthType == "api_key" {
			c.machine[v.AuthID] = true
		}
		if c.roles[v.AuthID] == "" {
			c.roles[v.AuthID] = roleOf(v)
		}
	}
	for i := range views {
		if id := views[i].AuthID; id != "" {
			c.number(id)
		}
	}
	return c
}

// roleOf is the role that an event shows of its actor, or "".
func roleOf(v *fold.View) string {
	role := fold.FactOf(v).Role
	if short := v.Short(); role == "" && (short == "approval.granted" || short == "approval.denied") {
		role = string(fold.Data[events.ApprovalGranted](v).Authority)
	}
	if role == "" || role == "other" {
		return roleIn(v.AuthID)
	}
	return role
}

func (c *cast) number(id string) int {
	if c.roles[id] != "" || c.machine[id] {
		return 0
	}
	if c.numbers[id] == 0 {
		c.numbers[id] = len(c.numbers) + 1
	}
	return c.numbers[id]
}

// fact is who did what a fact tells, or nothing when no actor is recorded.
func (c *cast) fact(f fold.Fact) markdown.Inline { return c.show(f.Actor, f.Role) }

// person is somebody named inside a record.
func (c *cast) person(p fold.Person) markdown.Inline {
	if p.Automated {
		if p.ID == "" || p.ID == "automation" {
			return lit("automation")
		}
		return markdown.F("automation %s", markdown.Code(p.ID))
	}
	return c.show(p.ID, p.Role)
}

// named is somebody of whom only an id is recorded.
func (c *cast) named(id string) markdown.Inline { return c.show(id, "") }

func (c *cast) show(id, role string) markdown.Inline {
	switch {
	case id == "" && role == "":
		return none
	case c.names && id != "":
		return markdown.Text(id)
	case role != "" && role != "other":
		return roleName(role)
	case c.machine[id]:
		return markdown.Code(id)
	}
	if known := c.roles[id]; known != "" {
		return roleName(known)
	}
	if made := roleIn(id); made != "" {
		return roleName(made)
	}
	if id == "" {
		return lit("other")
	}
	return markdown.F("person %s", c.number(id))
}

// roleWords are the words that roles are made of. An id that has another word
// in it may be a name, and is not shown.
const roleWords = ` admin agent analyst api app application architect automation backend bot build cd chief ci cloud
 commander config customer data database deploy deployer deployment design desk developer devops director duty edge eng
 engineer engineering eval evals executive firewall frontend gateway identity incident infra infrastructure it junior lead
 leader legal machine maintainer manager ml mobile model monitor monitoring network officer on oncall call operator operations
 ops owner page pager payments pipeline platform principal privacy product program project qa quality release reliability
 responder responders reviewer safety scheduler search secondary primary security senior service services shift site software
 sre staff storage success support system systems team tech technical tester traffic trust user web worker `

// roleIn reads a role out of an id that is made of nothing else, a running
// number apart: "platform-engineer-4" is a platform engineer.
func roleIn(id string) string {
	parts := strings.FieldsFunc(strings.ToLower(id), func(r rune) bool { return r == '-' || r == '_' || r == ' ' || r == '.' })
	var out []string
	for i, p := range parts {
		if i > 0 && i == len(parts)-1 && strings.Trim(p, "0123456789") == "" {
			break
		}
		if !strings.Contains(roleWords, " "+p+" ") && !strings.Contains(roleWords, " "+p+"\n") {
			return ""
		}
		out = append(out, p)
	}
	return strings.Join(out, " ")
}

// roleName is a role as people write it.
func roleName(role string) markdown.Inline {
	if role == "sre" || role == "qa" {
		return markdown.Text(strings.ToUpper(role))
	}
	return markdown.Text(strings.ReplaceAll(words(role), "on call", "on-call"))
}
