-- +goose Up

-- The places whose content was erased, and the redaction.applied that says why.
-- The event keeps its position, its identity (a hash of source and id, so that
-- it is not recorded again) and its ledger time; its body becomes '', and when
-- it happened becomes when it was recorded.
CREATE TABLE redactions (
    position    INTEGER PRIMARY KEY,
    leaf_hash   BLOB    NOT NULL,  -- of the bytes that are gone; stands in the tiles
    by_position INTEGER NOT NULL,  -- of the redaction.applied
    number      INTEGER NOT NULL UNIQUE -- 1, 2, 3 … as they were carried out
) STRICT;

-- A row needs an event of the ledger that announced this very place and hash,
-- and the hash must be the one that was sealed. The first event, redactions and
-- changes of the key are what everything else is read by: they stay.

-- +goose StatementBegin
CREATE TRIGGER redactions_announced BEFORE INSERT ON redactions
WHEN NEW.position <= 0 OR NEW.number <> 1 + (SELECT coalesce(max(number), 0) FROM redactions)
  OR NOT EXISTS (SELECT 1 FROM events WHERE position = NEW.by_position AND position > NEW.position AND body <> ''
    AND json_extract(body, '$.type') = 'dev.daybook.redaction.applied.v1'
    AND json_extract(body, '$.source') = 'daybook:ledger' AND json_extract(body, '$.ledgerwriter') = 'ledger'
    AND json_extract(body, '$.data.position') = NEW.position
    AND json_extract(body, '$.data.leaf_hash') = lower(hex(NEW.leaf_hash)))
  OR NOT EXISTS (SELECT 1 FROM events WHERE position = NEW.position AND body <> ''
    AND (NOT json_valid(body) OR json_extract(body, '$.type') NOT IN ('dev.daybook.redaction.applied.v1', 'dev.daybook.key.rotated.v1')))
  OR (SELECT substr(hashes, NEW.position % 256 * 32 + 1, 32) FROM tiles WHERE level = 0 AND idx = NEW.position / 256) IS NOT NEW.leaf_hash
BEGIN SELECT RAISE(ABORT, 'no redaction.applied of the ledger names that position and hash, or it may not be erased'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER redactions_no_update BEFORE UPDATE ON redactions
BEGIN SELECT RAISE(ABORT, 'redactions are never changed'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER redactions_no_delete BEFORE DELETE ON redactions
BEGIN SELECT RAISE(ABORT, 'redactions are never deleted'); END;
-- +goose StatementEnd

-- The one change of an event that there is: its content goes.
DROP TRIGGER events_no_update;
-- +goose StatementBegin
CREATE TRIGGER events_no_update BEFORE UPDATE ON events
WHEN NEW.body IS NOT '' OR NEW.position IS NOT OLD.position OR NEW.identity IS NOT OLD.identity
  OR NEW.ledger_us IS NOT OLD.ledger_us OR NEW.happened_us IS NOT OLD.ledger_us
  OR NOT EXISTS (SELECT 1 FROM redactions WHERE position = OLD.position)
BEGIN SELECT RAISE(ABORT, 'events are never changed; record an event.corrected instead'); END;
-- +goose StatementEnd

-- The key index forgets an erased event. What it still lists is what the events
-- say, which verifying checks.
DROP TRIGGER keys_no_update;
DROP TRIGGER keys_no_delete;
DROP TRIGGER postings_no_update;
DROP TRIGGER postings_no_delete;
-- +goose StatementBegin
CREATE TRIGGER keys_no_update BEFORE UPDATE ON keys
WHEN NEW.kind IS NOT OLD.kind OR NEW.value IS NOT OLD.value OR NEW.hash IS NOT OLD.hash OR NEW.first <= OLD.first
  OR NOT EXISTS (SELECT 1 FROM redactions WHERE position = OLD.first)
BEGIN SELECT RAISE(ABORT, 'keys are never changed'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER keys_no_delete BEFORE DELETE ON keys
WHEN NOT EXISTS (SELECT 1 FROM redactions WHERE position = OLD.first)
  OR EXISTS (SELECT 1 FROM postings WHERE hash = OLD.hash)
BEGIN SELECT RAISE(ABORT, 'keys are never deleted'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER postings_no_update BEFORE UPDATE ON postings
WHEN NEW.hash IS NOT OLD.hash OR NEW.first < OLD.first OR NOT EXISTS (SELECT 1 FROM redactions
  WHERE position = OLD.first OR position - OLD.first IN (SELECT value FROM json_each(OLD.more)))
BEGIN SELECT RAISE(ABORT, 'postings are never changed'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER postings_no_delete BEFORE DELETE ON postings
WHEN OLD.more IS NOT NULL OR NOT EXISTS (SELECT 1 FROM redactions WHERE position = OLD.first)
BEGIN SELECT RAISE(ABORT, 'postings are never deleted'); END;
-- +goose StatementEnd

-- There is no way down: what was erased does not come back.
