-- Access tokens: what requests are checked against. That one was issued or
-- revoked is an event in the trail; of its secret only a hash is here.

-- +goose Up
CREATE TABLE tokens (
    id         TEXT PRIMARY KEY,
    name       TEXT NOT NULL,
    hash       BLOB NOT NULL UNIQUE, -- SHA-256 of the secret
    role       TEXT NOT NULL,
    sources    TEXT NOT NULL,        -- JSON array of globs
    types      TEXT NOT NULL,        -- JSON array of globs
    issued_by  TEXT NOT NULL,
    created_us INTEGER NOT NULL,     -- microseconds since 1970, as all times here
    expires_us INTEGER,
    revoked_us INTEGER,
    used_us    INTEGER
) STRICT;
CREATE UNIQUE INDEX tokens_in_use ON tokens (name) WHERE revoked_us IS NULL;

-- +goose Down
DROP TABLE tokens;
