package trail

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"
)

// ErrNotCompared: a trail that must be compared before it takes events has not
// been yet. It is an [ErrReadOnly].
var ErrNotCompared = fmt.Errorf("%w: nobody who holds a checkpoint of it could be asked yet, and it was told to take no events before that (--compare must)", ErrReadOnly)

// A Comparer asks one of those who hold something of a trail, and compares.
type Comparer struct {
	Name string // for people
	// Compare calls [Trail.Compare] or [Trail.CompareEvent] with what is held,
	// and returns what that says. Nil also means that nothing is held. An error
	// that is no [BehindError] means that it has to be asked again later.
	Compare func(context.Context, *Trail) error
}

// A Guard compares a trail with what others hold of it before the first append
// of a server, and afterwards with those who did not answer in time. While the
// trail is behind, it looks whether what was missing has been brought back.
type Guard struct {
	Trail     *Trail
	Comparers []Comparer
	Must      bool          // take no events until one of them was asked
	Patience  time.Duration // for one comparison; default 5 s
	Every     time.Duration // between attempts, growing twelvefold with their number; default 5 s
	Logger    *slog.Logger  // default slog.Default()

	mu      sync.Mutex
	waiting []Comparer // those who have not answered
}

// Start asks all of them at once and returns when they have answered or
// Patience is over. That the trail is behind is no error: it takes no events,
// as [Trail.Behind] tells.
func (g *Guard) Start(ctx context.Context) {
	g.Patience, g.Every = cmp.Or(g.Patience, 5*time.Second), cmp.Or(g.Every, 5*time.Second)
	g.Logger = cmp.Or(g.Logger, slog.Default())
	g.waiting = slices.Clone(g.Comparers)
	if g.Must {
		g.Trail.object(notCompared, ErrNotCompared)
	}
	for _, late := range g.ask(ctx) {
		g.Logger.Warn("cannot tell whether the database is behind what is held elsewhere; it is compared as soon as that answers", "with", late.who, "error", late.err)
	}
}

// Run asks those who have not answered yet, until ctx ends.
func (g *Guard) Run(ctx context.Context) {
	wait := g.Every
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		if len(g.Waiting()) > 0 {
			g.ask(ctx)
			wait = min(2*wait, 12*g.Every)
		}
		if g.Trail.Behind() != nil {
			wait = g.Every
			if err := g.Trail.Reconsider(ctx); err != nil && ctx.Err() == nil {
				g.Logger.Warn("cannot tell whether the database is still behind", "error", err)
			}
		}
	}
}

// Waiting names those who have not been compared with yet.
func (g *Guard) Waiting() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	names := make([]string, len(g.waiting))
	for i, c := range g.waiting {
		names[i] = c.Name
	}
	return names
}

// notCompared is under what [ErrNotCompared] objects.
const notCompared = "comparison"

type unanswered struct {
	who string
	err error
}

// ask asks those who have not answered, and returns who still has not.
func (g *Guard) ask(ctx context.Context) (late []unanswered) {
	g.mu.Lock()
	waiting := slices.Clone(g.waiting)
	g.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, g.Patience)
	defer cancel()
	answers := make([]chan error, len(waiting))
	for i, c := range waiting {
		answers[i] = make(chan error, 1)
		go func() { answers[i] <- c.Compare(ctx, g.Trail) }()
	}
	for i, c := range waiting {
		var err error
		select {
		case err = <-answers[i]:
		case <-ctx.Done():
			err = ctx.Err() // whether or not it heeds that
		}
		_, behind := errors.AsType[*BehindError](err)
		if err != nil && !behind {
			late = append(late, unanswered{c.Name, err})
			continue
		}
		g.mu.Lock()
		g.waiting = slices.DeleteFunc(g.waiting, func(w Comparer) bool { return w.Name == c.Name })
		g.mu.Unlock()
		g.Trail.withdraw(notCompared)
	}
	return late
}
