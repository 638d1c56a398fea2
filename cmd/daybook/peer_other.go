//go:build !linux

package main

import (
	"net"
	"syscall"
)

// ownerOnly leaves it to the mode set afterwards, and to the directory's own.
func ownerOnly(_, _ string, _ syscall.RawConn) error { return nil }

// peerName: only the owner can open the socket, so it is the owner.
func peerName(net.Conn) string { return accountName() }
