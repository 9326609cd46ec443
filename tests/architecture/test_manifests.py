"""What is deployed agrees with itself, with Kubernetes, and with the settings of the services."""

import base64
import importlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import kubernetes_validate
import pytest
import yaml
from prometheus_client import REGISTRY
from servicekit import metrics
from servicekit.settings import ServiceSettings

ROOT = Path(__file__).parents[2]
K8S = ROOT / "deploy" / "k8s"
OVERLAYS = ("local", "production")
SERVICES = sorted(folder.parent.name for folder in ROOT.glob("services/*/pyproject.toml"))
CASES = [(overlay, service) for overlay in OVERLAYS for service in SERVICES]
KUBERNETES = "1.37"
PRE_STOP_S = 5
KEY = base64.b64encode(bytes(32)).decode()
SECRETS = {
    "FIELD_KEYS": f"k1:{KEY}",
    "INDEX_KEY": KEY,
    "GOLDEN_ID_KEY": KEY,
    "AUDIT_SIGNING_KEY": KEY,
    "WITNESS_SIGNING_KEY": KEY,
    "AUDIT_PUBLIC_KEYS": "",
    "NATS_PASSWORD": "made-up",
}
for_each_overlay = pytest.mark.parametrize("overlay", OVERLAYS)
for_each_service = pytest.mark.parametrize(("overlay", "service"), CASES)


@cache
def rendered(overlay: str) -> list[dict]:
    beside_python = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    kubectl = shutil.which("kubectl", path=beside_python)
    assert kubectl is not None, "kubectl comes with the development tools: make setup"
    command = [kubectl, "kustomize", str(K8S / "overlays" / overlay)]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert answer.returncode == 0, answer.stderr[:2000]
    return list(yaml.safe_load_all(answer.stdout))


def named(overlay: str, kind: str, name: str) -> dict:
    found = [
        resource
        for resource in rendered(overlay)
        if resource["kind"] == kind and resource["metadata"]["name"] == name
    ]
    assert len(found) == 1, f"{overlay} has {len(found)} {kind} {name}"
    return found[0]


def pod(overlay: str, service: str) -> dict:
    return named(overlay, "Deployment", service)["spec"]["template"]["spec"]


def containers(overlay: str, service: str) -> list[dict]:
    spec = pod(overlay, service)
    return [*spec["initContainers"], *spec["containers"]]


def environment(overlay: str, service: str, container: dict) -> dict[str, str]:
    """What the container's process sees, made-up values in the place of secrets."""
    maps = [
        named(overlay, "ConfigMap", each["configMapRef"]["name"]) for each in container["envFrom"]
    ]
    values = {name: value for config in maps for name, value in config["data"].items()}
    for variable in container["env"]:
        values[variable["name"]] = value_of(variable, service)
    return values


def value_of(variable: dict, service: str) -> str:
    match variable:
        case {"value": str(value)}:
            return value
        case {"name": name, "valueFrom": {"secretKeyRef": {"key": key}}}:
            assert name == key, "a secret's key is the variable that it fills"
            return SECRETS.get(key, "postgresql://somebody@postgres/somewhere")
        case {
            "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['app.kubernetes.io/name']"}}
        }:
            return service
    raise AssertionError(f"a variable from elsewhere: {variable['name']}")


def settings_class(service: str) -> type[ServiceSettings]:
    return importlib.import_module(f"{service.replace('-', '_')}.settings").Settings


def variables(settings: type[ServiceSettings]) -> set[str]:
    """The environment variables that a settings class reads."""
    return {
        str(field.validation_alias or name).upper() for name, field in settings.model_fields.items()
    }


@for_each_overlay
def test_kubernetes_accepts_every_resource_as_it_is_written(overlay):
    resources = rendered(overlay)

    for resource in resources:
        kubernetes_validate.validate(resource, KUBERNETES, strict=True)


@for_each_overlay
def test_every_service_of_the_workspace_is_deployed(overlay):
    resources = rendered(overlay)

    deployed = sorted(
        each["metadata"]["name"] for each in resources if each["kind"] == "Deployment"
    )

    assert deployed == SERVICES


