"""Deploys the one template: to the local emulator, to a test's emulator, to the cloud. Only parameters and endpoint differ.

    python infra/deploy.py --stack NAME --parameters infra/parameters/cloud.json [--endpoint URL] [Key=Value ...]

Makes the secrets that are missing, uploads the functions whose bytes changed, lets CloudFormation do the rest. A second
deploy of the same thing changes nothing. Credentials and region come from the usual AWS settings.
"""

import argparse
import base64
import hashlib
import json
import os
import re
import secrets
import subprocess
import sys
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import boto3
from botocore.exceptions import ClientError
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

ROOT = Path(__file__).resolve().parent.parent
TEMPLATE = ROOT / "infra" / "template.yaml"
CODE_URI = re.compile(r"CodeUri: \.\./build/([a-z0-9-]+)/")
SECRETS = ("data-key", "token-key", "session-key", "station-secret")


class DeployError(Exception):
    """Something a person can put right; its text says what and how."""


@dataclass
class Target:
    """Where to deploy: the one thing that differs between a laptop, a test and the cloud."""

    stack: str
    region: str
    endpoint: str | None = None  # None: the real AWS
    parameters: dict[str, str] = field(default_factory=dict)
    build: Path = ROOT / "build"
    work: Path = ROOT / ".local"  # digests and the packaged template go here
    uploaded: int = 0  # functions whose bytes were new

    def client(self, service: str):
        # The emulator takes these as the account's root; the cloud uses the person's own credentials.
        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"} if self.endpoint else {}
        return boto3.client(service, region_name=self.region, endpoint_url=self.endpoint, **keys)

    def cli_environment(self) -> dict[str, str]:
        env = {**os.environ, "AWS_PAGER": "", "AWS_REGION": self.region, "AWS_DEFAULT_REGION": self.region}
        if self.endpoint:
            env.update(AWS_ENDPOINT_URL=self.endpoint, AWS_ACCESS_KEY_ID="test", AWS_SECRET_ACCESS_KEY="test")
            for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_CA_BUNDLE"):
                env.pop(name, None)
        return env


def functions() -> list[str]:
    """Names of all functions of the template: each is built to build/<name>/bootstrap."""
    return sorted(set(CODE_URI.findall(TEMPLATE.read_text())))


def check_parameters(target: Target) -> None:
    """Refusals that deserve a plain sentence before anything is touched; the template's rules refuse them as well."""
    given = target.parameters
    local = target.endpoint is not None and re.match(r"http://(127\.0\.0\.1|localhost|\[::1\])(:|/|$)", target.endpoint)
    if given.get("Sandbox") == "on" and given.get("StationTruststoreUri"):
        raise DeployError("The sandbox cannot be on where the station takes real calls: drop StationTruststoreUri or set Sandbox=off.")
    if given.get("Sandbox") == "on" and given.get("Stage") == "live":
        raise DeployError("The sandbox cannot be on in a live stage: set Sandbox=off, CheckoutUrl and CheckoutOrigin.")
    if given.get("LocalPort") and not local:
        raise DeployError("LocalPort (plain HTTP, a plain cookie) is only for the emulator on this machine.")


def check_stage(target: Target) -> None:
    """A demo never becomes live with what it holds, nor a live stack a demo."""
    try:
        stacks = target.client("cloudformation").describe_stacks(StackName=target.stack)["Stacks"]
    except ClientError as error:
        if "does not exist" in str(error):
            return
        raise
    present = {p["ParameterKey"]: p["ParameterValue"] for p in stacks[0].get("Parameters", [])}
    asked = target.parameters.get("Stage", "demo")
    if present.get("Stage", asked) != asked and stacks[0]["StackStatus"] != "REVIEW_IN_PROGRESS":
        raise DeployError(f"Stack {target.stack} is {present['Stage']}; it cannot become {asked}. Deploy a new stack under another name.")


def ensure_secrets(target: Target) -> str:
    """Makes the missing secrets (32 random bytes in hex) and answers the public half of the session key."""
    client = target.client("secretsmanager")
    session_key = ""
    for name in SECRETS:
        secret_id = f"{target.stack}/{name}"
        try:
            value = client.get_secret_value(SecretId=secret_id)["SecretString"]
        except client.exceptions.ResourceNotFoundException:
            value = secrets.token_hex(32)
            client.create_secret(Name=secret_id, SecretString=value, Description=f"Pago In Rete, stack {target.stack}")
        if name == "session-key":
            session_key = value
    public = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(session_key)).public_key()
    return base64.urlsafe_b64encode(public.public_bytes(Encoding.Raw, PublicFormat.Raw)).rstrip(b"=").decode()


def ensure_bucket(target: Target) -> str:
    """The bucket for function packages; its name is the account's and region's own."""
    account = target.client("sts").get_caller_identity()["Account"]
    bucket = f"{target.stack}-artifacts-{account}-{target.region}"
    client = target.client("s3")
    try:
        client.head_bucket(Bucket=bucket)
    except ClientError:
        place = {} if target.region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": target.region}}
        client.create_bucket(Bucket=bucket, **place)
        client.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration={
            "BlockPublicAcls": True, "BlockPublicPolicy": True, "IgnorePublicAcls": True, "RestrictPublicBuckets": True})
    return bucket


def digest(file: Path, known: dict) -> str:
    """SHA-256 of a file; asked again only when size or time changed."""
    facts = file.stat()
    mark = [facts.st_size, facts.st_mtime_ns]
    entry = known.get(str(file))
    if entry and entry[:2] == mark:
        return entry[2]
    with file.open("rb") as stream:
        value = hashlib.file_digest(stream, "sha256").hexdigest() if hasattr(hashlib, "file_digest") else hashlib.sha256(stream.read()).hexdigest()
    known[str(file)] = [*mark, value]
    return value


