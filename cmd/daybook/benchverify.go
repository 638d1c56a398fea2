package main

import (
	"context"
	"crypto/sha256"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"runtime"
	"sync"
	"time"

	"github.com/jmoiron/sqlx"

	"github.com/daybookhq/daybook/events/trail"
)

// verify measures the verification of a trail, and how much memory it takes.
func (b *benchmark) verify(ctx context.Context) error {
	collectLess()
	return b.readTrail(ctx, func(s settings, memory []string) error {
		var measures []measure
		var raw float64
		err := b.reader(ctx, s, func(tr *trail.Trail) (err error) {
			raw, err = rawAudit(ctx, tr)
			return err
		})
		if err != nil {
			return err
		}
		for _, c := range []struct {
			what string
			opts trail.VerifyOptions
		}{
			{"verify, everything", trail.VerifyOptions{}},
			{"verify --no-index", trail.VerifyOptions{NoIndex: true}},
		} {
			before := processorTime()
			began := time.Now()
			r, err := trail.Verify(ctx, trailOptions(s, slog.New(slog.DiscardHandler)), c.opts)
			took, used := time.Since(began), processorTime()-before
			if err != nil {
				return err
			}
			if !r.OK() {
				return fmt.Errorf("the trail does not fit itself: %v", r.Faults[0])
			}
			m := load{events: r.Size, elapsed: took}.measure(c.what, b.database())
			m.limit(raw, "Raw limit: reading the same bytes in order and hashing them with SHA-256, on as many connections as processors.")
			if used > 0 {
				m.Note = fmt.Sprintf("Processor time for an event, %s: %.2f µs.", c.what, float64(used.Nanoseconds())/1e3/float64(max(r.Size, 1)))
			}
			measures = append(measures, m)
		}
		alone, err := b.alone(ctx, s)
		if err != nil {
			return err
		}
		for _, text := range memory {
			measures[0].Note += " " + text
		}
		return b.print(append(measures, alone...))
	})
}

// alone measures the two parts of the raw limit each by itself.
func (b *benchmark) alone(ctx context.Context, s settings) (measures []measure, err error) {
	err = b.reader(ctx, s, func(tr *trail.Trail) error {
		h, err := tr.Head(ctx)
		if err != nil {
			return err
		}
		var sample [][]byte
		began := time.Now()
		if err := eachBody(ctx, tr.DB(), 0, h.Size, func(body []byte) {
			if len(sample) < 4096 {
				sample = append(sample, body)
			}
		}); err != nil {
			return err
		}
		read := load{events: h.Size, elapsed: time.Since(began)}.measure("reading the rows in order, one reader", b.database())
		began = time.Now()
		var sum byte
		n := int64(0)
		for ; n < h.Size || time.Since(began) < b.duration/10; n++ {
			hash := sha256.Sum256(sample[n%int64(len(sample))])
			sum ^= hash[0]
		}
		hashing := load{events: n, elapsed: time.Since(began)}.measure("SHA-256 of the bytes, one processor", b.database())
		runtime.KeepAlive(sum)
		measures = []measure{read, hashing}
		return nil
	})
	return measures, err
}

// rawAudit reads and hashes all events on all processors, and returns how many
// a second.
func rawAudit(ctx context.Context, tr *trail.Trail) (float64, error) {
	h, err := tr.Head(ctx)
	if err != nil {
		return 0, err
	}
	readers := int64(runtime.GOMAXPROCS(0))
	errs := make([]error, readers)
	began := time.Now()
	var wg sync.WaitGroup
	for i := range readers {
		wg.Go(func() {
			var sum byte
			errs[i] = eachBody(ctx, tr.DB(), h.Size*i/readers, h.Size*(i+1)/readers, func(body []byte) {
				hash := sha256.Sum256(body)
				sum ^= hash[0]
			})
			runtime.KeepAlive(sum)
		})
	}
	wg.Wait()
	return float64(h.Size) / time.Since(began).Seconds(), errors.Join(errs...)
}

// eachBody reads bodies by the plainest means that there are.
func eachBody(ctx context.Context, db *sqlx.DB, from, to int64, f func([]byte)) error {
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	query := `SELECT CAST(body AS BLOB) FROM events WHERE position >= ? AND position < ? ORDER BY position`
	if db.DriverName() == "postgres" {
		query = `SELECT body FROM events WHERE position >= $1 AND position < $2 ORDER BY position`
	}
	return conn.Raw(func(c any) error {
		rows, err := c.(driver.QueryerContext).QueryContext(ctx, query, []driver.NamedValue{{Ordinal: 1, Value: from}, {Ordinal: 2, Value: to}})
		if err != nil {
			return err
		}
		defer rows.Close()
		var row [1]driver.Value
		for {
			if err := rows.Next(row[:]); err == io.EOF {
				return nil
			} else if err != nil {
				return err
			}
			switch body := row[0].(type) {
			case []byte:
				f(body)
			case string:
				f([]byte(body))
			}
		}
	})
}

