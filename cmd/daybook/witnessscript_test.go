package main

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// awaits runs a check until it holds.
func awaits(ts *testscript.TestScript, what string, is func() bool) {
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); <-time.After(5 * time.Millisecond) {
		if is() {
			return
		}
	}
	ts.Fatalf("not within a minute: %s", what)
}

// waitWitness waits until a witness answers:
//
//	waitwitness DIR
func waitWitness(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: waitwitness DIR")
	}
	awaits(ts, "a witness answers", func() bool {
		var h holder
		b, err := os.ReadFile(filepath.Join(ts.MkAbs(args[0]), lockName))
		if err != nil || json.Unmarshal(b, &h) != nil || h.URL == "" {
			return false
		}
		resp, err := http.Get(h.URL)
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
}

// waitHeld waits until a file holds a checkpoint with a signature by that name:
//
//	waitheld FILE NAME
func waitHeld(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: waitheld FILE NAME")
	}
	awaits(ts, args[0]+" is signed by "+args[1], func() bool {
		b, err := os.ReadFile(ts.MkAbs(args[0]))
		return err == nil && strings.Contains(string(b), "\n— "+args[1]+" ")
	})
}

// mkList writes a list with the log of a key file:
//
//	mklist KEYFILE FILE
func mkList(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: mklist KEYFILE FILE")
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte("logs/v0\nvkey "+ts.ReadFile(args[0])), 0o600))
}

// mkPolicy writes a policy of one witness:
//
//	mkpolicy KEYFILE URL FILE
func mkPolicy(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: mkpolicy KEYFILE URL FILE")
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[2]), []byte("witness w1 "+strings.TrimSpace(ts.ReadFile(args[0]))+" "+args[1]+"\nquorum w1\n"), 0o600))
}
