// Package reports writes the documents that people read: the postmortem of an
// incident, the follow-up of an emergency change, the emergencies of a month.
//
// A document is a function of a prefix of the trail, the policy in it, the time
// it is made for, the zone, and the version of its template: the same input
// gives the same bytes, whichever database holds the trail. Markdown is the
// product; [HTML] renders it as one page that needs nothing else.
//
// It promises:
//
//   - Every sentence of fact rests on events, and cites their positions as
//     [#12]. Where only people can write there is a prompt, never prose.
//   - What is unknown is printed as unknown, with who could say.
//   - Generated facts stand between markers, so that a document can be
//     refreshed around what people have written. A block with nothing to say is
//     left out, with its heading, unless its silence could be mistaken for an
//     answer: impact, where the time went, gates, verification, documentation,
//     the postmortem duty, approvals, communications and action items then say
//     in one line that nothing is recorded.
//   - Nothing that a producer wrote can change a document's structure: see the
//     package markdown below this one.
//   - People are shown by role unless the request asks for names; the follow-up,
//     which is a list of who does what, shows the ids on record.
//
// The models ([Postmortem], [FollowUp], [Emergencies]) are what a document is
// written from, what --json gives, and what a layout in layouts/ is given. Their
// version is the template version in the footer; it goes up when a field
// changes its meaning or goes, or when the wording changes.
package reports
