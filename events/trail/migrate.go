package trail

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

// provider runs the embedded migrations. On Postgres one server at a time does.
func (t *Trail) provider() (*goose.Provider, error) {
	dialect, files := t.store.migrations()
	opts := []goose.ProviderOption{goose.WithDisableGlobalRegistry(true), goose.WithSlog(t.opts.Logger)}
	if t.Dialect() == Postgres {
		locker, err := lock.NewPostgresSessionLocker()
		if err != nil {
			return nil, err
		}
		opts = append(opts, goose.WithSessionLocker(locker))
	}
	return goose.NewProvider(dialect, t.writer.DB, files, opts...)
}

func (t *Trail) migrateOnOpen(ctx context.Context) error {
	if t.Dialect() == Postgres {
		if err := t.checkRole(ctx); err != nil {
			return err
		}
	}
	pending, err := t.pending(ctx)
	if err != nil || !pending {
		return err
	}
	if t.opts.ReadOnly || t.opts.NoMigrate {
		return errors.New("the database's schema is not up to date: run `daybook migrate`")
	}
	if t.Dialect() == Postgres && !t.opts.AllowOwner {
		return errors.New("the database's schema is not up to date: run `daybook migrate` as the role that shall own the tables, and serve as another (or, for a trial, give --allow-owner)")
	}
	return t.migrate(ctx)
}

func (t *Trail) migrate(ctx context.Context) error {
	p, err := t.provider()
	if err != nil {
		return fmt.Errorf("read the migrations: %w", err)
	}
	if t.Dialect() == SQLite {
		release, err := t.takeTurn(ctx)
		if err != nil {
			return err
		}
		defer release()
		if pending, err := t.pending(ctx); err != nil || !pending {
			return err
		}
	}
	results, err := p.Up(ctx)
	if err != nil {
		return fmt.Errorf("bring the schema up to date: %w", err)
	}
	for _, r := range results {
		t.opts.Logger.Info("migrated", "file", r.Source.Path, "took", r.Duration)
	}
	return nil
}

// takeTurn is for those who open one directory at once: SQLite has no lock to
// hold between looking at what is pending and doing it, nor does it wait for
// the one that turns on the write-ahead log.
func (t *Trail) takeTurn(ctx context.Context) (release func(), err error) {
	turn := flock.New(filepath.Join(t.opts.DataDir, "migrate.lock"))
	if _, err := turn.TryLockContext(ctx, 20*time.Millisecond); err != nil {
		return nil, fmt.Errorf("wait for the turn to migrate: %w", err)
	}
	return func() { turn.Close() }, nil
}

// pending reports whether a migration has not been applied. It changes nothing.
func (t *Trail) pending(ctx context.Context) (bool, error) {
	applied, err := t.applied(ctx)
	if err != nil {
		return false, err
	}
	p, err := t.provider()
	if err != nil {
		return false, fmt.Errorf("read the migrations: %w", err)
	}
	for _, s := range p.ListSources() {
		if !applied[s.Version] {
			return true, nil
		}
	}
	return false, nil
}

// applied reads goose's own table, which is not there before the first migration.
func (t *Trail) applied(ctx context.Context) (map[int64]bool, error) {
	var there bool
	query := `SELECT count(*) > 0 FROM sqlite_master WHERE type = 'table' AND name = 'goose_db_version'`
	if t.Dialect() == Postgres {
		query = `SELECT to_regclass('goose_db_version') IS NOT NULL`
	}
	if err := t.reader.GetContext(ctx, &there, query); err != nil {
		return nil, fmt.Errorf("look for the schema: %w", t.classify(err))
	}
	applied := map[int64]bool{}
	if !there {
		return applied, nil
	}
	var versions []int64
	if err := t.reader.SelectContext(ctx, &versions, `SELECT version_id FROM goose_db_version WHERE is_applied`); err != nil {
		return nil, fmt.Errorf("read the schema's version: %w", t.classify(err))
	}
	for _, v := range versions {
		applied[v] = true
	}
	return applied, nil
}

// Migrate brings a database's schema up to date, as its owner, and does
// nothing else.
func Migrate(ctx context.Context, o Options) error {
	o.AllowOwner, o.ReadOnly = true, false
	t, err := connect(ctx, o)
	if err != nil {
		return err
	}
	defer t.closeDatabase()
	return t.migrate(ctx)
}
