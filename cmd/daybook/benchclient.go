package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http/httputil"
	"strconv"
)

// A benchClient sends one POST after the other over a connection that it keeps.
// It shares the processors with the server that is measured, so it does no more
// than it must: it writes a request at once and reads the whole answer, without
// the goroutines, the copies and the headers as maps of a general client.
type benchClient struct {
	conn    net.Conn
	answers *bufio.Reader
	head    []byte // of every request, up to its Content-Length
	body    []byte // of the next request; the caller's to fill
	request []byte
}

func dialBench(addr, path, contentType, secret string) (*benchClient, error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	head := fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: daybook-bench\r\nAuthorization: Bearer %s\r\nContent-Type: %s\r\nContent-Length: ",
		path, addr, secret, contentType)
	return &benchClient{conn: conn, answers: bufio.NewReader(conn), head: head}, nil
}

// post sends the body. What is answered with an error is the error.
func (c *benchClient) post() error {
	c.request = append(c.request[:0], c.head...)
	c.request = strconv.AppendInt(c.request, int64(len(c.body)), 10)
	c.request = append(append(c.request, "\r\n\r\n"...), c.body...)
	if _, err := c.conn.Write(c.request); err != nil {
		return err
	}
	status, rest, err := c.answer()
	if err != nil {
		return fmt.Errorf("reading the answer: %w", err)
	}
	if status < 300 {
		_, err = io.Copy(io.Discard, rest)
		return err
	}
	said, err := io.ReadAll(rest)
	return errors.Join(fmt.Errorf("the API answered %d: %s", status, shorten(oneLine(string(said)), 200)), err)
}

// answer reads the head of an answer and returns what reads its body.
func (c *benchClient) answer() (status int, body io.Reader, err error) {
	line, err := c.answers.ReadSlice('\n')
	if err != nil {
		return 0, nil, err
	}
	if _, rest, _ := bytes.Cut(line, []byte(" ")); len(rest) >= 3 {
		status, err = strconv.Atoi(string(rest[:3]))
	}
	if status < 100 || err != nil {
		return 0, nil, fmt.Errorf("it begins with %q, which is not HTTP", line)
	}
	length, chunked := int64(0), false
	for {
		if line, err = c.answers.ReadSlice('\n'); err != nil {
			return 0, nil, err
		}
		if line = bytes.TrimSpace(line); len(line) == 0 {
			break
		}
		name, value, _ := bytes.Cut(line, []byte(": "))
		switch string(name) {
		case "Content-Length":
			if length, err = strconv.ParseInt(string(value), 10, 64); err != nil {
				return 0, nil, err
			}
		case "Transfer-Encoding":
			chunked = string(value) == "chunked"
		}
	}
	if chunked {
		return status, &chunkedBody{httputil.NewChunkedReader(c.answers), c.answers}, nil
	}
	return status, io.LimitReader(c.answers, length), nil
}

// chunkedBody reads the empty line after the last chunk too, so that the next
// answer begins where this one ended.
type chunkedBody struct {
	io.Reader
	answers *bufio.Reader
}

func (b *chunkedBody) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if err == io.EOF {
		if line, lineErr := b.answers.ReadSlice('\n'); lineErr != nil {
			err = lineErr
		} else if len(bytes.TrimSpace(line)) > 0 {
			err = fmt.Errorf("%q follows the last chunk", line)
		}
	}
	return n, err
}