// readTrail makes a trail, or takes the one of --trail, and runs f on it. It
// says how much memory verifying a tenth of it took, and all of it.
func (b *benchmark) readTrail(ctx context.Context, f func(settings, []string) error) error {
	if b.trail != "" {
		s := b.settings
		s.DataDir = b.trail
		if err := s.exists(); err != nil {
			return err
		}
		text, err := memoryOf(ctx, s)
		if err != nil {
			return err
		}
		return f(s, []string{text})
	}
	return b.with(ctx, func(s settings) error {
		var memory []string
		from := int64(0)
		for _, to := range []int64{b.events / 10, b.events} {
			if err := fillUpTo(ctx, s, from, to); err != nil {
				return err
			}
			text, err := memoryOf(ctx, s)
			if err != nil {
				return err
			}
			memory, from = append(memory, text), to
		}
		return f(s, memory)
	})
}

// fillUpTo adds the events of a load from one number to another.
func fillUpTo(ctx context.Context, s settings, from, to int64) (err error) {
	tr, err := trail.Open(ctx, trailOptions(s, slog.New(slog.DiscardHandler)))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, tr.Close()) }()
	const each = 1000
	for ; from < to; from += each {
		evs, err := benchEvents(from, int(min(each, to-from)))
		if err != nil {
			return err
		}
		if _, err := tr.Append(ctx, "local/bench", evs...); err != nil {
			return fmt.Errorf("filling a trail: %w", err)
		}
	}
	return nil
}

// memoryOf verifies a trail and says how much memory this process had then.
func memoryOf(ctx context.Context, s settings) (string, error) {
	forgetPeak()
	r, err := trail.Verify(ctx, trailOptions(s, slog.New(slog.DiscardHandler)), trail.VerifyOptions{})
	if err != nil {
		return "", err
	}
	peak := peakBytes()
	if peak == 0 {
		return "How much memory it takes is unknown on this system.", nil
	}
	return fmt.Sprintf("Resident memory while verifying %d events: at most %d MiB.", r.Size, peak>>20), nil
}

// reader runs f on a trail that is open for reading.
func (b *benchmark) reader(ctx context.Context, s settings, f func(*trail.Trail) error) (err error) {
	o := trailOptions(s, slog.New(slog.DiscardHandler))
	o.ReadOnly = true
	tr, err := trail.Open(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, tr.Close()) }()
	return f(tr)
}

// prove measures inclusion proofs: with the tiles that they need in memory, and
// each on a trail that was just opened.
func (b *benchmark) prove(ctx context.Context) error {
	return b.readTrail(ctx, func(s settings, _ []string) error {
		var warm, cold load
		random := rand.New(rand.NewPCG(1, 1))
		err := b.reader(ctx, s, func(tr *trail.Trail) error {
			h, err := tr.Head(ctx)
			if err != nil {
				return err
			}
			// As many tiles as surely are kept.
			const events = 256 * 256
			one := func() error {
				_, err := tr.ProveInclusion(ctx, h.Size-1-random.Int64N(min(events, h.Size)), h.Size)
				return err
			}
			for range 4096 {
				if err := one(); err != nil {
					return err
				}
			}
			began := time.Now()
			for time.Since(began) < b.duration {
				start := time.Now()
				if err := one(); err != nil {
					return err
				}
				warm.took = append(warm.took, time.Since(start))
			}
			warm.elapsed, warm.events = time.Since(began), int64(len(warm.took))
			return nil
		})
		if err != nil {
			return err
		}
		for n := 0; n < 20 || cold.elapsed < b.duration/2 && n < 1000; n++ {
			err := b.reader(ctx, s, func(tr *trail.Trail) error {
				h, err := tr.Head(ctx)
				if err != nil {
					return err
				}
				start := time.Now()
				_, err = tr.ProveInclusion(ctx, random.Int64N(h.Size), h.Size)
				cold.took = append(cold.took, time.Since(start))
				cold.elapsed += time.Since(start)
				cold.events++
				return err
			})
			if err != nil {
				return err
			}
		}
		w, c := warm.measure("inclusion proof, warm", b.database()), cold.measure("inclusion proof, cold", b.database())
		w.Note = "Warm: the tiles are in memory, whichever of the newest 65,536 events is proved. Every proof is checked before it is handed out."
		c.Note = "Cold: the first proof on a trail that was just opened; the database's pages are in the system's memory."
		return b.print([]measure{w, c})
	})
}
