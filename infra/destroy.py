"""Takes a stack in AWS down: the stack, what it keeps on purpose (table, archives), its secrets and packages.

    python infra/destroy.py --stack NAME

Asks for the stack's name first. A live stack is not taken down by this script. Backups made by hand stay.
"""

import argparse
import os
import sys

import boto3
from botocore.exceptions import ClientError, WaiterError
from deploy import SECRETS, Target, outputs


def empty_bucket(name: str) -> None:
    bucket = boto3.resource("s3").Bucket(name)
    bucket.object_versions.delete()
    bucket.delete()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--stack", required=True)
    parser.add_argument("--region", default=os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "eu-south-1")
    options = parser.parse_args()
    os.environ["AWS_DEFAULT_REGION"] = options.region
    target = Target(options.stack, options.region)
    formation = target.client("cloudformation")
    try:
        stack = formation.describe_stacks(StackName=options.stack)["Stacks"][0]
    except ClientError as error:
        print(f"destroy: {error}", file=sys.stderr)
        return 1
    parameters = {p["ParameterKey"]: p["ParameterValue"] for p in stack["Parameters"]}
    if parameters.get("Stage") == "live":
        print("destroy: this stack is live. Take it down by hand, after thinking of its records' ten years.", file=sys.stderr)
        return 1
    kept = outputs(target)
    account = target.client("sts").get_caller_identity()["Account"]
    print(f"This deletes stack {options.stack} in {options.region}, its table {kept.get('TableName')}, its archive {kept.get('ArchiveBucket')} and its secrets.")
    if input("Type the stack's name to go on: ").strip() != options.stack:
        print("destroy: nothing was done.")
        return 1
    formation.delete_stack(StackName=options.stack)
    try:
        formation.get_waiter("stack_delete_complete").wait(StackName=options.stack)
    except WaiterError as error:
        print(f"destroy: {error}", file=sys.stderr)
        return 1
    target.client("dynamodb").delete_table(TableName=kept["TableName"])
    for bucket in (kept["ArchiveBucket"], kept["FailedChangesBucket"], f"{options.stack}-artifacts-{account}-{options.region}"):
        try:
            empty_bucket(bucket)
        except ClientError as error:  # an object lock that still holds, for instance
            print(f"destroy: bucket {bucket} stays: {error}", file=sys.stderr)
    for name in SECRETS:
        target.client("secretsmanager").delete_secret(SecretId=f"{options.stack}/{name}", RecoveryWindowInDays=7)
    print("destroy: done; the secrets can be brought back for seven days.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
