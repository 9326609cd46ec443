"""How closely queues are watched."""

from notification.domain.attention import Attention


def test_a_queue_is_looked_at_at_once_when_roused_and_else_now_and_then() -> None:
    attention = Attention(alert_s=2, rest_s=0.1)

    at_start = [attention.is_due(now_s=now_s) for now_s in (0, 0.05, 0.1, 0.15)]
    attention.rouse(now_s=10)
    alert = [attention.is_due(now_s=now_s) for now_s in (10, 10.01, 11.99)]
    after = [attention.is_due(now_s=now_s) for now_s in (12.05, 12.1)]

    assert at_start == [True, False, True, False]
    assert alert == [True, True, True]
    assert after == [False, True]
