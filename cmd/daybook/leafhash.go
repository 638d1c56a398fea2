package main

import (
	"github.com/daybookhq/daybook/events/client"
	"github.com/daybookhq/daybook/events/seal"
)

func leafHash(b []byte) client.Hash { return client.Hash(seal.LeafHash(b)) }
