package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/daybookhq/daybook/events/sink"
	"github.com/daybookhq/daybook/events/stream"
	"github.com/daybookhq/daybook/events/trail"
	"github.com/daybookhq/daybook/events/witness"
)

// An elsewhere says who besides the database shall hold checkpoints.
type elsewhere struct {
	Sinks  []string      // addresses of checkpoint sinks, as sink.Open takes them
	Token  string        // bearer token for those over HTTP; only from the environment
	Every  time.Duration // between two checkpoints for one sink
	Policy string        // file with the witness policy
	Round  time.Duration // between two rounds of asking the witnesses
}

// elsewhereFlags are shared, since a server sends there and others compare.
func elsewhereFlags(root *cobra.Command) {
	p := root.PersistentFlags()
	p.StringArray("checkpoint-sink", nil, "where the newest checkpoint is sent: a file, a directory (ending in /), https://…, nats:SUBJECT (repeatable) [$DAYBOOK_CHECKPOINT_SINK, parted by spaces; a bearer token in $DAYBOOK_CHECKPOINT_SINK_TOKEN]")
	p.Duration("checkpoint-every", sink.DefaultEvery, "least time between two checkpoints sent to one sink [$DAYBOOK_CHECKPOINT_EVERY]")
	p.String("witness-policy", "", "file that names the witnesses to co-sign checkpoints, and how many of which are enough [$DAYBOOK_WITNESS_POLICY]")
	p.Duration("witness-every", witness.DefaultEvery, "least time between two rounds of asking the witnesses [$DAYBOOK_WITNESS_EVERY]")
}

func elsewhereOf(cmd *cobra.Command) elsewhere {
	e := elsewhere{Token: os.Getenv("DAYBOOK_CHECKPOINT_SINK_TOKEN")}
	f := cmd.Flags()
	e.Sinks, _ = f.GetStringArray("checkpoint-sink")
	if !f.Changed("checkpoint-sink") {
		e.Sinks = strings.Fields(os.Getenv(variableOf("checkpoint-sink")))
	}
	e.Every, _ = f.GetDuration("checkpoint-every")
	e.Policy, _ = f.GetString("witness-policy")
	e.Round, _ = f.GetDuration("witness-every")
	return e
}

// policy reads the witness policy, nil if there is none, and makes sure that it
// is for this log, by its first key or by the one that signs now.
func (e elsewhere) policy(t *trail.Trail) (*witness.Policy, error) {
	if e.Policy == "" {
		return nil, nil
	}
	p, err := witness.LoadPolicy(e.Policy)
	if err != nil {
		return nil, err
	}
	ring, err := t.Keyring(context.Background(), "")
	if err != nil {
		return nil, err
	}
	if err := p.ForLog(slices.Compact([]string{ring.First(), ring.Current()})...); err != nil {
		return nil, fmt.Errorf("%s: %w", e.Policy, err)
	}
	return p, nil
}

// open makes the sinks. Without a broker those on it are left out.
func (e elsewhere) open(broker sink.Broker) ([]sink.Sink, error) {
	var all []sink.Sink
	for _, address := range e.Sinks {
		s, err := sink.Open(address, sink.Options{Token: e.Token, Broker: broker})
		if errors.Is(err, sink.ErrNoBroker) && broker == nil {
			continue
		}
		if err != nil {
			return nil, usagef("%w", err)
		}
		all = append(all, s)
	}
	return all, nil
}

// holders are all who can be asked for the newest checkpoint of a trail that
// reached them; without a broker, all but its subjects.
func holders(s settings, t *trail.Trail, broker sink.Broker) ([]sink.Held, error) {
	sinks, err := s.Elsewhere.open(broker)
	if err != nil {
		return nil, err
	}
	var all []sink.Held
	for _, k := range sinks {
		all = append(all, k)
	}
	p, err := s.Elsewhere.policy(t)
	if err != nil || p == nil {
		return all, err
	}
	return append(all, p.Holders(func(ctx context.Context) ([]byte, error) {
		h, err := t.Head(ctx)
		return h.Checkpoint, err
	})...), nil
}

// A publisher brings a trail's checkpoints to others: to witnesses, which sign
// them, and to sinks, which hold them.
type publisher struct {
	rounds *witness.Rounds
	sender *sink.Sender // from start on
}

// newPublisher reads the settings; nothing is sent or asked yet.
func newPublisher(l *ledger) (*publisher, error) {
	policy, err := l.settings.Elsewhere.policy(l.trail)
	if err != nil {
		return nil, err
	}
	if _, err := l.settings.Elsewhere.open(nil); err != nil {
		return nil, err // before anything is started for nothing
	}
	o := witness.RoundsOptions{Trail: l.trail, Policy: policy, Every: l.settings.Elsewhere.Round, Logger: l.log, Registerer: l.registry}
	if l.trail.Dialect() == trail.Postgres {
		o.Lease = stream.PostgresLease{DB: l.trail.DB()}
	}
	rounds, err := witness.NewRounds(o)
	return &publisher{rounds: rounds}, err
}

// start opens the sinks. What it returns does the work until its context ends.
func (p *publisher) start(l *ledger, broker sink.Broker) (run func(context.Context), err error) {
	sinks, err := l.settings.Elsewhere.open(broker)
	if err != nil {
		return nil, err
	}
	p.sender, err = sink.NewSender(sink.SenderOptions{
		Log: sink.Log{
			Origin: l.trail.Origin(), Newest: p.newest(l.trail), Compare: l.trail.Compare, Grown: l.trail.Wait,
		},
		Sinks: sinks, Every: cmp.Or(l.settings.Elsewhere.Every, sink.DefaultEvery), Logger: l.log, Registerer: l.registry,
	})
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) {
		asked := make(chan struct{})
		go func() { defer close(asked); p.rounds.Run(ctx) }()
		p.sender.Run(ctx)
		<-asked
	}, nil
}

// newest is the checkpoint to send. There is none while others hold what the
// trail does not continue: a sink that took this one could not tell so any more.
func (p *publisher) newest(t *trail.Trail) func(context.Context) ([]byte, int64, error) {
	return func(ctx context.Context) ([]byte, int64, error) {
		if behind := t.Behind(); behind != nil {
			return nil, 0, behind
		}
		return p.rounds.Newest(ctx)
	}
}

// flush sends the last checkpoint to the sinks that work. Nothing is appended
// any more, and the broker is still there.
func (p *publisher) flush(ctx context.Context) error {
	if p.sender != nil {
		p.sender.Flush(ctx)
	}
	return nil // what a sink does not take is no failure of the server
}

// degraded says what of it does not work, for /readyz.
func (p *publisher) degraded(ctx context.Context) map[string]string {
	notes := p.rounds.Degraded(ctx)
	if p.sender != nil {
		maps.Copy(notes, p.sender.Degraded())
	}
	return notes
}
