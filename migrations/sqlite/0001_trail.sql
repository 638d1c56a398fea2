-- +goose Up

-- The events, one row each. body holds the recorded bytes, exactly; the other
-- columns are read off them, so that SQL can find a row without opening it.
CREATE TABLE events (
    position    INTEGER PRIMARY KEY,  -- 0, 1, 2 … without gaps
    identity    BLOB    NOT NULL,     -- of source and id: the idempotency key
    happened_us INTEGER NOT NULL,     -- when it happened, microseconds since 1970 UTC
    ledger_us   INTEGER NOT NULL,     -- when it was accepted; never runs backwards
    body        TEXT    NOT NULL
) STRICT;
CREATE UNIQUE INDEX events_identity ON events (identity);
CREATE INDEX events_happened ON events (happened_us);

-- Where the trail ends. One row, which every append changes.
CREATE TABLE head (
    id         INTEGER PRIMARY KEY CHECK (id = 1),
    size       INTEGER NOT NULL,  -- number of events
    ledger_us  INTEGER NOT NULL,  -- ledger time of the last
    root       BLOB    NOT NULL,  -- Merkle root over all of them
    origin     TEXT    NOT NULL,  -- the log's name; empty until the first start
    public_key TEXT    NOT NULL,  -- name+hash+key, to check checkpoints with
    listed     INTEGER NOT NULL DEFAULT 0 CHECK (listed <= size) -- events, from the first, that keys and postings list
) STRICT;
INSERT INTO head VALUES (1, 0, 0, x'', '', '', 0);

-- The Merkle tree: runs of up to 256 hashes of every eighth level.
CREATE TABLE tiles (
    level  INTEGER NOT NULL,
    idx    INTEGER NOT NULL,
    hashes BLOB    NOT NULL,
    PRIMARY KEY (level, idx)
) STRICT;

-- Every checkpoint that was ever signed.
CREATE TABLE checkpoints (
    size INTEGER PRIMARY KEY,
    note TEXT NOT NULL
) STRICT;

-- The key index. It lists the first head.listed events; the newest, of which
-- there are few, are looked through instead until enough of them have come to
-- be listed together. That saves several rows an event.

-- The values that correlation keys, actors, types and sources have had.
CREATE TABLE keys (
    kind  TEXT    NOT NULL,
    value TEXT    NOT NULL,
    hash  INTEGER NOT NULL,  -- first 8 bytes of SHA-256(kind, 0x00, value)
    first INTEGER NOT NULL,  -- the first position that has it
    PRIMARY KEY (kind, value)
) STRICT, WITHOUT ROWID;

-- Which positions have a key. A row holds some that were listed together: the
-- first, and the distances of the others from it as a JSON array (NULL for none).
CREATE TABLE postings (
    hash  INTEGER NOT NULL,
    first INTEGER NOT NULL,
    more  TEXT,
    PRIMARY KEY (hash, first)
) STRICT, WITHOUT ROWID;

-- The same, one row per key and event, for people. What was recorded within the
-- last seconds may not be in it yet.
CREATE VIEW event_keys AS
    SELECT k.kind, k.value AS key, p.first AS position
    FROM keys k JOIN postings p ON p.hash = k.hash
    UNION ALL
    SELECT k.kind, k.value, p.first + m.value
    FROM keys k JOIN postings p ON p.hash = k.hash, json_each(p.more) m
    WHERE p.more IS NOT NULL;

-- What is written stays. This stops accidents, not an attacker with the file;
-- for that there are the tiles and checkpoints.

-- +goose StatementBegin
CREATE TRIGGER events_no_update BEFORE UPDATE ON events
BEGIN SELECT RAISE(ABORT, 'events are never changed; record an event.corrected instead'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER events_no_delete BEFORE DELETE ON events
BEGIN SELECT RAISE(ABORT, 'events are never deleted; record an event.retracted instead'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER checkpoints_no_update BEFORE UPDATE ON checkpoints
BEGIN SELECT RAISE(ABORT, 'checkpoints are never changed'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER checkpoints_no_delete BEFORE DELETE ON checkpoints
BEGIN SELECT RAISE(ABORT, 'checkpoints are never deleted'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER keys_no_update BEFORE UPDATE ON keys
BEGIN SELECT RAISE(ABORT, 'keys are never changed'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER keys_no_delete BEFORE DELETE ON keys
BEGIN SELECT RAISE(ABORT, 'keys are never deleted'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER postings_no_update BEFORE UPDATE ON postings
BEGIN SELECT RAISE(ABORT, 'postings are never changed'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER postings_no_delete BEFORE DELETE ON postings
BEGIN SELECT RAISE(ABORT, 'postings are never deleted'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER tiles_only_grow BEFORE UPDATE ON tiles
WHEN NEW.level IS NOT OLD.level OR NEW.idx IS NOT OLD.idx
  OR substr(NEW.hashes, 1, length(OLD.hashes)) IS NOT OLD.hashes
BEGIN SELECT RAISE(ABORT, 'tiles only grow'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER tiles_no_delete BEFORE DELETE ON tiles
BEGIN SELECT RAISE(ABORT, 'tiles are never deleted'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER head_only_grows BEFORE UPDATE ON head
WHEN NEW.size < OLD.size OR NEW.ledger_us < OLD.ledger_us OR NEW.listed < OLD.listed
  OR (OLD.origin <> '' AND (NEW.origin IS NOT OLD.origin OR NEW.public_key IS NOT OLD.public_key))
BEGIN SELECT RAISE(ABORT, 'the head only moves forward'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER head_no_delete BEFORE DELETE ON head
BEGIN SELECT RAISE(ABORT, 'the head is never deleted'); END;
-- +goose StatementEnd

-- An INSERT OR REPLACE takes away rows without asking the triggers above. What
-- the other tables are verified against is guarded from it too. events, keys and
-- postings, which get many rows at once, are not: in trials a trigger made
-- inserting a row half as dear again or more. Verifying names such a change.

-- +goose StatementBegin
CREATE TRIGGER checkpoints_no_replace BEFORE INSERT ON checkpoints
WHEN NEW.size <= (SELECT size FROM head)
BEGIN SELECT RAISE(ABORT, 'checkpoints are never replaced'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER tiles_no_replace BEFORE INSERT ON tiles
WHEN EXISTS (SELECT 1 FROM tiles WHERE level = NEW.level AND idx = NEW.idx AND substr(NEW.hashes, 1, length(hashes)) IS NOT hashes)
BEGIN SELECT RAISE(ABORT, 'tiles only grow'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER head_no_replace BEFORE INSERT ON head
BEGIN SELECT RAISE(ABORT, 'there is one head'); END;
-- +goose StatementEnd

-- There is no way down: a trail is not something a migration takes away.
