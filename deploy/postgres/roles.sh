#!/bin/sh
# Makes the database and its two roles, when the Postgres image starts with an
# empty data directory. daybook_owner owns the tables; daybook_service gets its
# rights from the migrations.
set -eu
psql -v ON_ERROR_STOP=1 --username postgres \
     -v owner_password="$DAYBOOK_OWNER_PASSWORD" -v service_password="$DAYBOOK_SERVICE_PASSWORD" <<'SQL'
CREATE ROLE daybook_owner LOGIN PASSWORD :'owner_password';
CREATE ROLE daybook_service LOGIN PASSWORD :'service_password';
CREATE DATABASE daybook OWNER daybook_owner;
SQL
