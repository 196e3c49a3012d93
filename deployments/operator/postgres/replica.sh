#!/usr/bin/env bash
# A streaming replica named `replica`, which the primary's commits wait for.
# Promote it when the primary is lost: pg_ctl promote -D "$PGDATA"
set -euo pipefail
export PGDATA=${STANDBY:-/var/lib/postgresql/data/standby}
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  mkdir -p "$PGDATA"
  chmod 700 "$PGDATA"
  pg_basebackup -D "$PGDATA" -X stream -R \
    -d "${PRIMARY:-host=database user=assay} application_name=replica"
fi
# The copy has the primary's setting; once promoted it must not wait for a replica of its own.
exec postgres -D "$PGDATA" -c synchronous_standby_names= "$@"
