"""The template says what ARCHITECTURE.md promises, the deploy script refuses what it must, the mailbox shows mails safely."""

import json
import os
import re
import sys
import threading
import time
import urllib.request
from functools import cache
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "infra"))
sys.path.insert(0, str(ROOT / "infra" / "local"))

import deploy  # noqa: E402
import lint_template  # noqa: E402
import mailbox  # noqa: E402
import run as make  # noqa: E402
import stack as local_stack  # noqa: E402
from lib.client import Client, fine  # noqa: E402


@cache
def resources():
    """The template's resources after SAM's translation: what CloudFormation will see."""
    return lint_template.flatten()["Resources"]


def of_type(kind):
    return {name: resource for name, resource in resources().items() if resource["Type"] == kind}


def statements():
    """Every statement of every policy of ours, with the place it stands at."""
    for name, resource in resources().items():
        properties = resource.get("Properties", {})
        documents = [policy["PolicyDocument"] for policy in properties.get("Policies", [])]
        if resource["Type"] == "AWS::IAM::ManagedPolicy":
            documents.append(properties["PolicyDocument"])
        for document in documents:
            for statement in document["Statement"]:
                yield name, statement


def listed(value):
    return value if isinstance(value, list) else [value]


def test_each_function_has_a_role_and_a_log_of_its_own():
    functions = of_type("AWS::Lambda::Function")
    roles = [json.dumps(function["Properties"]["Role"]) for function in functions.values()]
    assert len(set(roles)) == len(functions) == len(deploy.functions())
    for name in functions:
        assert f"{name}Logs" in listed(functions[name]["DependsOn"]), f"{name} would make its log group itself, kept for ever"


def test_no_role_may_do_everything_or_to_everything():
    for place, statement in statements():
        for action in listed(statement["Action"]):
            assert "*" not in action, (place, action)
        for resource in listed(statement["Resource"]):
            assert resource != "*", place


def test_keys_are_read_by_those_that_need_them_only():
    roles = of_type("AWS::IAM::Role")

    def readers(policy):
        return {name.removesuffix("Role") for name, role in roles.items() if {"Ref": policy} in role["Properties"]["ManagedPolicyArns"]}

    assert readers("ReadSessionKey") == {"Login", "ChangePassword"}
    assert readers("ReadTokenKey") == {"Register", "VerifyEmail", "RecoverCredentials", "SendEmail"}
    assert readers("ReadStationSecret") == {"PspCallback", "PagopaSandbox"}
    assert not readers("ReadDataKey") & {"RelayChanges", "SweepChanges", "ArchiveJournal", "PagopaSandbox"}


def test_a_function_is_told_of_a_secret_only_if_its_role_may_read_it():
    policies = {"DATA_KEY_SECRET": "ReadDataKey", "TOKEN_KEY_SECRET": "ReadTokenKey", "SESSION_KEY_SECRET": "ReadSessionKey", "STATION_SECRET": "ReadStationSecret"}
    for name, function in of_type("AWS::Lambda::Function").items():
        variables = function["Properties"]["Environment"]["Variables"]
        granted = resources()[f"{name}Role"]["Properties"]["ManagedPolicyArns"]
        for variable, policy in policies.items():
            assert (variable in variables) == ({"Ref": policy} in granted), (name, variable)


def test_the_sandbox_knows_and_reaches_nothing_of_the_service():
    """It may hold what a partner outside would know: our addresses, our codes, the secret it shows to the station."""
    function = resources()["PagopaSandbox"]["Properties"]
    told = json.dumps({key: value for key, value in function["Environment"]["Variables"].items()})
    reach = json.dumps(resources()["PagopaSandboxRole"]["Properties"])
    for name, resource in resources().items():
        if resource["Type"] in ("AWS::DynamoDB::Table", "AWS::SQS::Queue", "AWS::S3::Bucket") and resource.get("Condition") != "IsSandbox":
            assert f'"{name}"' not in told + reach and f"{name}.Arn" not in told + reach, name
    for word in ("data-key", "token-key", "session-key", "ReadDataKey", "ReadTokenKey", "ReadSessionKey"):
        assert word not in told + reach


def test_every_queue_has_a_dead_letter_queue_with_an_alarm():
    queues = of_type("AWS::SQS::Queue")
    letters = {name for name in queues if name.endswith("DeadLetters")}
    alarms = json.dumps(of_type("AWS::CloudWatch::Alarm"))
    for name, queue in queues.items():
        assert queue["Properties"]["SqsManagedSseEnabled"] is True, name
        if name in letters:
            assert queue["Properties"]["MessageRetentionPeriod"] == 14 * 24 * 3600
            assert f'["{name}", "QueueName"]' in alarms, f"nobody hears of {name}"
        else:
            target = queue["Properties"]["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"]
            assert target[0] in letters, name


