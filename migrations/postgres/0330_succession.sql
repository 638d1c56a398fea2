-- The log that took over from this one, if one did. A log that has a successor
-- takes no more events.

-- +goose Up
CREATE TABLE succession (
    id         integer PRIMARY KEY CHECK (id = 1),
    origin     text    NOT NULL,  -- of the successor
    public_key text    NOT NULL,  -- its first
    since_us   bigint  NOT NULL   -- when, microseconds since 1970 UTC
);

CREATE TRIGGER succession_fixed BEFORE UPDATE OR DELETE OR TRUNCATE ON succession
    FOR EACH STATEMENT EXECUTE FUNCTION daybook_refuse('a log has one successor');

-- There is no way down: a log that ended would go on.
