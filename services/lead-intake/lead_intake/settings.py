"""What lead-intake reads from its environment."""

from typing import ClassVar

from pydantic import Field, SecretStr
from servicekit.settings import FieldKeySettings


class Settings(FieldKeySettings):
    """Settings of lead-intake.

    `graph_base_url` is where the bodies of Facebook leads are fetched. `accept_queue_max` bounds the
    deliveries that wait for their commit (more are answered 503). `fetch_retry_scale` multiplies the delays between
    fetches; 1 outside of tests. `trusted_hops` is how many proxies of ours a request passes before the door: it says
    where in `X-Forwarded-For` the sender's address stands, 0 that nobody is believed. `feiyu_base_url` and
    `baidu_base_url` are where those senders' own lists are asked for. An account that has not delivered for
    `never_spoke_after_s` since it was made counts as silent. `time_zone` is that of the senders' customers, whose hours
    of the week are compared. `watch_scale` multiplies the intervals of watching, comparing and auditing; 1 outside of
    tests.
    `import_bytes_max` bounds one imported file, `import_spool_bytes_max` all that are kept at a time,
    `import_rows_per_s_max` the pace of imports in one process.
    """

    service: ClassVar[str] = "lead-intake"

    database_url: SecretStr = Field(validation_alias="LEAD_INTAKE_DATABASE_URL")
    permissions_grpc: str
    graph_base_url: str = Field(
        default="https://graph.facebook.com/v24.0", pattern=r"^https?://[^/?#]+"
    )
    accept_queue_max: int = Field(default=5000, ge=1)
    fetch_retry_scale: float = Field(default=1.0, gt=0)
    trusted_hops: int = Field(default=0, ge=0, le=8)
    feiyu_base_url: str = Field(
        default="https://feiyu.oceanengine.com", pattern=r"^https?://[^/?#]+"
    )
    baidu_base_url: str = Field(default="https://api.baidu.com", pattern=r"^https?://[^/?#]+")
    never_spoke_after_s: float = Field(default=86400.0, gt=0)
    time_zone: str = "Asia/Shanghai"
    watch_scale: float = Field(default=1.0, gt=0)
    import_bytes_max: int = Field(default=512 * 1024**2, ge=1)
    import_spool_bytes_max: int = Field(default=4 * 1024**3, ge=1)
    import_rows_per_s_max: int = Field(default=20_000, ge=1)