def upload(target: Target, bucket: str) -> dict[str, str]:
    """Puts each function's package into the bucket under its content's digest; answers the keys."""
    missing = [name for name in functions() if not (target.build / name / "bootstrap").is_file()]
    if missing:
        raise DeployError(f"Not built yet: {', '.join(missing)}. Run `make build` first (for AWS: `make deploy`, which builds by itself).")
    memory = target.work / "digests.json"
    known = json.loads(memory.read_text()) if memory.exists() else {}
    client = target.client("s3")
    level = 1 if target.endpoint else 9
    present = {item["Key"] for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix="functions/") for item in page.get("Contents", [])}

    def one(name: str) -> tuple[str, str, bool]:
        file = target.build / name / "bootstrap"
        key = f"functions/{name}-{digest(file, known)[:24]}.zip"
        if key in present:
            return name, key, False
        package = target.work / f"{name}.zip"
        entry = zipfile.ZipInfo("bootstrap", (1980, 1, 1, 0, 0, 0))  # the same bytes give the same package
        entry.external_attr = 0o755 << 16
        entry.create_system = 3
        entry.compress_type = zipfile.ZIP_DEFLATED
        with zipfile.ZipFile(package, "w") as archive:
            archive.writestr(entry, file.read_bytes(), compresslevel=level)
        client.upload_file(str(package), bucket, key)
        package.unlink()
        return name, key, True

    target.work.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(os.cpu_count() or 2) as pool:
        done = list(pool.map(one, functions()))
    memory.write_text(json.dumps(known))
    target.uploaded = sum(new for *_, new in done)
    return {name: key for name, key, _ in done}


def forget_old_packages(target: Target, bucket: str, keep: set[str]) -> None:
    """The emulator holds every package on this disk: those that no function uses any more go."""
    client = target.client("s3")
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        old = [item["Key"] for item in page.get("Contents", []) if item["Key"].startswith("templates/") or item["Key"] not in keep]
        for key in old:
            client.delete_object(Bucket=bucket, Key=key)


def package(target: Target, bucket: str, keys: dict[str, str]) -> Path:
    """The template with the place of each package in it."""
    text = CODE_URI.sub(lambda match: f"CodeUri: {{Bucket: {bucket}, Key: {keys[match[1]]}}}", TEMPLATE.read_text())
    packaged = target.work / "packaged.yaml"
    packaged.write_text(text)
    return packaged


def outputs(target: Target) -> dict[str, str]:
    stack = target.client("cloudformation").describe_stacks(StackName=target.stack)["Stacks"][0]
    return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}


def failures(target: Target) -> str:
    """Why CloudFormation gave up: the reasons of the latest failed resources."""
    try:
        events = target.client("cloudformation").describe_stack_events(StackName=target.stack)["StackEvents"]
    except ClientError:
        return ""
    lines = [f"  {e['LogicalResourceId']}: {e.get('ResourceStatusReason', '')}" for e in events if "FAILED" in e["ResourceStatus"]]
    return "\n".join(lines[:15])


def deploy(target: Target) -> dict[str, str]:
    """Brings the stack to what the tree says; answers its outputs."""
    check_parameters(target)
    check_stage(target)
    target.work.mkdir(parents=True, exist_ok=True)
    bucket = ensure_bucket(target)
    keys = upload(target, bucket)
    parameters = {**target.parameters, "SessionPublicKey": ensure_secrets(target)}
    packaged = package(target, bucket, keys)

    # What was deployed last, so that an unchanged local stack costs nothing.
    mark = hashlib.sha256((packaged.read_text() + json.dumps(parameters, sort_keys=True)).encode()).hexdigest()
    stamp = target.work / f"deployed-{target.stack}"
    if target.endpoint and stamp.exists() and stamp.read_text() == mark:
        try:
            return outputs(target)
        except ClientError:
            pass  # the emulator's state is gone

    command = [
        str(Path(sys.executable).parent / "aws"), "cloudformation", "deploy",
        "--template-file", str(packaged), "--stack-name", target.stack, "--s3-bucket", bucket, "--s3-prefix", "templates",
        "--capabilities", "CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND", "--no-fail-on-empty-changeset",
        "--parameter-overrides", *(f"{key}={value}" for key, value in parameters.items()),
    ]
    result = subprocess.run(command, env=target.cli_environment(), text=True, capture_output=True)
    if result.returncode != 0:
        raise DeployError(f"CloudFormation refused or failed:\n{result.stdout}{result.stderr}\n{failures(target)}")
    if target.endpoint:
        stamp.write_text(mark)
        forget_old_packages(target, bucket, set(keys.values()))
    return outputs(target)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--stack", default="pago-in-rete")
    parser.add_argument("--parameters", type=Path, help="JSON file of template parameters")
    parser.add_argument("--endpoint", help="emulator's address; without it the real AWS")
    parser.add_argument("--region", default=os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "eu-south-1")
    parser.add_argument("--build", type=Path, default=ROOT / "build")
    parser.add_argument("more", nargs="*", metavar="Key=Value", help="parameters that override the file's")
    options = parser.parse_args()
    parameters = json.loads(options.parameters.read_text()) if options.parameters else {}
    parameters.update(item.split("=", 1) for item in options.more)
    started = time.monotonic()
    try:
        target = Target(options.stack, options.region, options.endpoint, parameters, options.build)
        result = deploy(target)
    except DeployError as error:
        print(f"deploy: {error}", file=sys.stderr)
        return 1
    for key, value in sorted(result.items()):
        print(f"{key:22} {value}")
    print(f"deploy: {target.uploaded} functions uploaded, done in {time.monotonic() - started:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
