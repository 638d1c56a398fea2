-- How far the stream's relay and its consumers have come in the trail. Nothing
-- here is evidence: a lost row costs repeated news.

-- +goose Up
CREATE TABLE stream_positions (
    name       TEXT PRIMARY KEY,  -- relay/<stream> or consumer/<name>
    position   INTEGER NOT NULL,  -- everything before it is done
    updated_us INTEGER NOT NULL   -- when it moved, microseconds since 1970 UTC
) STRICT;

-- +goose Down
DROP TABLE stream_positions;
