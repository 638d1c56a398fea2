-- +goose Up

-- The places whose content was erased, and the redaction.applied that says why.
-- The event keeps its position, its identity (a hash of source and id, so that
-- it is not recorded again) and its ledger time; its body becomes '', and when
-- it happened becomes when it was recorded. The role that servers run as may
-- read this table and nothing more.
CREATE TABLE redactions (
    position    bigint PRIMARY KEY,
    leaf_hash   bytea  NOT NULL,  -- of the bytes that are gone; stands in the tiles
    by_position bigint NOT NULL,  -- of the redaction.applied
    number      bigint NOT NULL UNIQUE -- 1, 2, 3 … as they were carried out
);

-- A row needs an event of the ledger that announced this very place and hash,
-- and the hash must be the one that was sealed and that the bytes have. The
-- first event, redactions and changes of the key are what everything else is
-- read by: they stay.

-- +goose StatementBegin
CREATE FUNCTION daybook_announced() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.position <= 0 OR NEW.number <> 1 + (SELECT coalesce(max(number), 0) FROM redactions)
       OR NOT EXISTS (SELECT 1 FROM events e WHERE e.position = NEW.by_position AND e.position > NEW.position AND e.body <> ''
          AND e.body::json ->> 'type' = 'dev.daybook.redaction.applied.v1'
          AND e.body::json ->> 'source' = 'daybook:ledger' AND e.body::json ->> 'ledgerwriter' = 'ledger'
          AND e.body::json #>> '{data,position}' = NEW.position::text
          AND e.body::json #>> '{data,leaf_hash}' = encode(NEW.leaf_hash, 'hex'))
       OR NOT EXISTS (SELECT 1 FROM events e WHERE e.position = NEW.position AND e.body <> ''
          -- Not as JSON: Postgres cannot read what has a \u0000 in any of its texts.
          AND substring(e.body FROM '^[{]"specversion":"1.0","ledgerposition":"[0-9]+","ledgertime":"[^"]*","ledgerwriter":"(?:[^"\\]|\\.)*","ledgersalt":"[0-9a-f]+","id":"(?:[^"\\]|\\.)*","source":"(?:[^"\\]|\\.)*","type":"([^"]*)"')
              NOT IN ('dev.daybook.redaction.applied.v1', 'dev.daybook.key.rotated.v1')
          AND sha256('\x00'::bytea || convert_to(e.body, 'UTF8')) = NEW.leaf_hash)
       OR NOT EXISTS (SELECT 1 FROM tiles t WHERE t.level = 0 AND t.idx = NEW.position / 256
          AND substring(t.hashes FROM (NEW.position % 256)::integer * 32 + 1 FOR 32) = NEW.leaf_hash) THEN
        RAISE EXCEPTION 'no redaction.applied of the ledger names that position and hash, or it may not be erased' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE FUNCTION daybook_erase_event() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.body <> '' OR NEW.position <> OLD.position OR NEW.identity <> OLD.identity
       OR NEW.ledger_us <> OLD.ledger_us OR NEW.happened_us <> OLD.ledger_us
       OR NOT EXISTS (SELECT 1 FROM redactions r WHERE r.position = OLD.position) THEN
        RAISE EXCEPTION 'UPDATE on events is refused: what a trail holds is never changed'
            USING ERRCODE = 'restrict_violation', HINT = 'record an event.corrected or event.retracted instead';
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE FUNCTION daybook_erase_key() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM redactions r WHERE r.position = OLD.first) THEN
        RAISE EXCEPTION '% on keys is refused: what a trail holds is never changed', TG_OP USING ERRCODE = 'restrict_violation';
    END IF;
    IF TG_OP = 'DELETE' THEN
        IF EXISTS (SELECT 1 FROM postings p WHERE p.hash = OLD.hash) THEN
            RAISE EXCEPTION 'DELETE on keys is refused: other events have that key' USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN OLD;
    END IF;
    IF NEW.kind <> OLD.kind OR NEW.value <> OLD.value OR NEW.hash <> OLD.hash OR NEW.first <= OLD.first THEN
        RAISE EXCEPTION 'UPDATE on keys is refused: only where it was first seen moves on' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE FUNCTION daybook_erase_posting() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM redactions r WHERE r.position = OLD.first OR r.position - OLD.first = ANY (OLD.more)) THEN
        RAISE EXCEPTION '% on postings is refused: what a trail holds is never changed', TG_OP USING ERRCODE = 'restrict_violation';
    END IF;
    IF TG_OP = 'DELETE' THEN
        IF OLD.more IS NOT NULL THEN
            RAISE EXCEPTION 'DELETE on postings is refused: the row lists others too' USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN OLD;
    END IF;
    IF NEW.hash <> OLD.hash OR NEW.first < OLD.first THEN
        RAISE EXCEPTION 'UPDATE on postings is refused: only the erased event leaves it' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd

CREATE TRIGGER redactions_announced BEFORE INSERT ON redactions
    FOR EACH ROW EXECUTE FUNCTION daybook_announced();
CREATE TRIGGER redactions_fixed BEFORE UPDATE OR DELETE OR TRUNCATE ON redactions
    FOR EACH STATEMENT EXECUTE FUNCTION daybook_refuse('');

-- The one change of an event that there is: its content goes, and the key index
-- forgets it.
DROP TRIGGER events_fixed ON events;
CREATE TRIGGER events_fixed BEFORE DELETE OR TRUNCATE ON events
    FOR EACH STATEMENT EXECUTE FUNCTION daybook_refuse('record an event.corrected or event.retracted instead');
CREATE TRIGGER events_only_erased BEFORE UPDATE ON events
    FOR EACH ROW EXECUTE FUNCTION daybook_erase_event();
DROP TRIGGER keys_fixed ON keys;
CREATE TRIGGER keys_fixed BEFORE TRUNCATE ON keys
    FOR EACH STATEMENT EXECUTE FUNCTION daybook_refuse('');
CREATE TRIGGER keys_only_erased BEFORE UPDATE OR DELETE ON keys
    FOR EACH ROW EXECUTE FUNCTION daybook_erase_key();
DROP TRIGGER postings_fixed ON postings;
CREATE TRIGGER postings_fixed BEFORE TRUNCATE ON postings
    FOR EACH STATEMENT EXECUTE FUNCTION daybook_refuse('');
CREATE TRIGGER postings_only_erased BEFORE UPDATE OR DELETE ON postings
    FOR EACH ROW EXECUTE FUNCTION daybook_erase_posting();

-- There is no way down: what was erased does not come back.
