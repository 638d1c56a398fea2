package trail

import (
	"context"
	"errors"

	"github.com/daybookhq/daybook/events/seal"
)

// followKeys follows the log's keys from the one that is known. Where a link
// does not hold it says so in the report, and returns the keys before it: what
// later ones signed is then not known to be the log's.
func (v *verification) followKeys(ctx context.Context, known string) (*seal.Keyring, error) {
	chain, err := v.trail.Rotations(ctx)
	if err != nil {
		return nil, err
	}
	listed, named, err := v.trail.listedKeys(ctx) // no shorter: rotations are only added
	if err != nil {
		return nil, err
	}
	ring, err := seal.NewKeyring(known, chain...)
	broken, n := err, len(chain)
	for err != nil && n > 0 {
		n--
		ring, err = seal.NewKeyring(known, chain[:n]...)
	}
	if err != nil {
		return nil, err
	}
	now, err := v.trail.readHead(ctx) // it may have been rotated since the verification began
	if err != nil {
		return nil, err
	}
	r := &v.report
	switch {
	case errors.Is(broken, seal.ErrUnknownKey), len(chain) == 0 && len(listed) == 0 && ring.Current() != now.PublicKey:
		r.fault(0, "the trail names the public key %s, not the one that was given", now.PublicKey)
	case broken != nil:
		r.fault(listed[n], "the log's key cannot be followed from there on: %v", broken)
	case len(listed) == len(chain) && ring.Current() != now.PublicKey:
		r.fault(listed[len(listed)-1], "the trail names the public key %s, but its keys lead to %s", now.PublicKey, ring.Current())
	}
	for i, span := range ring.Spans()[1:] {
		if named[i] != span.Public {
			r.fault(listed[i], "the list of the log's keys has %s where the event has %s", named[i], span.Public)
		}
	}
	return ring, nil
}
