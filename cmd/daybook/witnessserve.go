package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"path"
	"time"

	"github.com/spf13/cobra"

	"github.com/daybookhq/daybook/events/witness"
)

// defaultWitnessListen is another port than the server's, for one machine.
const defaultWitnessListen = "127.0.0.1:7744"

func newWitnessServeCmd() *cobra.Command {
	var name, list, listen string
	var vkeys []string
	var verbose bool
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run a witness, until interrupted",
		Long: `Serve answers add-checkpoint calls of the logs that it is told of, and shows what
it co-signed last at /<hash of the origin>/checkpoint. The first start makes the
witness's key and prints the lines that a policy needs.

A log is given by its public key (what daybook keys --public prints), or in a
list in the format that public witnesses share:

  logs/v0
  vkey logs.example.com/payments+1f2e3d4c+AX…
  qpd 8640

After a log has changed its key, give its old and its new key.`,
		Example: `  daybook witness serve --name witness.example.com/w1 --log "$(cat log.pub)"
  daybook witness serve --logs logs.txt --listen 0.0.0.0:7744 --witness-dir /var/lib/daybook-witness`,
		Args: arguments(0, 0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			logs, err := witnessedLogs(vkeys, list)
			if err != nil {
				return err
			}
			level := slog.LevelInfo
			if verbose {
				level = slog.LevelDebug
			}
			w := &witnessServer{dir: witnessDir(cmd), name: name, logs: logs, listen: listen,
				log: slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), &slog.HandlerOptions{Level: level}))}
			return w.run(cmd)
		},
	}
	f := cmd.Flags()
	f.StringVar(&name, "name", "", "the witness's name, a URL without a scheme that nobody else uses; fixed by the first start")
	f.StringArrayVar(&vkeys, "log", nil, "public key of a log to co-sign for (repeatable)")
	f.StringVar(&listen, "listen", defaultWitnessListen, "address that the witness answers on [$DAYBOOK_LISTEN]")
	f.StringVar(&list, "logs", "", "file with a list of logs to co-sign for")
	f.BoolVar(&verbose, "verbose", false, "log every co-signature")
	return cmd
}

// witnessedLogs are those of the flags and of the list.
func witnessedLogs(vkeys []string, list string) ([]witness.Log, error) {
	var logs []witness.Log
	for _, k := range vkeys {
		l, err := witness.NewLog(k, "")
		if err != nil {
			return nil, usagef("--log: %w", err)
		}
		logs = append(logs, l)
	}
	if list != "" {
		more, err := witness.LoadLogs(list)
		if err != nil {
			return nil, err
		}
		logs = append(logs, more...)
	}
	if len(logs) == 0 {
		return nil, usagef("a witness needs to be told of a log: --log VKEY, or --logs FILE")
	}
	logs, err := witness.MergeLogs(logs)
	if err != nil {
		return nil, usagef("%w", err)
	}
	return logs, nil
}

type witnessServer struct {
	dir, name, listen string
	logs              []witness.Log
	log               *slog.Logger
}

func (w *witnessServer) run(cmd *cobra.Command) (err error) {
	// Two processes with one state could each co-sign another history.
	lock, err := tryLock(w.dir, "witness serve")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.release()) }()
	key, state, err := loadWitness(w.dir)
	if errors.Is(err, fs.ErrNotExist) {
		if err = makeWitness(w.dir, w.name); err == nil {
			key, state, err = loadWitness(w.dir)
		}
	}
	if err != nil {
		return err
	}
	if w.name != "" && w.name != key.Name() {
		return usagef("the witness in %s is %s; its name cannot be changed to %s", w.dir, key.Name(), w.name)
	}
	l, err := net.Listen("tcp", w.listen)
	if err != nil {
		return fmt.Errorf("listening on %s: %w; choose another address with --listen", w.listen, err)
	}
	srv := newHTTPServer(witness.NewServer(witness.ServerOptions{Key: key, State: state, Logs: w.logs, Logger: w.log}), nil)
	srv.ErrorLog = slog.NewLogLogger(w.log.Handler(), slog.LevelDebug)
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(l) }()
	url := urlOf(l)
	if err := lock.note(url); err != nil {
		return errors.Join(err, srv.Close())
	}
	out := cmd.OutOrStdout()
	fmt.Fprintf(out, "The witness %s is open: %s\n", key.Name(), url)
	for _, l := range w.logs {
		fmt.Fprintf(out, "  log:    %s\n", clean(l.Origin))
	}
	label := path.Base(key.Name()) // what the lines of a policy call it
	fmt.Fprintf(out, "  policy: witness %s %s %s\n", label, key.Public(), url)
	fmt.Fprintf(out, "          quorum %s\n", label)
	select {
	case <-cmd.Context().Done():
	case err := <-failed:
		return fmt.Errorf("serving %s: %w", l.Addr(), err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := srv.Shutdown(ctx); err != nil && !errors.Is(err, http.ErrServerClosed) {
		return srv.Close()
	}
	return nil
}
