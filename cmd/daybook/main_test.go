package main

import (
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain lets the test binary be the command: scripts, and tests that start
// processes, run it under the name daybook.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"daybook": main})
}

// TestScripts runs the terminal sessions under testdata/script.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("HOME", e.WorkDir)
			e.Setenv("DAYBOOK_LISTEN", "127.0.0.1:0")
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"waitserving":     waitServing,
			"secret":          secret,
			"tamper":          tamper,
			"serverurl":       serverURL,
			"waitwitness":     waitWitness,
			"waitheld":        waitHeld,
			"mklist":          mkList,
			"mkpolicy":        mkPolicy,
			"keptcheckpoints": keptCheckpoints,
		},
		UpdateScripts: os.Getenv("UPDATE_SCRIPTS") != "",
	})
}
