package stream

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"database/sql/driver"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"
)

// A Lease lets one process at a time do something.
type Lease interface {
	// Acquire waits for the lease of that name. It is held until release is
	// called or held ends, which it does when the lease is lost.
	Acquire(ctx context.Context, name string) (held context.Context, release func(), err error)
}

// ProcessLease is the lease of a process that shares its trail with nobody, as
// the one that has a SQLite data directory locked.
type ProcessLease struct{}

// Acquire returns at once.
func (ProcessLease) Acquire(ctx context.Context, _ string) (context.Context, func(), error) {
	held, release := context.WithCancel(ctx)
	return held, release, nil
}

// A PostgresLease is a session advisory lock, held on a connection of its own.
// The server gives it up when that connection ends, in seconds even when the
// holder's machine is gone. Through a pooler it needs session pooling.
type PostgresLease struct {
	DB    *sqlx.DB
	Every time.Duration // between attempts, and between looks whether it is still held; default 1 s
}

// Acquire tries until it gets the lock or ctx ends. An error means that the
// database cannot be asked.
func (l PostgresLease) Acquire(ctx context.Context, name string) (context.Context, func(), error) {
	every := l.Every
	if every <= 0 {
		every = time.Second
	}
	for {
		conn, err := l.try(ctx, name)
		if err != nil {
			return nil, nil, fmt.Errorf("acquire the lease %q: %w", name, err)
		}
		if conn != nil {
			held, release := keep(ctx, conn, every)
			return held, release, nil
		}
		if sleep(ctx, every); ctx.Err() != nil {
			return nil, nil, ctx.Err()
		}
	}
}

// try returns the connection that holds the lock, or nil if another has it.
func (l PostgresLease) try(ctx context.Context, name string) (*sql.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	conn, err := l.DB.Conn(ctx)
	if err != nil {
		return nil, err
	}
	var got bool
	if err := conn.QueryRowContext(ctx, `SELECT pg_try_advisory_lock($1)`, lockKey(name)).Scan(&got); err != nil {
		discard(conn)
		return nil, err
	}
	if !got {
		return nil, conn.Close()
	}
	// Without these the server would keep the lock of a machine that lost its
	// power for two hours.
	_, err = conn.ExecContext(ctx, `SET tcp_keepalives_idle = 3; SET tcp_keepalives_interval = 1; SET tcp_keepalives_count = 3`)
	if err != nil {
		discard(conn)
		return nil, err
	}
	return conn, nil
}

// keep watches the connection that holds a lock.
func keep(ctx context.Context, conn *sql.Conn, every time.Duration) (context.Context, func()) {
	held, lose := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer discard(conn)
		defer lose()
		for {
			if sleep(held, every); held.Err() != nil {
				return
			}
			ask, cancel := context.WithTimeout(held, 3*every)
			_, err := conn.ExecContext(ask, `SELECT 1`)
			cancel()
			if err != nil {
				return
			}
		}
	}()
	return held, func() { lose(); <-done }
}

// discard closes the connection itself, and with it gives up its locks. To
// return it to the pool would leave the lock held by nobody.
func discard(conn *sql.Conn) {
	_ = conn.Raw(func(any) error { return driver.ErrBadConn })
	_ = conn.Close()
}

func lockKey(name string) int64 {
	sum := sha256.Sum256([]byte("daybook lease\x00" + name))
	return int64(binary.BigEndian.Uint64(sum[:8]))
}
