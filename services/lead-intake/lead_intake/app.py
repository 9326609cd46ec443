"""The composition root of lead-intake."""

from accesskit.enforcement import enforce
from servicekit.chassis import Chassis

from lead_intake import subscribers
from lead_intake.accounts import Accounts
from lead_intake.channels.channel_files import load_channels
from lead_intake.clients import Approvals, GraphApi
from lead_intake.commands.keeping import Desk
from lead_intake.commands.pulls import Stores
from lead_intake.forms import Forms
from lead_intake.reading import load_lexicons
from lead_intake.rpc import channels as channels_rpc
from lead_intake.rpc import forms as forms_rpc
from lead_intake.rpc import imports as imports_rpc
from lead_intake.rpc import intake as intake_rpc
from lead_intake.rpc import mappings as mappings_rpc
from lead_intake.rpc import silence as silence_rpc
from lead_intake.rpc import subjects as subjects_rpc
from lead_intake.rpc import sync as sync_rpc
from lead_intake.seals import Seals
from lead_intake.settings import Settings
from lead_intake.webforms.app import WebForms
from lead_intake.webforms.render_tokens import RenderTokens
from lead_intake.webforms.visits import PREFIX as FORMS_PREFIX
from lead_intake.webhooks import oauth2
from lead_intake.webhooks.door import Door
from lead_intake.webhooks.routes import Routes
from lead_intake.workers import enricher, mapper, quarantine_watch, shape_watch
from lead_intake.workers.enricher import Enricher
from lead_intake.workers.group_commit import GroupCommit
from lead_intake.workers.mapper import Mapper
from lead_intake.workers.quarantine_watch import QuarantineWatch
from lead_intake.workers.shape_watch import ShapeWatch

ACCOUNTS_REFRESH_S = 1.0
COMMIT_IDLE_S = 1.0


def build(settings: Settings) -> Chassis:
    """The service, put together; opens nothing."""
    chassis = Chassis(settings)
    enforce(chassis, settings, permissions_grpc=settings.permissions_grpc)
    database, seals = chassis.database, Seals.of(settings)
    accounts = Accounts(database, load_channels(), seals)
    shapes = ShapeWatch(database, seals)
    forms = Forms(database, seals.account_keys)
    people = subjects_rpc.serve(chassis, seals)
    desk = Desk(accounts, seals, load_lexicons(), shapes, forms, people)
    approvals = Approvals(settings.permissions_grpc, tls=settings.tls())
    graph = GraphApi(settings.graph_base_url, connections_max=enricher.FETCHES_MAX)
    commits = GroupCommit(database, queue_max=settings.accept_queue_max)

    chassis.workers += [accounts, graph, approvals, forms]
    chassis.work("accounts refresh", accounts.refresh, idle_s=ACCOUNTS_REFRESH_S)
    commits.wake = chassis.work("group commit", commits.step, idle_s=COMMIT_IDLE_S).wake
    fetching = chassis.work(
        "enricher",
        Enricher(database, desk, graph, retry_scale=settings.fetch_retry_scale).step,
        idle_s=enricher.IDLE_S,
    )
    mapping = Mapper(database, desk, commits, on_awaiting=fetching.wake)
    chassis.work("mapper", mapping.step, idle_s=mapper.GATHER_S)
    chassis.work("shape watch", shapes.step, idle_s=shape_watch.IDLE_S)
    chassis.work("quarantine watch", QuarantineWatch(database).step, idle_s=quarantine_watch.IDLE_S)

    door = Door(accounts, commits, seals, trusted_hops=settings.trusted_hops)
    tokens, hops = RenderTokens.of(settings), settings.trusted_hops
    pages = WebForms(forms, accounts, commits, seals, tokens, trusted_hops=hops)
    token_endpoint = oauth2.TokenEndpoint(accounts)
    chassis.routes = Routes(door, {oauth2.PATH: token_endpoint, FORMS_PREFIX: pages})
    forms_rpc.serve(chassis, forms, seals, approvals)
    silence_rpc.serve(chassis, settings, accounts, Stores(database, commits, seals), graph)
    imports_rpc.serve(chassis, settings, desk, commits)
    channels_rpc.serve(chassis, desk)
    sync_rpc.serve(chassis, seals)
    subscribers.subscribe(chassis.bus, seals)
    mappings_rpc.serve(chassis, desk, approvals)
    intake_rpc.serve(chassis.grpc, database, desk, approvals, on_replay=mapping.look)
    chassis.keep_book()
    return chassis