@for_each_service
def test_a_service_is_given_only_variables_that_its_settings_read(overlay, service):
    read = variables(settings_class(service))

    for container in containers(overlay, service):
        given = environment(overlay, service, container)

        strange = {name for name in given if name not in read and not name.startswith("OTEL_")}
        assert strange == set(), f"{service}/{container['name']}"


@for_each_service
def test_a_service_accepts_the_environment_that_it_is_given(overlay, service, monkeypatch):
    for container in containers(overlay, service):
        given = environment(overlay, service, container)
        for name in variables(settings_class(service)):
            monkeypatch.delenv(name, raising=False)
        for name, value in given.items():
            monkeypatch.setenv(name, value)

        settings = settings_class(service)()

        assert settings.service == settings.nats_user == service
        assert settings.bind_host == "0.0.0.0"  # noqa: S104 - what the manifest has to say
        assert (
            PRE_STOP_S + settings.grace_period_s
            < pod(overlay, service)["terminationGracePeriodSeconds"]
        )


@for_each_service
def test_a_file_that_a_setting_names_is_mounted(overlay, service):
    mountable = {volume["name"] for volume in pod(overlay, service)["volumes"]}

    for container in containers(overlay, service):
        mounts = {each["mountPath"]: each["name"] for each in container["volumeMounts"]}
        given = environment(overlay, service, container)
        files = [Path(value) for name, value in given.items() if name.endswith("_FILE")]

        assert set(mounts.values()) <= mountable
        assert {str(file.parent) for file in files} <= set(mounts)


@for_each_service
def test_the_database_is_migrated_by_the_image_that_will_use_it(overlay, service):
    migrate, serve = containers(overlay, service)

    assert (migrate["args"], serve["args"]) == (["migrate"], ["serve"])
    assert migrate["image"] == serve["image"]


@for_each_service
def test_a_pod_meets_the_restricted_standard(overlay, service):
    spec = pod(overlay, service)

    assert spec["automountServiceAccountToken"] is False
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in containers(overlay, service):
        context = container["securityContext"]
        assert context["allowPrivilegeEscalation"] is False
        assert context["readOnlyRootFilesystem"] is True
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert "/tmp" in {mount["mountPath"] for mount in container["volumeMounts"]}  # noqa: S108


@for_each_service
def test_a_container_asks_for_what_it_needs_and_no_more_memory_than_its_limit(overlay, service):
    for container in containers(overlay, service):
        requests, limits = container["resources"]["requests"], container["resources"]["limits"]

        assert {"cpu", "memory"} <= set(requests)
        assert "cpu" not in limits
        assert mebibytes(requests["memory"]) <= mebibytes(limits["memory"])


def mebibytes(quantity: str) -> int:
    assert quantity.endswith("Mi")
    return int(quantity.removesuffix("Mi"))


@for_each_service
def test_an_image_is_pinned(overlay, service):
    for container in containers(overlay, service):
        name, _, tag = container["image"].rpartition(":")

        assert re.fullmatch(r"\S+/" + service + r"(@sha256)?", name)
        assert tag
        assert tag != "latest"


@for_each_service
def test_a_service_is_probed_on_the_port_that_answers(overlay, service):
    given = environment(overlay, service, pod(overlay, service)["containers"][0])
    container = pod(overlay, service)["containers"][0]
    ports = {each["name"]: each["containerPort"] for each in container["ports"]}
    # A kubelet cannot ask gRPC under TLS.
    ready = {"httpGet": {"path": "/readyz", "port": "http"}}
    if "TLS_CERT_FILE" not in given:
        ready = {"grpc": {"port": ports["grpc"]}}

    assert ports == {"http": int(given["HTTP_PORT"]), "grpc": int(given["GRPC_PORT"])}
    assert container["livenessProbe"]["httpGet"] == {"path": "/livez", "port": "http"}
    assert ready.items() <= container["startupProbe"].items()
    assert ready.items() <= container["readinessProbe"].items()
    assert container["lifecycle"]["preStop"] == {"sleep": {"seconds": PRE_STOP_S}}


