package main

import (
	"cmp"
	"os"
	"os/user"
	"strconv"

	"github.com/daybookhq/daybook/handlers/access"
)

// accountName is the account this process runs as.
func accountName() string {
	if u, err := user.Current(); err == nil && u.Username != "" {
		return u.Username
	}
	return strconv.Itoa(os.Getuid())
}

// local is someone on this machine who may open the data directory itself, and
// so may do all that an administrator may.
func local(account string) access.Principal {
	return access.Principal{Name: "local/" + cmp.Or(clean(account), "owner"), Role: access.Admin}
}
