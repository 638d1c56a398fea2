// Package markdown writes GitHub-flavoured Markdown in which nothing that came
// from outside can be syntax.
//
// There are two kinds of text. What this program says itself is a constant in
// its source, and only a constant can be given where one is asked for: the
// parameter's type is not exported, so a string variable does not compile.
// Everything else (reasons, notes, names, keys, versions, links) is foreign
// and passes through [Text], [Code] or [Link], which are the only places where
// a foreign string becomes Markdown. An [Inline] is the result: text that stays
// within its line, its table cell and its list item, whatever it was made from.
//
// What foreign text can never become: a heading, a list item, a task box, a
// table bar, emphasis, code, a link (also not one that a reader's program makes
// from a bare address), HTML, an entity, one of our markers or citations.
// Characters that hide or reorder text are removed or shown by their number.
//
// The package holds no wording and knows no events.
package markdown
