"""The ways on which a reminder can leave, and what each of them is known to do."""

from __future__ import annotations

from enum import Enum


class Medium(Enum):
    """One way to a person or a group; the names of policies, addresses and accounts."""

    WEBHOOK = "webhook"
    WECOM_APP = "wecom_app"
    WECOM_BOT = "wecom_bot"
    DINGTALK_ROBOT = "dingtalk_robot"
    FEISHU_BOT = "feishu_bot"
    WECHAT_MP = "wechat_mp"
    SMTP = "smtp"
    ALIYUN_SMS = "aliyun_sms"


BUNDLE_SIZES = {
    Medium.WEBHOOK: 50,
    Medium.WECOM_APP: 5,
    Medium.WECOM_BOT: 10,
    Medium.DINGTALK_ROBOT: 10,
    Medium.FEISHU_BOT: 10,
    Medium.WECHAT_MP: 1,
    Medium.SMTP: 20,
    Medium.ALIYUN_SMS: 1,
}
"""Reminders for one person that leave as one message: a burst is one message, not fifty. Robots take 20 messages a
minute, a WeCom text 2,048 bytes; a template message and an SMS are about one thing."""

ANSWER_PROVES_DELIVERY = frozenset({Medium.WEBHOOK})
"""Where the answer itself says that the recipient's own system has it; everybody else only forwards."""

NEEDS_ACCOUNT = frozenset({Medium.WECOM_APP, Medium.WECHAT_MP, Medium.SMTP, Medium.ALIYUN_SMS})
"""Sent in our own name at a provider; the others are addresses that carry their own key."""

ROBOTS = frozenset({Medium.WECOM_BOT, Medium.DINGTALK_ROBOT, Medium.FEISHU_BOT})

ROBOT_MESSAGES_PER_MIN = 20
"""What WeCom and DingTalk let one robot say; Feishu's own limit (100) is above it."""

HAS_DEDUP_KEY = frozenset({Medium.WEBHOOK, Medium.WECOM_APP, Medium.WECHAT_MP})
"""Where a message that was sent twice is shown once, because its provider takes a key or compares contents."""
