"""An API that is given its keys and its first password, as on Kubernetes, makes neither."""

from pathlib import Path

import httpx

from adapters import keys
from deploy.k8s.secrets import _credentials, made
from deploy.local.ports import choose
from services.ingest.bootstrap import ADMIN, CREDENTIALS
from tests.running import House, answers


async def test_the_first_password_is_the_one_that_was_given(house: House, tmp_path: Path) -> None:
    (port,) = choose([None])
    url, given = f"http://127.0.0.1:{port}", tmp_path / keys.FILE
    given.write_text(made()["house"][keys.FILE])
    house.home.mkdir()
    (told := house.home / CREDENTIALS).write_text(_credentials(url, "as it was given"))
    before = told.read_bytes()
    async with (
        house.run("services.projector"),
        house.run("services.api", port=port, keys=given),
        httpx.AsyncClient(base_url=url, timeout=30) as client,
    ):
        await answers(client, "/readyz", 200)
        form = {"grant_type": "password", "username": ADMIN, "password": "as it was given"}
        assert (await client.post("/v1/auth/token", data=form)).status_code == 200
    assert [path.name for path in house.home.iterdir()] == [CREDENTIALS]
    assert told.read_bytes() == before
