package main

import (
	"database/sql"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	_ "modernc.org/sqlite"
)

// waitServing waits until a server answers on the socket of a data directory:
//
//	waitserving data
func waitServing(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: waitserving DIR")
	}
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); <-time.After(5 * time.Millisecond) {
		c, ok := socketClient(ts.MkAbs(args[0]))
		if !ok {
			continue
		}
		resp, err := c.Get("http://daybook/readyz")
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode == 200 {
				return
			}
		}
	}
	ts.Fatalf("no server came up on %s", args[0])
}

var secretForm = regexp.MustCompile(`daybook_[A-Za-z0-9_-]{43}`)

// secret puts the token that the last command printed into a variable:
//
//	exec daybook token issue ci --role reader
//	secret DAYBOOK_TOKEN
func secret(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: secret VARIABLE")
	}
	found := secretForm.FindString(ts.ReadFile("stdout"))
	if found == "" {
		ts.Fatalf("no token was printed")
	}
	ts.Setenv(args[0], found)
}

// tamper does what somebody with the database file in hand could do: it takes
// the guards off and changes the stored bytes of one event.
//
//	tamper data/daybook.db 2 old new
func tamper(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 4 {
		ts.Fatalf("usage: tamper FILE POSITION OLD NEW")
	}
	db, err := sql.Open("sqlite", ts.MkAbs(args[0]))
	ts.Check(err)
	defer db.Close()
	rows, err := db.Query(`SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'events'`)
	ts.Check(err)
	var triggers []string
	for rows.Next() {
		var name string
		ts.Check(rows.Scan(&name))
		triggers = append(triggers, name)
	}
	ts.Check(rows.Close())
	for _, name := range triggers {
		_, err := db.Exec(`DROP TRIGGER ` + name)
		ts.Check(err)
	}
	res, err := db.Exec(`UPDATE events SET body = replace(body, ?, ?) WHERE position = ? AND body LIKE '%' || ? || '%'`, args[2], args[3], args[1], args[2])
	ts.Check(err)
	if n, _ := res.RowsAffected(); n != 1 || len(triggers) == 0 {
		ts.Fatalf("%d events changed, %d guards taken off", n, len(triggers))
	}
}

// keptCheckpoints saves all checkpoints that were ever signed, as somebody who
// asked for them now and then would have them:
//
//	keptcheckpoints data/daybook.db saved.note
func keptCheckpoints(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: keptcheckpoints DATABASE FILE")
	}
	db, err := sql.Open("sqlite", ts.MkAbs(args[0]))
	ts.Check(err)
	defer db.Close()
	rows, err := db.Query(`SELECT note FROM checkpoints ORDER BY size`)
	ts.Check(err)
	defer rows.Close()
	var all []byte
	for rows.Next() {
		var note string
		ts.Check(rows.Scan(&note))
		all = append(all, note+"\n"...)
	}
	ts.Check(rows.Err())
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), all, 0o600))
}

// serverURL puts the address of the server on a data directory into a variable:
//
//	serverurl data DAYBOOK_SERVER
func serverURL(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: serverurl DIR VARIABLE")
	}
	b, err := os.ReadFile(filepath.Join(ts.MkAbs(args[0]), "daybook.lock"))
	ts.Check(err)
	var h holder
	ts.Check(json.Unmarshal(b, &h))
	if h.URL == "" {
		ts.Fatalf("the lock names no address: %s", b)
	}
	ts.Setenv(args[1], h.URL)
}
