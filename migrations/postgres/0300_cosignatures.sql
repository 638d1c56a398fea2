-- Co-signatures that witnesses gave for checkpoints of this trail. Each was
-- verified before it was kept, and is evidence wherever it is kept; a lost row
-- costs a checkpoint one of its witnesses.

-- +goose Up
CREATE TABLE cosignatures (
    size     BIGINT  NOT NULL, -- of the checkpoint
    witness  TEXT    NOT NULL, -- name+hash of the witness's key
    line     TEXT    NOT NULL, -- the signature as a line of the signed note
    signed_s BIGINT  NOT NULL, -- when, as the witness says, seconds since 1970
    PRIMARY KEY (size, witness)
);

-- +goose Down
DROP TABLE cosignatures;