def said_in_code():
    """Every `alarm = "word"` of the functions, with the function's name in the template."""
    for source in (ROOT / "functions").rglob("*.rs"):
        name = source.relative_to(ROOT / "functions").parts[0]
        for word in re.findall(r'\balarm = "([^"]+)"', source.read_text(encoding="utf-8")):
            yield "".join(part.capitalize() for part in name.split("-")), word


def headings():
    return [line for line in (ROOT / "infra" / "RUNBOOKS.md").read_text(encoding="utf-8").splitlines() if line.startswith("## ")]


def alarm_of(group, pattern):
    """The one alarm that counts the lines of a log group which a pattern picks."""
    filters = [found["Properties"] for found in of_type("AWS::Logs::MetricFilter").values()]
    counted = [found["MetricTransformations"][0] for found in filters if (found["LogGroupName"], found["FilterPattern"]) == ({"Ref": group}, pattern)]
    assert len(counted) == 1, f"no metric filter {pattern} on {group}"
    metric = (counted[0]["MetricName"], counted[0]["MetricNamespace"])
    alarms = [name for name, alarm in of_type("AWS::CloudWatch::Alarm").items()
              if (alarm["Properties"]["MetricName"], alarm["Properties"]["Namespace"]) == metric and "Condition" not in alarm]
    assert len(alarms) == 1, f"nobody hears of {metric[0]}"
    return alarms[0]


def test_every_alarm_that_code_raises_is_heard_and_has_a_runbook():
    said = set(said_in_code())
    assert {word for _, word in said} >= {"sweep", "journal-gap", "mail-uncertain"}
    for function, word in said:
        alarm = alarm_of(f"{function}Logs", f'{{ $.alarm = "{word}" }}')
        assert any(f"`{alarm}`" in heading for heading in headings()), f"no runbook for {alarm}"


def test_every_alarm_tells_somebody_and_has_a_runbook():
    for name, alarm in of_type("AWS::CloudWatch::Alarm").items():
        assert alarm["Properties"]["AlarmActions"] == [{"Ref": "AlarmTopic"}], name
        if not name.endswith("DeadLettersAlarm"):  # one section for all of these
            assert any(f"`{name}`" in heading for heading in headings()), f"no runbook for {name}"


def test_a_sweep_that_never_ends_is_noticed(stack):
    """The alarm counts a line of the function: it must really say it."""
    alarm = resources()[alarm_of("SweepChangesLogs", "{ $.finished IS TRUE }")]["Properties"]
    assert alarm["TreatMissingData"] == "breaching" and alarm["Period"] * alarm["EvaluationPeriods"] == 24 * 3600
    since = time.time()
    stack.invoke("sweep-changes", {})
    stack.wait_for("the end of a pass", lambda: any(json.loads(line).get("finished") is True for line in stack.logs("sweep-changes", since) if line.startswith("{")))


def test_an_object_among_the_failed_changes_is_noticed(stack):
    sqs, key = stack.client("sqs"), f"test-{time.monotonic_ns()}"
    url = sqs.get_queue_url(QueueName=f"{stack.name}-failed-changes")["QueueUrl"]
    stack.client("s3").put_object(Bucket=stack.outputs["FailedChangesBucket"], Key=key, Body=b"{}")

    def told():
        return key in json.dumps(sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1).get("Messages", []))

    stack.wait_for("a message of the object", told)
    stack.client("s3").delete_object(Bucket=stack.outputs["FailedChangesBucket"], Key=key)
    sqs.purge_queue(QueueUrl=url)


@pytest.mark.parametrize("parameters", sorted((ROOT / "infra" / "parameters").glob("*.json")), ids=lambda file: file.stem)
def test_every_wait_fits_the_one_around_it(parameters):
    """Tries and pauses in a call, calls in a step, sends in a batch, batches in a lease (CORE 2.4)."""
    defaults = {name: parameter["Default"] for name, parameter in lint_template.flatten()["Parameters"].items() if "Default" in parameter}
    settings = {**defaults, **json.loads(parameters.read_text())}
    call, mail, http, consumer, visibility, lease = (int(settings[name]) for name in (
        "CallTimeoutMilliseconds", "MailTimeoutMilliseconds", "HttpTimeoutSeconds", "ConsumerTimeoutSeconds", "QueueVisibilitySeconds", "LeaseSeconds"))
    operation, journal = 2 * call + 200, 300  # runtime::sdk_config; psp-callback's journal
    assert 3 * operation + journal < min(http, 15) * 1000, "a receipt: notice, school, transaction; pagoPA waits 15 s"
    assert mail + 2 * operation < consumer * 1000 / 2, "claim, send, record: nothing is begun in the second half of an invocation"
    assert consumer < lease <= visibility