@for_each_service
def test_what_belongs_to_a_service_selects_its_pods_and_no_others(overlay, service):
    deployment = named(overlay, "Deployment", service)["spec"]
    disruption = named(overlay, "PodDisruptionBudget", service)["spec"]
    policy = named(overlay, "NetworkPolicy", service)["spec"]
    own = {"app.kubernetes.io/name": service}
    spread = deployment["template"]["spec"]["topologySpreadConstraints"]

    assert own.items() <= deployment["template"]["metadata"]["labels"].items()
    assert named(overlay, "Service", service)["spec"]["selector"] == own
    selectors = [deployment["selector"], disruption["selector"], policy["podSelector"]]
    selectors += [constraint["labelSelector"] for constraint in spread]
    assert all(selector == {"matchLabels": own} for selector in selectors)


@for_each_service
def test_a_rollout_never_takes_a_replica_away_before_its_successor_is_ready(overlay, service):
    deployment = named(overlay, "Deployment", service)["spec"]

    assert deployment["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
    assert "replicas" not in deployment, "the autoscaler owns the number of replicas"


@for_each_service
def test_the_autoscaler_and_the_pod_name_resources_that_exist(overlay, service):
    target = named(overlay, "HorizontalPodAutoscaler", service)["spec"]["scaleTargetRef"]

    assert target == {"apiVersion": "apps/v1", "kind": "Deployment", "name": service}
    assert pod(overlay, service)["serviceAccountName"] == service
    named(overlay, "ServiceAccount", service)


@for_each_overlay
def test_traffic_is_refused_unless_a_policy_allows_it(overlay):
    closed = named(overlay, "NetworkPolicy", "deny-by-default")["spec"]

    assert closed == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


@for_each_service
def test_a_service_may_reach_each_service_that_it_is_told_to_call(overlay, service):
    given = environment(overlay, service, pod(overlay, service)["containers"][0])
    called = {value for name, value in given.items() if name.endswith("_GRPC")}
    egress = named(overlay, "NetworkPolicy", service)["spec"]["egress"]
    open_ports = {port["port"] for rule in egress for port in rule["ports"]}

    assert called <= {f"dns:///{other}:9090" for other in SERVICES}
    assert {5432, 4222, 4318} <= open_ports
    assert (9090 in open_ports) == bool(called)


def test_the_internet_reaches_the_webhooks_and_nothing_beside_them():
    spec = named("production", "Ingress", "webhooks")["spec"]

    paths = [path for rule in spec["rules"] for path in rule["http"]["paths"]]

    assert [path["path"] for path in paths] == ["/in/"]
    assert {path["backend"]["service"]["name"] for path in paths} == {"lead-intake"}


def test_each_service_has_a_user_on_the_bus():
    rights = yaml.safe_load((ROOT / "deploy/nats/permissions.yaml").read_text())

    assert sorted(rights["services"]) == SERVICES


def expressions() -> Iterator[tuple[str, str]]:
    rules = yaml.safe_load((ROOT / "deploy/prometheus/alerts.yaml").read_text())
    for group in rules["groups"]:
        for rule in group["rules"]:
            yield rule["alert"], rule["expr"]


def samples() -> set[str]:
    """Every series name of the catalogue, as PromQL writes it."""
    assert metrics.render()
    families = [family for family in REGISTRY.collect() if family.name.startswith("leadchain_")]
    suffixes = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_sum", "_count")}
    return {family.name + suffix for family in families for suffix in suffixes[family.type]}


def test_an_alert_watches_metrics_of_the_catalogue():
    known = samples()

    for alert, expression in expressions():
        watched = set(re.findall(r"\bleadchain_\w+", expression))
        assert watched <= known, alert


def test_a_service_that_is_gone_is_missed():
    missed = re.findall(
        r'absent\(up\{job="leadchain", service="([a-z-]+)"\}\)', dict(expressions())["ServiceGone"]
    )

    assert sorted(missed) == SERVICES


def test_the_image_is_built_from_the_lock_and_does_not_run_as_root():
    dockerfile = (ROOT / "deploy/docker/Dockerfile").read_text()

    user, entrypoint = re.findall(r"(?m)^(?:USER|ENTRYPOINT) (.+)$", dockerfile)

    assert user == f"{pod('production', 'identity')['securityContext']['runAsUser']}:10001"
    assert json.loads(entrypoint)[0].endswith("/python")
    assert dockerfile.count("--require-hashes") == 2
    assert not re.search(r"(?m)https?://|^# syntax=", dockerfile)
