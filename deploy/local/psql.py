"""`make psql`: psql on this home's database."""

import os
import shutil

from psycopg.conninfo import conninfo_to_dict

from deploy.local import tools
from deploy.local.tools import found
from deploy.local.whereabouts import located
from services.settings import Endpoints

ENVIRONMENT = {"host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "password": "PGPASSWORD", "dbname": "PGDATABASE"}


def main() -> None:
    """Becomes psql; the password goes through the environment, where `ps` does not show it."""
    server = conninfo_to_dict(located(Endpoints.read()).postgres)
    for part, value in server.items():
        if part in ENVIRONMENT and value is not None:
            os.environ[ENVIRONMENT[part]] = str(value)
    psql = shutil.which("psql") or str(found(tools.postgres).path.with_name("psql"))
    os.execv(psql, [psql])


if __name__ == "__main__":
    main()
