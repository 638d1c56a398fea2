-- The keys that took over from the log's first one. What proves each is in the
-- trail itself: the event at that position, and the checkpoint after it, which
-- both keys signed.

-- +goose Up
CREATE TABLE log_keys (
    position   INTEGER PRIMARY KEY,  -- of the key.rotated
    public_key TEXT    NOT NULL UNIQUE  -- name+hash+key; it signs every tree of more than position + 1 events
) STRICT;

-- A key is added while its event is the last of the trail, and stays.

-- +goose StatementBegin
CREATE TRIGGER log_keys_follow_events BEFORE INSERT ON log_keys
WHEN NEW.position IS NOT (SELECT size - 1 FROM head)
  OR NOT EXISTS (SELECT 1 FROM events, head WHERE events.position = NEW.position
    AND json_extract(body, '$.type') = 'dev.daybook.key.rotated.v1' AND json_extract(body, '$.ledgerwriter') = 'ledger'
    AND json_extract(body, '$.data.new_key') = NEW.public_key AND json_extract(body, '$.data.old_key') = head.public_key)
BEGIN SELECT RAISE(ABORT, 'a key is added only with the key.rotated that names it'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER log_keys_no_update BEFORE UPDATE ON log_keys
BEGIN SELECT RAISE(ABORT, 'the keys of a log are never changed'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER log_keys_no_delete BEFORE DELETE ON log_keys
BEGIN SELECT RAISE(ABORT, 'the keys of a log are never deleted'); END;
-- +goose StatementEnd

-- The head's key may change to the one that has just been added, and in no
-- other way.

-- +goose StatementBegin
DROP TRIGGER head_only_grows;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER head_only_grows BEFORE UPDATE ON head
WHEN NEW.size < OLD.size OR NEW.ledger_us < OLD.ledger_us OR NEW.listed < OLD.listed
  OR (OLD.origin <> '' AND NEW.origin IS NOT OLD.origin)
  OR (OLD.origin <> '' AND NEW.public_key IS NOT OLD.public_key
    AND NOT EXISTS (SELECT 1 FROM log_keys WHERE position = NEW.size - 1 AND public_key = NEW.public_key))
BEGIN SELECT RAISE(ABORT, 'the head only moves forward'); END;
-- +goose StatementEnd

-- There is no way down: without them the later checkpoints could not be checked.
