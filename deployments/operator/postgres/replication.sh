#!/usr/bin/env bash
# Lets the replica connect, and has commits wait for it; run once, when the primary's data folder is
# made. Not a setting of the command line: the database itself is made before there is a replica.
set -euo pipefail
echo "host replication assay all scram-sha-256" >> "$PGDATA/pg_hba.conf"
psql -v ON_ERROR_STOP=1 -U assay -d assay \
  -c "ALTER SYSTEM SET synchronous_standby_names = 'replica'"
