-- +goose Up

-- The events, one row each. body holds the recorded bytes, exactly (never
-- jsonb, which rewrites them); the other columns are read off them, so that
-- SQL can find a row without opening it.
CREATE TABLE events (
    position    bigint PRIMARY KEY,  -- 0, 1, 2 … without gaps
    identity    bytea  NOT NULL,     -- of source and id: the idempotency key
    happened_us bigint NOT NULL,     -- when it happened, microseconds since 1970 UTC
    ledger_us   bigint NOT NULL,     -- when it was accepted; never runs backwards
    body        text   NOT NULL
);
CREATE UNIQUE INDEX events_identity ON events (identity);
CREATE INDEX events_happened ON events (happened_us);

-- Where the trail ends. One row, which every append locks and changes.
CREATE TABLE head (
    id         integer PRIMARY KEY CHECK (id = 1),
    size       bigint NOT NULL,  -- number of events
    ledger_us  bigint NOT NULL,  -- ledger time of the last
    root       bytea  NOT NULL,  -- Merkle root over all of them
    origin     text   NOT NULL,  -- the log's name; empty until the first start
    public_key text   NOT NULL,  -- name+hash+key, to check checkpoints with
    listed     bigint NOT NULL DEFAULT 0 CHECK (listed <= size) -- events, from the first, that keys and postings list
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
INSERT INTO head VALUES (1, 0, 0, '', '', '', 0);

-- The Merkle tree: runs of up to 256 hashes of every eighth level. Hashes do
-- not compress, so the server need not try.
CREATE TABLE tiles (
    level  integer NOT NULL,
    idx    bigint  NOT NULL,
    hashes bytea   NOT NULL,
    PRIMARY KEY (level, idx)
);
ALTER TABLE tiles ALTER COLUMN hashes SET STORAGE EXTERNAL;

-- Every checkpoint that was ever signed.
CREATE TABLE checkpoints (
    size bigint PRIMARY KEY,
    note text NOT NULL
);

-- The key index. It lists the first head.listed events; the newest, of which
-- there are few, are looked through instead until enough of them have come to
-- be listed together. That saves several rows an event.

-- The values that correlation keys, actors, types and sources have had, in
-- byte order whatever the database's collation.
CREATE TABLE keys (
    kind  text COLLATE "C" NOT NULL,
    value text COLLATE "C" NOT NULL,
    hash  bigint NOT NULL,  -- first 8 bytes of SHA-256(kind, 0x00, value)
    first bigint NOT NULL,  -- the first position that has it
    PRIMARY KEY (kind, value)
);

-- Which positions have a key. A row holds some that were listed together: the
-- first, and the distances of the others from it (NULL for none).
CREATE TABLE postings (
    hash  bigint NOT NULL,
    first bigint NOT NULL,
    more  integer[],
    PRIMARY KEY (hash, first)
);

-- The same, one row per key and event, for people. What was recorded within the
-- last seconds may not be in it yet.
CREATE VIEW event_keys AS
    SELECT k.kind, k.value AS key, p.first AS position
    FROM keys k JOIN postings p ON p.hash = k.hash
    UNION ALL
    SELECT k.kind, k.value, p.first + m
    FROM keys k JOIN postings p ON p.hash = k.hash, unnest(p.more) m;

-- What is written stays. This stops accidents, not an attacker who owns the
-- tables; for that there are the tiles and checkpoints.

-- +goose StatementBegin
CREATE FUNCTION daybook_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% on % is refused: what a trail holds is never changed', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation', HINT = TG_ARGV[0];
END $$;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE FUNCTION daybook_tiles_grow() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.level <> OLD.level OR NEW.idx <> OLD.idx
       OR substring(NEW.hashes FOR length(OLD.hashes)) <> OLD.hashes THEN
        RAISE EXCEPTION 'tiles only grow' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE FUNCTION daybook_head_grows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.size < OLD.size OR NEW.ledger_us < OLD.ledger_us OR NEW.listed < OLD.listed
       OR (OLD.origin <> '' AND (NEW.origin <> OLD.origin OR NEW.public_key <> OLD.public_key)) THEN
        RAISE EXCEPTION 'the head only moves forward' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd

CREATE TRIGGER events_fixed BEFORE UPDATE OR DELETE OR TRUNCATE ON events
    FOR EACH STATEMENT EXECUTE FUNCTION daybook_refuse('record an event.corrected or event.retracted instead');
CREATE TRIGGER checkpoints_fixed BEFORE UPDATE OR DELETE OR TRUNCATE ON checkpoints
    FOR EACH STATEMENT EXECUTE FUNCTION daybook_refuse('');
CREATE TRIGGER keys_fixed BEFORE UPDATE OR DELETE OR TRUNCATE ON keys
    FOR EACH STATEMENT EXECUTE FUNCTION daybook_refuse('');
CREATE TRIGGER postings_fixed BEFORE UPDATE OR DELETE OR TRUNCATE ON postings
    FOR EACH STATEMENT EXECUTE FUNCTION daybook_refuse('');
CREATE TRIGGER tiles_fixed BEFORE DELETE OR TRUNCATE ON tiles
    FOR EACH STATEMENT EXECUTE FUNCTION daybook_refuse('');
CREATE TRIGGER tiles_only_grow BEFORE UPDATE ON tiles
    FOR EACH ROW EXECUTE FUNCTION daybook_tiles_grow();
CREATE TRIGGER head_fixed BEFORE DELETE OR TRUNCATE ON head
    FOR EACH STATEMENT EXECUTE FUNCTION daybook_refuse('');
CREATE TRIGGER head_only_grows BEFORE UPDATE ON head
    FOR EACH ROW EXECUTE FUNCTION daybook_head_grows();

-- There is no way down: a trail is not something a migration takes away.
