"""MinIO: object storage for the bytes."""

from pathlib import Path

import aiohttp

from deploy.local.child import Program
from deploy.local.home import Home

ACCESS_KEY = "framelog"


def minio(home: Home, binary: Path, secret_key: str, port: int) -> Program:
    """`--no-compat`: no MD5 of every body; our identity is SHA-256."""
    data, certificates = home.path / "minio", home.path / "minio-certs"
    data.mkdir(exist_ok=True)
    certificates.mkdir(exist_ok=True)  # its own, or it would take up those in the user's home
    command = ["server", "--no-compat", "--certs-dir", str(certificates), "--address", f"127.0.0.1:{port}", str(data)]
    return Program(
        name="minio",
        command=[str(binary), *command],
        cwd=home.path,
        layer=1,
        environment={
            "MINIO_ROOT_USER": ACCESS_KEY,
            "MINIO_ROOT_PASSWORD": secret_key,
            "MINIO_BROWSER": "off",
            "MINIO_UPDATE": "off",
        },
        answers=lambda: is_live(f"http://127.0.0.1:{port}"),
    )


async def is_live(endpoint: str) -> bool:
    """Whether an S3 server answers there at all; one that asks for a signature does."""
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=2)) as session,
            session.get(f"{endpoint}/minio/health/live") as answer,
        ):
            return answer.status < 500
    except (aiohttp.ClientError, OSError, TimeoutError):
        return False