def test_every_mapping_reports_partial_failures():
    mappings = of_type("AWS::Lambda::EventSourceMapping")
    assert len(mappings) == 6
    for name, mapping in mappings.items():
        assert mapping["Properties"]["FunctionResponseTypes"] == ["ReportBatchItemFailures"], name


def test_the_stream_brings_only_what_causes_messages():
    pattern = json.loads(resources()["RelayChangesStream"]["Properties"]["FilterCriteria"]["Filters"][0]["Pattern"])
    assert pattern["dynamodb"]["NewImage"]["kind"]["S"] == ["registration", "person", "notice", "receipt", "guardian"]


def test_table_and_archives_outlive_the_stack_and_stay_private():
    assert resources()["Table"]["DeletionPolicy"] == "RetainExceptOnCreate"
    assert resources()["Table"]["Properties"]["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    for name, bucket in of_type("AWS::S3::Bucket").items():
        assert bucket["DeletionPolicy"] == "RetainExceptOnCreate", name
        assert set(bucket["Properties"]["PublicAccessBlockConfiguration"].values()) == {True}, name
    assert resources()["ArchiveBucket"]["Properties"]["VersioningConfiguration"] == {"Status": "Enabled"}


def test_what_tests_run_is_recognised_and_never_deployed():
    """Mutants and a clock that can be moved are in the tests' programs only; `make deploy` refuses one that has them."""
    assert make.rig_marks(make.RIG) == make.binaries()
    assert make.rig_marks(make.BUILD) == [], "what `make run` built, if it did"


def test_the_station_cannot_be_reached_around_its_certificate_check():
    assert resources()["StationApi"]["Properties"]["DisableExecuteApiEndpoint"] == {"Fn::If": ["HidesStationEndpoint", True, False]}
    assert "TruststoreUri" in json.dumps(resources()["StationDomain"]["Properties"]["MutualTlsAuthentication"])


def test_access_logs_name_the_route_and_never_the_path():
    for name, stage in of_type("AWS::ApiGatewayV2::Stage").items():
        form = stage["Properties"]["AccessLogSettings"]["Format"]
        assert "$context.routeKey" in form and "path" not in form and "$context.identity" not in form, name


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"Sandbox": "on", "StationTruststoreUri": "s3://bucket/ca.pem"}, "sandbox"),
        ({"Sandbox": "on", "Stage": "live"}, "sandbox"),
        ({"LocalPort": "4566"}, "LocalPort"),
    ],
)
def test_the_deploy_script_refuses_before_it_touches_anything(changed, said):
    target = deploy.Target("never", "eu-south-1", None, changed)
    with pytest.raises(deploy.DeployError, match=said):
        deploy.check_parameters(target)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"StationTruststoreUri": "s3://bucket/ca.pem"}, "sandbox cannot be on"),
        ({"Stage": "live", "LocalPort": ""}, "sandbox cannot be on in a live stage"),
        ({"Stage": "live", "Sandbox": "off", "CheckoutUrl": "https://x", "CheckoutOrigin": "https://x"}, "only for the demo stage"),
        ({"DomainName": "pagoinrete.example"}, "only for pagoinrete.localhost"),
        ({"Sandbox": "off"}, "CheckoutUrl is needed"),
        ({"CertificateArn": ""}, "needs CertificateArn"),
    ],
)
def test_the_template_refuses_too(stack, changed, said):
    """Whoever deploys without our script meets the same rules."""
    parameters = {**stack.target.parameters, "SessionPublicKey": "x", **changed}
    with pytest.raises(ClientError, match=said):
        stack.client("cloudformation").create_change_set(
            StackName="refused", ChangeSetName=f"c{time.monotonic_ns()}", ChangeSetType="CREATE",
            TemplateBody=(stack.work / "packaged.yaml").read_text(), Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
        )


def test_a_demo_never_becomes_live(stack):
    asked = {**stack.target.parameters, "Stage": "live", "Sandbox": "off"}
    target = deploy.Target(stack.name, stack.target.region, stack.endpoint, asked, stack.target.build, stack.work)
    with pytest.raises(deploy.DeployError, match="is demo; it cannot become live"):
        deploy.check_stage(target)


def test_deploying_again_keeps_keys_and_data(stack):
    secrets = stack.client("secretsmanager")
    before = [secrets.get_secret_value(SecretId=f"{stack.name}/{name}")["SecretString"] for name in deploy.SECRETS]
    outputs = dict(stack.outputs)
    (stack.work / f"deployed-{stack.name}").unlink()  # so that CloudFormation is asked
    assert stack.deploy() == outputs
    assert [secrets.get_secret_value(SecretId=f"{stack.name}/{name}")["SecretString"] for name in deploy.SECRETS] == before
    assert all(len(bytes.fromhex(value)) == 32 for value in before) and len(set(before)) == len(before)


