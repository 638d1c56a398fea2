-- The keys that took over from the log's first one. What proves each is in the
-- trail itself: the event at that position, and the checkpoint after it, which
-- both keys signed.

-- +goose Up
CREATE TABLE log_keys (
    position   bigint PRIMARY KEY,  -- of the key.rotated
    public_key text   NOT NULL UNIQUE  -- name+hash+key; it signs every tree of more than position + 1 events
);

-- A key is added while its event is the last of the trail, and stays.

-- +goose StatementBegin
CREATE FUNCTION daybook_log_keys_follow_events() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM head, events WHERE head.id = 1 AND head.size - 1 = NEW.position AND events.position = NEW.position
        AND body::jsonb ->> 'type' = 'dev.daybook.key.rotated.v1' AND body::jsonb ->> 'ledgerwriter' = 'ledger'
        AND body::jsonb #>> '{data,new_key}' = NEW.public_key AND body::jsonb #>> '{data,old_key}' = head.public_key;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'a key is added only with the key.rotated that names it' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER log_keys_follow_events BEFORE INSERT ON log_keys
    FOR EACH ROW EXECUTE FUNCTION daybook_log_keys_follow_events();
CREATE TRIGGER log_keys_fixed BEFORE UPDATE OR DELETE OR TRUNCATE ON log_keys
    FOR EACH STATEMENT EXECUTE FUNCTION daybook_refuse('');

-- The head's key may change to the one that has just been added, and in no
-- other way.

-- +goose StatementBegin
CREATE OR REPLACE FUNCTION daybook_head_grows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.size < OLD.size OR NEW.ledger_us < OLD.ledger_us OR NEW.listed < OLD.listed
       OR (OLD.origin <> '' AND NEW.origin <> OLD.origin)
       OR (OLD.origin <> '' AND NEW.public_key <> OLD.public_key
           AND NOT EXISTS (SELECT 1 FROM log_keys WHERE position = NEW.size - 1 AND public_key = NEW.public_key)) THEN
        RAISE EXCEPTION 'the head only moves forward' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd

-- There is no way down: without them the later checkpoints could not be checked.
