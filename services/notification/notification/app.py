"""The composition root of notification."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from accesskit.enforcement import enforce
from leadchain.intake.v1.privacy_events_pb2 import SubjectErasureRequested
from servicekit.chassis import Chassis
from servicekit.erasures import REPEAT_IDLE_S, Erasures

from notification import rpc, subscribers
from notification.clients import Staff, standing_by
from notification.commands import groups, health, retention, routing
from notification.commands.books import AddressBook
from notification.commands.groups import GroupWatch
from notification.commands.health import HealthWatch
from notification.commands.keeping import Keeper
from notification.commands.privacy import erase_leads
from notification.commands.retention import Retention
from notification.commands.routing import Router
from notification.commands.sending import Outfit, Sender
from notification.domain.media import Medium
from notification.domain.receipts import Beacons
from notification.domain.routing import Directory
from notification.policies import load_policy
from notification.senders.aliyun_sms import AliyunSmsSender
from notification.senders.calls import Calls
from notification.senders.mail import MailSender
from notification.senders.robots import DingtalkSender, FeishuSender
from notification.senders.webhook import WebhookSender
from notification.senders.wechat import WechatSender
from notification.senders.wecom import WecomAppSender, WecomBotSender
from notification.senders.words import Words
from notification.webhooks import BeaconDoor

if TYPE_CHECKING:
    from collections.abc import Mapping

    from notification.domain.kinds import Policy
    from notification.senders.envelopes import Sender as MediumSender
    from notification.settings import Settings

REFRESH_S = 1.0
"""How often recipients that another replica changed are looked for."""


def build(settings: Settings) -> Chassis:
    """Notification, ready to be started."""
    chassis = Chassis(settings)
    replica = enforce(chassis, settings, permissions_grpc=settings.permissions_grpc)
    keys, database = settings.key_ring(), chassis.database
    beacons = Beacons(settings.beacon_key(), settings.beacon_base_url)
    policy, words = rules(settings, beacons)
    book, staff, calls = AddressBook(database, keys), Staff(replica), Calls()
    sender = Sender(
        database,
        book,
        Outfit(senders(calls), words, policy, calls),
        clock=_now,
        pace_s=settings.reminder_pace_s,
        delay_scale=settings.reminder_delay_scale,
    )
    chassis.workers.append(sender)
    directory = Directory(book.person, standing_by(staff), staff.manager)
    router = Router(database, policy, directory, refresh=book.refresh, on_queued=sender.wake)
    chassis.work("reminder router", router.step, idle_s=routing.IDLE_S)
    chassis.work("recipient refresh", book.refresh, idle_s=REFRESH_S)
    chassis.work("reminder groups", GroupWatch(book, policy).step, idle_s=groups.IDLE_S)
    chassis.work(
        "reminder retention", Retention(database, policy.kept).step, idle_s=retention.IDLE_S
    )
    chassis.work("reminder health", HealthWatch(database, policy).step, idle_s=health.IDLE_S)
    spared = [SubjectErasureRequested.DESCRIPTOR.full_name]
    erasures = Erasures(database, erase_leads, spared=spared)
    chassis.work("erasures", erasures.step, idle_s=REPEAT_IDLE_S)
    chassis.routes = BeaconDoor(database, beacons, record_url=settings.record_url)
    keeper = Keeper(policy, directory, on_queued=sender.rouse, on_due=router.rouse)
    subscribers.subscribe(chassis.bus, keeper, erasures)
    servicer = rpc.NotificationServicer(
        database, book, keys, policy, allow_loopback_http=settings.allow_loopback_http
    )
    rpc.serve(chassis.grpc, servicer)
    return chassis


def rules(settings: Settings, beacons: Beacons) -> tuple[Policy, Words]:
    """What is told to whom, and in which words; raises `InvalidPolicy`."""
    words = Words(beacons, settings.reminder_templates_file)
    policy = load_policy(subscribers.told_fields(), words.names, settings.reminder_policy_file)
    return policy, words


def senders(calls: Calls) -> Mapping[Medium, MediumSender]:
    """How each medium is written to."""
    return {
        Medium.WEBHOOK: WebhookSender(calls, _now),
        Medium.WECOM_APP: WecomAppSender(calls, _now),
        Medium.WECOM_BOT: WecomBotSender(calls, _now),
        Medium.DINGTALK_ROBOT: DingtalkSender(calls, _now),
        Medium.FEISHU_BOT: FeishuSender(calls, _now),
        Medium.WECHAT_MP: WechatSender(calls, _now),
        Medium.SMTP: MailSender(_now),
        Medium.ALIYUN_SMS: AliyunSmsSender(calls, _now),
    }


def _now() -> datetime:
    return datetime.now(UTC)