def test_expired_items_go(stack):
    about = stack.client("dynamodb").describe_time_to_live(TableName=stack.table_name)["TimeToLiveDescription"]
    assert about == {"TimeToLiveStatus": "ENABLED", "AttributeName": "ttl"}


def test_the_mailbox_shows_a_mail_that_can_do_nothing(stack):
    address = f"mailbox-{time.monotonic_ns()}@example.org"
    html = '<p>Ciao <script>alert(1)</script><a href="https://example.org/x">qui</a></p>'
    stack.client("sesv2").send_email(
        FromEmailAddress="noreply@pagoinrete.example", Destination={"ToAddresses": [address]},
        Content={"Simple": {"Subject": {"Data": "Prova <b>"}, "Body": {"Text": {"Data": "Ciao"}, "Html": {"Data": html}}}},
    )
    server = mailbox.serve(0, stack.endpoint)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    base = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        found = json.load(urllib.request.urlopen(f"{base}/messages?to={address}"))["messages"]
        assert [mail["subject"] for mail in found] == ["Prova <b>"]
        listing = urllib.request.urlopen(f"{base}/?to={address}").read().decode()
        assert "Prova &lt;b&gt;" in listing and "Prova <b>" not in listing
        framed = urllib.request.urlopen(f"{base}/mail/{found[0]['id']}/html")
        policy = framed.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy and "sandbox" in policy and "allow-scripts" not in policy
        assert '<a target="_blank" rel="noopener noreferrer" href="https://example.org/x">' in framed.read().decode()
    finally:
        server.shutdown()


# ------------------------------------------------------- what `make` says


def test_the_example_that_make_run_prints_can_register(world):
    shown = make.DEMO.format(origin="", mail_port=0, sandbox="")
    name, surname, code, birth_date, place = re.search(r"(\w+) (\w+)\s+(\w{16}) · ([\d/]+) · (\w+) · Maschio", shown).groups()
    readme = (ROOT / "README.md").read_text()
    assert all(word in readme for word in (f"{name} {surname}", code, birth_date, place))
    client = Client(world.stack)
    begun = fine(client.post("/registration", fiscal_code=code, **client.robot("/registration")), 201)
    details = {"name": name, "surname": surname, "birth_date": birth_date, "birth_place": place, "sex": "M", "email": "luca@famiglie.example",
               "email_confirmation": "luca@famiglie.example", "terms": "on", "privacy": "on"}
    assert fine(client.post(f"/registration/{begun['id']}/details", **details))["location"] == f"/registration/{begun['id']}"


def test_a_second_make_run_is_told_of_the_first(monkeypatch):
    """Before anything else is looked at, whatever PORT is."""
    monkeypatch.setattr(make, "WORK", make.ROOT / ".local" / "nowhere")
    monkeypatch.setattr(make, "running_here", lambda folder=make.ROOT: 4242)
    with pytest.raises(make.Failure, match=r"Already running.*process 4242, started by `make run` in .*"):
        make.refuse_second_run()
    monkeypatch.setattr(make, "running_here", lambda folder=make.ROOT: None)
    assert make.refuse_second_run() is None


def test_who_holds_a_port_is_told_as_it_is(stack, monkeypatch):
    owner = local_stack.port_owner(stack.port)
    monkeypatch.setattr(make, "running_here", lambda folder: 4242 if folder == ROOT else None)
    assert make.holder(owner) == f", of `make run` in {ROOT} (process 4242)"
    monkeypatch.setattr(make, "running_here", lambda folder: None)
    assert "left behind" in make.holder(owner)
    assert make.holder("process 1 (nginx)") == make.holder("another process") == ""


@pytest.mark.parametrize(("text", "said"), [(None, "cannot be read"), ("{", "no JSON"), ("[]", "one object")])
def test_a_deployment_without_good_parameters_ends_in_one_sentence(tmp_path, text, said):
    file = tmp_path / "missing.json"
    if text is not None:
        file.write_text(text)
    with pytest.raises(make.Failure, match=said) as failure:
        make.cloud_parameters(str(file))
    assert str(file) in str(failure.value)
    with pytest.raises(make.Failure, match="cloud.example.json"):
        make.cloud_parameters(None)


def test_a_deployment_without_credentials_ends_before_the_build(monkeypatch, tmp_path):
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(make.Failure, match="nothing was built"):
        make.require_credentials("never", {})
    with pytest.raises(make.Failure, match="sandbox cannot be on in a live stage"):
        make.require_credentials("never", {"Sandbox": "on", "Stage": "live"})


def test_the_mailbox_shows_italian_time_and_names_it():
    assert mailbox.when(1_795_514_400) == "24/11/2026 11:00:00 CET"
    assert mailbox.when(1_782_295_200) == "24/06/2026 12:00:00 CEST"
