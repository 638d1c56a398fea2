-- The log that took over from this one, if one did. A log that has a successor
-- takes no more events.

-- +goose Up
CREATE TABLE succession (
    id         INTEGER PRIMARY KEY CHECK (id = 1),
    origin     TEXT    NOT NULL,  -- of the successor
    public_key TEXT    NOT NULL,  -- its first
    since_us   INTEGER NOT NULL   -- when, microseconds since 1970 UTC
) STRICT;

-- +goose StatementBegin
CREATE TRIGGER succession_no_update BEFORE UPDATE ON succession
BEGIN SELECT RAISE(ABORT, 'a log has one successor'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER succession_no_delete BEFORE DELETE ON succession
BEGIN SELECT RAISE(ABORT, 'a log has one successor'); END;
-- +goose StatementEnd

-- There is no way down: a log that ended would go on.
