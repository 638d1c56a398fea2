// Command daybook is the ledger: the server, and every command that records
// into it or reads from it. It only wires; what it does is in the packages.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/daybookhq/daybook/events/client"
)

// Exit codes.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
	exitNo     = 3 // verify says no
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run runs one command and returns its exit code. The first interrupt asks it
// to stop; the second ends the process at once.
func run(args []string, in io.Reader, out, errs io.Writer) int {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)
	go func() {
		select {
		case <-signals:
			cancel()
		case <-ctx.Done():
			return
		}
		<-signals
		fmt.Fprintln(errs, "daybook: stopped at once; what was not acknowledged may not be recorded")
		os.Exit(exitFailed)
	}()
	return execute(ctx, args, in, out, errs)
}

func execute(ctx context.Context, args []string, in io.Reader, out, errs io.Writer) int {
	root := newRootCmd()
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(errs)
	started := false // errors before a command starts are about how it was called
	before := root.PersistentPreRunE
	root.PersistentPreRunE = func(cmd *cobra.Command, args []string) error {
		if err := before(cmd, args); err != nil {
			return err
		}
		started = true
		return nil
	}
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitDone
	}
	code := exitFailed
	var coded *exitError
	var problem *client.Problem
	switch {
	case errors.As(err, &coded):
		code = coded.code
	case errors.As(err, &problem) && (problem.Status == http.StatusBadRequest || problem.Status == http.StatusNotFound && problem.Field != ""):
		code = exitUsage // an argument that only the server can tell to be wrong
	case !started:
		code = exitUsage
	}
	if text := err.Error(); text != "" {
		fmt.Fprintln(errs, "daybook: "+oneLine(text))
	}
	return code
}

// An exitError ends the command with its own exit code.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}
func (e *exitError) Unwrap() error { return e.err }

func usagef(format string, args ...any) error {
	return &exitError{exitUsage, fmt.Errorf(format, args...)}
}
