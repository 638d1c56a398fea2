// Package migrations holds the schema of both databases as goose migrations.
//
// Every migration only adds: what a trail holds today, every later version
// reads. The tables of read models are not here; they are made, and made anew,
// by the projections themselves.
package migrations

import (
	"embed"
	"io/fs"
)

//go:embed sqlite/*.sql postgres/*.sql
var files embed.FS

// SQLite returns the migrations of a SQLite database.
func SQLite() fs.FS { return sub("sqlite") }

// Postgres returns the migrations of a Postgres database.
func Postgres() fs.FS { return sub("postgres") }

func sub(dir string) fs.FS {
	f, err := fs.Sub(files, dir)
	if err != nil {
		panic("migrations: " + err.Error()) // only for an invalid path
	}
	return f
}
