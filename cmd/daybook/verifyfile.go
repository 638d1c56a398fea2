package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/daybookhq/daybook/events/seal"
)

// A fileKind is a kind of file that can be checked away from the trail, with
// nothing but the log's public key.
type fileKind struct {
	what string // as in "a saved checkpoint"
	// is tells the kind by the first bytes of a file, headBytes of them at most.
	is func(head []byte) bool
	// verify checks the file and prints what that proved and what not, as text
	// or, with --json, as one object. public is the log's first public key. The
	// error of a file that was read and does not hold is made by [notHeld].
	verify func(cmd *cobra.Command, name, public string) error
	// keyless says that verify takes "" for public, and then says what that means.
	keyless bool
}

const headBytes = 4096

// fileKinds are asked in order; the first that knows a file has it.
func fileKinds() []fileKind {
	return []fileKind{bundleFile, proofFile, checkpointFile}
}

// notHeld is the error of a file or trail that does not hold: exit code 3.
func notHeld(format string, args ...any) error {
	return &exitError{exitNo, fmt.Errorf(format, args...)}
}

// verifyFiles checks each file by itself. A file that does not hold does not
// keep the others from being checked.
func verifyFiles(cmd *cobra.Command, names []string, publicKey string) error {
	var no []string
	for i, name := range names {
		kind, err := kindOf(name)
		if publicKey == "" && !kind.keyless {
			return usagef("a file proves nothing without the log's public key, as you know it from elsewhere: give --public-key")
		}
		if err != nil {
			return err
		}
		if i > 0 && !settingsOf(cmd).JSON {
			fmt.Fprintln(cmd.OutOrStdout())
		}
		err = kind.verify(cmd, name, publicKey)
		var coded *exitError
		if errors.As(err, &coded) && coded.code == exitNo {
			no = append(no, fmt.Sprintf("%s: %v", name, err))
			continue
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	if len(no) > 0 {
		return notHeld("%s", strings.Join(no, "; "))
	}
	return nil
}

// kindOf looks at the beginning of a file.
func kindOf(name string) (fileKind, error) {
	f, err := os.Open(name)
	if err != nil {
		return fileKind{}, fmt.Errorf("reading what is to be verified: %w", err)
	}
	defer f.Close()
	head := make([]byte, headBytes)
	n, err := io.ReadFull(f, head)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return fileKind{}, fmt.Errorf("reading what is to be verified: %w", err)
	}
	var known []string
	for _, k := range fileKinds() {
		if k.is(head[:n]) {
			return k, nil
		}
		known = append(known, k.what)
	}
	return fileKind{}, fmt.Errorf("%s is nothing that verify knows; it knows %s", name, strings.Join(known, ", "))
}

// publicKeyOf reads --public-key: a key, or the name of a file that holds one.
func publicKeyOf(given string) (string, error) {
	given = strings.TrimSpace(given)
	if given == "" {
		return "", nil
	}
	_, err := seal.ParsePublic(given)
	if err == nil {
		return given, nil
	}
	b, rerr := readSmall(given, 64<<10)
	switch {
	case errors.Is(rerr, fs.ErrNotExist) || strings.Count(given, "+") >= 2:
		return "", usagef("--public-key: %w; it is neither such a key nor a file that holds one", err)
	case rerr != nil:
		return "", fmt.Errorf("reading the public key: %w", rerr)
	}
	key := strings.TrimSpace(string(b))
	if strings.HasPrefix(key, "PRIVATE+KEY+") {
		return "", usagef("--public-key: %s holds the log's private key; keep it secret, and give the public one", given)
	}
	if _, err := seal.ParsePublic(key); err != nil {
		return "", usagef("--public-key: the file %s: %w", given, err)
	}
	return key, nil
}

// readSmall reads a file that must not be larger than most bytes.
func readSmall(name string, most int64) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(b)) > most {
		err = fmt.Errorf("%s has more than %d bytes; that is not what was asked for", name, most)
	}
	return b, err
}
