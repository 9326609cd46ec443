"""`leadctl identity`: which records are of one customer, how well that is known, and what is said of customers."""

import typer

from leadctl.identity import (
    backfill,
    crosswalk,
    customer,
    duplicates,
    evaluate,
    freshness,
    generate,
    golden,
    golden_policy,
    resolve,
    steward,
    tags,
    waiting,
    why,
)

identity_app = typer.Typer(
    help="Customers: how well records are matched, and what is known of them.",
    no_args_is_help=True,
)
identity_app.command("evaluate")(evaluate.evaluate_model)
identity_app.command("generate")(generate.generate_customers)
identity_app.command()(resolve.resolve)
identity_app.command()(why.why)
identity_app.command()(why.why_not)
identity_app.command()(why.how)
identity_app.command()(steward.merge)
identity_app.command()(steward.split)
identity_app.command()(steward.never)
identity_app.command()(steward.must)
identity_app.command()(steward.revoke)
identity_app.command()(waiting.reviews)
identity_app.command()(steward.decide)
identity_app.command()(waiting.judgements)
identity_app.command()(waiting.regroupings)
identity_app.command()(steward.restore)
identity_app.command()(waiting.hubs)
identity_app.command("hub")(steward.set_hub)
identity_app.command("backfill")(backfill.backfill)
identity_app.add_typer(backfill.backfills_app, name="backfills")
identity_app.add_typer(tags.tags_app, name="tags")
identity_app.add_typer(crosswalk.crosswalk_app, name="crosswalk")
identity_app.command()(golden.show)
identity_app.command()(golden.changes)
identity_app.command()(golden.pin)
identity_app.command()(golden.unpin)
identity_app.command()(golden.restore_value)
identity_app.add_typer(golden_policy.policy_app, name="policy")
identity_app.command()(freshness.freshness)
identity_app.command("sync-audit")(freshness.sync_audit)
identity_app.command("replay-failures")(freshness.replay_failures)
identity_app.command()(freshness.conflicts)
identity_app.command("retry-write")(freshness.retry_write)
identity_app.command()(freshness.differences)
identity_app.command()(customer.customer)
identity_app.command()(customer.may_contact)
identity_app.command()(customer.objection)
identity_app.command()(customer.withdraw_objection)
identity_app.command()(duplicates.duplicate)
identity_app.command()(duplicates.request_access)
identity_app.command()(duplicates.access_requests)

__all__ = ["identity_app"]
