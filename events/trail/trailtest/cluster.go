package trailtest

import (
	"bytes"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// clusterSettings suit tests: a crash of a process loses nothing without
// fsync, only a crash of the machine does.
var clusterSettings = []string{"fsync=off", "max_connections=200", "shared_buffers=64MB", "max_wal_size=4GB"}

// A Cluster is a temporary Postgres server that is reached over a socket in
// its own directory. It ends with the test binary, however that ends.
type Cluster struct {
	bin, dir string
	settings []string
	as       *syscall.Credential // Postgres refuses to run as root
	watch    io.WriteCloser      // closing it stops the server and removes dir
}

// NewCluster starts a server for one test, which may be stopped and started.
// Settings are as in postgresql.conf: "fsync=on".
func NewCluster(tb testing.TB, settings ...string) *Cluster {
	tb.Helper()
	c, err := startCluster(append(slices.Clone(clusterSettings), settings...)...)
	if err != nil {
		missing(tb, err)
	}
	tb.Cleanup(func() { c.watch.Close() })
	return c
}

// Database returns the URL of a fresh database in the cluster.
func (c *Cluster) Database(tb testing.TB) string {
	tb.Helper()
	return freshDatabase(tb, c.URL("postgres"), "template0")
}

// DatabaseIn returns the URL of a fresh database whose files are in a
// directory of their own, which must be empty: a disk that may fill up.
func (c *Cluster) DatabaseIn(tb testing.TB, dir string) string {
	tb.Helper()
	if c.as != nil {
		if err := os.Chown(dir, int(c.as.Uid), int(c.as.Gid)); err != nil {
			tb.Fatal(err)
		}
	}
	// The server's user must be able to get there.
	for d := dir; d != "/" && c.as != nil; d = filepath.Dir(d) {
		if info, err := os.Stat(d); err != nil || info.Mode().Perm()&0o001 == 0 {
			if err := os.Chmod(d, 0o755); err != nil {
				tb.Fatal(err)
			}
		}
	}
	name := fmt.Sprintf("place_%d", databases.Add(1))
	if err := c.exec(`CREATE TABLESPACE ` + name + ` LOCATION '` + dir + `'`); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { // after the database is dropped
		if err := c.exec(`DROP TABLESPACE ` + name); err != nil {
			tb.Errorf("drop the tablespace: %v", err)
		}
	})
	return freshDatabase(tb, c.URL("postgres"), "template0 TABLESPACE "+name)
}

func (c *Cluster) exec(query string) error {
	db, err := sql.Open("postgres", c.URL("postgres"))
	if err != nil {
		return err
	}
	defer db.Close()
	_, err = db.Exec(query)
	return err
}

// URL is that of a database in the cluster.
func (c *Cluster) URL(database string) string {
	q := url.Values{"host": {c.dir}, "sslmode": {"disable"}, "user": {"postgres"}}
	return (&url.URL{Scheme: "postgres", Path: "/" + database, RawQuery: q.Encode()}).String()
}

// Stop ends the server: with mode "immediate" as a crash of it would, with
// "fast" in order.
func (c *Cluster) Stop(mode string) error {
	return c.run("pg_ctl", "-D", c.data(), "-w", "-m", mode, "stop")
}

// Start starts the server again after Stop.
func (c *Cluster) Start() error {
	options := "-c listen_addresses= -c unix_socket_directories=" + c.dir
	for _, s := range c.settings {
		options += " -c " + s
	}
	return c.run("pg_ctl", "-D", c.data(), "-w", "-t", "60", "-l", filepath.Join(c.dir, "log"), "-o", options, "start")
}

func (c *Cluster) data() string { return filepath.Join(c.dir, "data") }

func startCluster(settings ...string) (_ *Cluster, err error) {
	c := &Cluster{settings: settings}
	if c.bin, err = postgresBin(); err != nil {
		return nil, err
	}
	// Short, since the name of a socket is at most 107 bytes.
	if c.dir, err = os.MkdirTemp("/tmp", "daybook-pg-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			os.RemoveAll(c.dir)
		}
	}()
	if os.Geteuid() == 0 {
		if c.as, err = credentialOf("postgres"); err != nil {
			return nil, err
		}
		if err := os.Chown(c.dir, int(c.as.Uid), int(c.as.Gid)); err != nil {
			return nil, err
		}
	}
	if err := c.run("initdb", "-D", c.data(), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"); err != nil {
		return nil, err
	}
	if err := c.watchOver(); err != nil {
		return nil, err
	}
	if err := c.Start(); err != nil {
		c.watch.Close()
		return nil, err
	}
	return c, nil
}

// watchOver starts a process that outlives this one, and stops the server when
// the pipe to it closes: at the latest with the end of this process.
func (c *Cluster) watchOver() error {
	const script = `read line; "$1/pg_ctl" -D "$2/data" -m immediate stop; rm -rf "$2"`
	cmd := exec.Command("/bin/sh", "-c", script, "watch", c.bin, c.dir)
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Credential: c.as}
	var err error
	if c.watch, err = cmd.StdinPipe(); err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("watch over the test server: %w", err)
	}
	go cmd.Wait()
	return nil
}

func (c *Cluster) run(name string, args ...string) error {
	cmd := exec.Command(filepath.Join(c.bin, name), args...)
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Credential: c.as}
	// A file, not a pipe: the server keeps its output open.
	out, err := os.CreateTemp("", "daybook-pg-output-")
	if err != nil {
		return err
	}
	defer os.Remove(out.Name())
	defer out.Close()
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Run(); err != nil {
		text, _ := os.ReadFile(out.Name())
		log, _ := os.ReadFile(filepath.Join(c.dir, "log"))
		return fmt.Errorf("%s: %w\n%s%s", name, err, bytes.TrimSpace(text), log)
	}
	return nil
}

// postgresBin finds the directory with the newest server's programs.
func postgresBin() (string, error) {
	dirs, _ := filepath.Glob("/usr/lib/postgresql/*/bin")
	slices.SortFunc(dirs, func(a, b string) int { return majorOf(b) - majorOf(a) })
	for _, dir := range dirs {
		if _, err := os.Stat(filepath.Join(dir, "initdb")); err == nil {
			return dir, nil
		}
	}
	path, err := exec.LookPath("initdb")
	if err != nil {
		return "", errors.New("there is no Postgres server here (no initdb)")
	}
	if path, err = filepath.EvalSymlinks(path); err != nil {
		return "", err
	}
	return filepath.Dir(path), nil
}

func majorOf(dir string) int {
	n, _ := strconv.Atoi(strings.Split(filepath.Base(filepath.Dir(dir)), ".")[0])
	return n
}

func credentialOf(name string) (*syscall.Credential, error) {
	u, err := user.Lookup(name)
	if err != nil {
		return nil, fmt.Errorf("Postgres cannot run as root and there is no user %q: %w", name, err)
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return nil, err
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}
