package trail

import (
	"context"
	"maps"
	"slices"
)

// A trail that may not go on takes no events, and is read as ever. Each of
// those who object has one reason at a time.

// object makes the trail refuse appends with that reason.
func (t *Trail) object(who string, reason error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.objections == nil {
		t.objections = map[string]error{}
	}
	before := t.objections[who]
	t.objections[who] = reason
	if before == nil || before.Error() != reason.Error() {
		t.opts.Logger.Error("the trail is read-only", "reason", reason)
	}
}

func (t *Trail) withdraw(who string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, ok := t.objections[who]; !ok {
		return
	}
	delete(t.objections, who)
	if len(t.objections) == 0 {
		t.opts.Logger.Info("the trail takes events again")
	}
}

// objection is the weightiest reason for taking no events, or nil. The caller
// holds t.mu.
func (t *Trail) objection() error {
	if len(t.objections) == 0 {
		return nil
	}
	if ended := t.objections[succeeded]; ended != nil {
		return ended
	}
	if b := t.behind(); b != nil {
		return b
	}
	return t.objections[slices.Min(slices.Collect(maps.Keys(t.objections)))]
}

// behind is the objection of who holds most. The caller holds t.mu.
func (t *Trail) behind() (worst *BehindError) {
	for _, who := range slices.Sorted(maps.Keys(t.objections)) {
		if b, ok := t.objections[who].(*BehindError); ok && (worst == nil || b.Held > worst.Held) {
			worst = b
		}
	}
	return worst
}

// Behind is why the trail takes no events because of what others hold of it,
// or nil. Of several it is the one who holds most.
func (t *Trail) Behind() *BehindError {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.behind()
}

// Reconsider holds the trail once more against what made it read-only, since
// the missing events may have been brought back, here or by another server. It
// takes events again once it extends all of that, unless it has a successor.
func (t *Trail) Reconsider(ctx context.Context) error {
	if err := t.lookForSuccessor(ctx); err != nil {
		return err
	}
	t.mu.Lock()
	objections := maps.Clone(t.objections)
	t.mu.Unlock()
	for who, reason := range objections {
		b, ok := reason.(*BehindError)
		if !ok {
			continue
		}
		claim := *b // others may be printing it
		holds, err := t.extends(ctx, &claim)
		if err != nil {
			return err
		}
		if holds {
			t.withdraw(who)
		} else {
			t.object(who, &claim)
		}
	}
	return nil
}
