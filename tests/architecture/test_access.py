"""Every door says what it takes to enter, and the default policy knows each of those words."""

import importlib
from pathlib import Path

import pytest
from accesskit.policy import Policy
from google.protobuf import descriptor_pool
from servicekit.access import needs_of

ROOT = Path(__file__).resolve().parents[2]
CONTRACTS = sorted(
    path.relative_to(ROOT / "proto").with_suffix("")
    for path in (ROOT / "proto").rglob("*_service.proto")
)
POLICY = ROOT / "services" / "permissions" / "permissions" / "policies" / "crm.yaml"


def services(contract):
    importlib.import_module(".".join([*contract.parts[:-1], f"{contract.name}_pb2"]))
    described = descriptor_pool.Default().FindFileByName(f"{contract}.proto")
    return [service.full_name for service in described.services_by_name.values()]


def granted():
    policy = Policy.parse(POLICY.read_text(), version=1)
    return {
        (action, kind)
        for rule in policy.rules
        if rule.effect == "allow"
        for action in rule.actions
        for kind in rule.on
    }


@pytest.mark.parametrize("contract", CONTRACTS, ids=str)
def test_every_rpc_says_what_its_caller_needs(contract):
    for service in services(contract):
        silent = [name for name, need in needs_of(service).items() if need is None]
        assert silent == [], service


@pytest.mark.parametrize("contract", CONTRACTS, ids=str)
def test_somebody_may_do_what_a_contract_names(contract):
    known = granted()
    for service in services(contract):
        for name, need in needs_of(service).items():
            if not need.any_caller:
                assert (need.action, need.resource_type) in known, f"{service}/{name}"
