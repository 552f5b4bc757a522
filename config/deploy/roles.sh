#!/bin/sh
# Two roles: the owner migrates, the application can't change what is append-only. Run once, as a superuser.
set -eu
psql --set ON_ERROR_STOP=1 --username "${POSTGRES_USER:-postgres}" \
    --set owner_password="$OWNER_PASSWORD" --set app_password="$APP_PASSWORD" <<'SQL'
CREATE ROLE gatepost_owner LOGIN PASSWORD :'owner_password';
CREATE ROLE gatepost LOGIN PASSWORD :'app_password';
CREATE DATABASE gatepost OWNER gatepost_owner;
REVOKE ALL ON DATABASE gatepost FROM PUBLIC;
GRANT CONNECT, TEMPORARY ON DATABASE gatepost TO gatepost;
SQL
