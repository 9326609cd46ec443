"""The rights that a cluster's servers are given are those of the table."""

import nats
import pytest
from leadctl.__main__ import app
from leadctl.testing import CliRunner
from servicekit.testing.servers import own_nats


@pytest.fixture
def printed() -> str:
    result = CliRunner().invoke(app, ["streams", "rights"])
    assert result.exit_code == 0
    return result.stdout


async def test_a_server_with_the_printed_rights_knows_each_service_by_its_password(printed):
    passwords = printed
    for service in (
        "LEAD_INTAKE",
        "IDENTITY",
        "ASSIGNMENT",
        "PERMISSIONS",
        "ENGAGEMENT",
        "NOTIFICATION",
        "REPORTING",
    ):
        assert f"${service}_NATS_PASSWORD" in passwords
        passwords = passwords.replace(f"${service}_NATS_PASSWORD", f'"{service.lower()}-secret"')
    passwords = passwords.replace("$OPERATOR_NATS_PASSWORD", '"operator-secret"')

    with own_nats(authorization=passwords) as server:
        client = await nats.connect(server.url_for("identity", "identity-secret"))
        assert client.is_connected
        await client.close()
