-- How far the stream's relay and its consumers have come in the trail. Nothing
-- here is evidence: a lost row costs repeated news.

-- +goose Up
CREATE TABLE stream_positions (
    name       text PRIMARY KEY,   -- relay/<stream> or consumer/<name>
    position   bigint NOT NULL,    -- everything before it is done
    updated_us bigint NOT NULL     -- when it moved, microseconds since 1970 UTC
) WITH (fillfactor = 50);

-- +goose Down
DROP TABLE stream_positions;
