-- The rights of the role that servers run as. Run as the owner of the tables,
-- after each `daybook migrate`:
--
--   psql "$OWNER_URL" -v ON_ERROR_STOP=1 -v service=daybook_service -f grants.sql
--
-- It may add to the trail and read it, and has no right to change or remove
-- what the trail holds. Read models it makes and owns itself.
\if :{?service}
\else
  \set service daybook_service
\endif

GRANT USAGE, CREATE ON SCHEMA public TO :"service";
GRANT SELECT, INSERT ON events, checkpoints, keys, postings, log_keys, succession TO :"service";
GRANT SELECT, INSERT, UPDATE ON head, tiles TO :"service"; -- triggers let these only grow
GRANT SELECT, INSERT, UPDATE ON tokens, stream_positions, cosignatures TO :"service";
GRANT SELECT ON event_keys, goose_db_version TO :"service";
GRANT SELECT ON redactions TO :"service"; -- only `daybook redact`, as the owner, erases
