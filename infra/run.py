"""What the Makefile's targets do. Needs only Python's own library to begin with; it installs the rest itself.

    python3 infra/run.py run | build | test | faults | counts | lint | deploy | destroy | doctor | logs | watch | bench | assets | lock | clean
"""

import argparse
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WORK = ROOT / ".local"
VENV = ROOT / ".venv"
BUILD = ROOT / "build"
RIG = BUILD / "rig"  # what tests run: the same programs with a clock that can be moved and with mutants
RIG_FEATURES = ["--features", "runtime/rig,pagopa-sandbox/rig"]
RIG_MARKS = (b"CLOCK_FILE", b"ok-before-commit")  # each program built so holds one of these
PROFILE = "local"
STACK = "pagoinrete"
PORT = int(os.environ.get("PORT") or 4566)
MAIL_PORT = int(os.environ.get("MAIL_PORT") or 8025)
CI = os.environ.get("CI") == "true"
LOG_LINES = 40  # of a failed step's log to show
STARTED = float(os.environ.pop("RUN_STARTED", "0")) or time.time()  # of the first program, before it goes on in the environment
SPECS = Path(os.environ.get("PAGO_SPECS") or ROOT.parent / "shared" / "pagopa" / "specs")  # pagoPA's files, not ours to copy

DEMO = """
  {origin}

  Accounts (password of all: Prova2026!)
    parent          anna.bianchi
    school clerk    segreteria.pertini · segreteria.einstein · segreteria.assicurazione

  Somebody invented to register (code, birth date and sex must agree)
    Luca Verdi      VRDLCU80A01F205J · 01/01/1980 · Milano · Maschio

  Mails the service sends   http://localhost:{mail_port}/
  Our pagoPA (sandbox)      {sandbox}/
  Log of a function         make logs F=login
"""


class Failure(Exception):
    """A step failed; the text says what went wrong and what to do."""


# ------------------------------------------------------------------ steps


class Step:
    """Prints a step's name, what it is doing for long, and how long it took."""

    def __init__(self, name: str):
        self.name = name
        self.started = time.monotonic()
        self.note = ""

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.started

    def say(self, text: str) -> None:
        if sys.stdout.isatty():
            print(f"\r\033[K  {self.name} … {self.seconds:.0f} s  {text[:70]}", end="", flush=True)

    def __enter__(self) -> "Step":
        self.say("")
        return self

    def __exit__(self, kind: type | None, *_: object) -> None:
        clear = "\r\033[K" if sys.stdout.isatty() else ""
        print(f"{clear}{'✗' if kind else '✓'} {self.name}  {self.seconds:.1f} s{'  ' + self.note if self.note else ''}", flush=True)


def run_logged(step: Step, command: list[str], log: Path, hint: str, env: dict[str, str] | None = None, cwd: Path = ROOT) -> str:
    """Runs a command with its output in a log; on failure shows the log's end and says where all of it is."""
    log.parent.mkdir(parents=True, exist_ok=True)
    tail: deque[str] = deque(maxlen=LOG_LINES)
    said = time.monotonic()
    with log.open("w") as file:
        process = subprocess.Popen(command, cwd=cwd, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
        assert process.stdout is not None
        try:
            for line in process.stdout:
                file.write(line)
                tail.append(line.rstrip())
                step.say(line.strip())
                if not sys.stdout.isatty() and time.monotonic() - said > 30:
                    print(f"  {step.name} … {step.seconds:.0f} s  {line.strip()[:90]}", flush=True)
                    said = time.monotonic()
        finally:
            if process.poll() is None and sys.exc_info()[0] is not None:
                process.terminate()
            code = process.wait()
    if code != 0:
        shown = "\n".join(f"    {line}" for line in tail)
        raise Failure(f"`{' '.join(command[:4])} …` ended with {code}. The end of its output:\n{shown}\n  All of it: {log}\n  {hint}")
    return "\n".join(tail)


def run_shown(name: str, command: list[str], env: dict[str, str] | None = None) -> None:
    """Runs a command whose output is what one wants to see (tests, lint)."""
    print(f"▸ {name}: {' '.join(command)}", flush=True)
    started = time.monotonic()
    code = subprocess.run(command, cwd=ROOT, env=env).returncode
    print(f"{'✓' if code == 0 else '✗'} {name}  {time.monotonic() - started:.1f} s", flush=True)
    if code != 0:
        raise Failure(f"{name} failed.")


def file_digest(*paths: Path) -> str:
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.read_bytes())
    return digest.hexdigest()


# ------------------------------------------------------------ what is needed


def version_of(command: list[str]) -> tuple[int, ...] | None:
    try:
        output = subprocess.run(command, capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.search(r"(\d+)\.(\d+)(?:\.(\d+))?", output.stdout + output.stderr)
    return tuple(int(part or 0) for part in found.groups()) if found and output.returncode == 0 else None


def machine() -> list[tuple[bool, bool, str, str]]:
    """What the machine has: (there, needed, what, how to get it)."""
    cargo_toml = (ROOT / "Cargo.toml").read_text()
    wanted_rust = tuple(int(part) for part in re.search(r'rust-version = "([\d.]+)"', cargo_toml)[1].split("."))  # type: ignore[index]
    rust, node = version_of(["rustc", "--version"]), version_of(["node", "--version"])

    def has(*commands: str) -> bool:
        return any(shutil.which(command) for command in commands)

    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401

        venv_there = True
    except ImportError:
        venv_there = False
    rust_name = ".".join(str(part) for part in wanted_rust)
    free = shutil.disk_usage(ROOT).free / 2**30
    return [
        (has("cc", "gcc", "clang"), True, "C compiler", "apt install gcc (Debian, Ubuntu) · xcode-select --install (macOS)"),
        (has("make"), True, "make", "apt install make"),
        (rust is not None and rust >= wanted_rust and has("cargo"), True, f"Rust {rust_name} or newer (cargo, rustc)", "https://rustup.rs, then: rustup update stable"),
        (has("cmake") or sys.platform.startswith("linux"), False, "cmake (only where aws-lc has no ready build files)", "apt install cmake"),
        (sys.version_info >= (3, 10), True, f"Python 3.10 or newer (this is {sys.version.split()[0]})", "apt install python3"),
        (venv_there, True, "Python's venv with pip", "apt install python3-venv"),
        (node is not None and node >= (20,), True, "Node 20 or newer", "https://nodejs.org or apt install nodejs"),
        (has("npm"), True, "npm", "comes with Node, or apt install npm"),
        (free > 6, True, f"6 GB of free disk (there are {free:.0f})", "make some room"),
        (has("chromium", "chromium-browser", "google-chrome"), False, "Chromium, for the browser tests", "apt install chromium"),
        (has("xmllint"), False, "xmllint, for the tests against the official schema", "apt install libxml2-utils"),
        (has("pdftotext"), False, "pdftotext, for the tests of PDFs", "apt install poppler-utils"),
    ]


def doctor() -> None:
    """Says what the machine lacks for `make run` and `make test`."""
    lacking = False
    for there, needed, what, how in machine():
        if there:
            print(f"  ✓ {what}")
        else:
            lacking = lacking or needed
            print(f"  {'✗' if needed else '–'} {what}: {'missing' if needed else 'missing, only some tests need it'}\n      get it: {how}")
    if (SPECS / "soap-paForNode.xsd").is_file():
        print("  ✓ pagoPA's official schemas")
    else:
        print("  – pagoPA's official schemas: absent, so the tests against them are skipped and all others run\n"
              "      PAGO_SPECS=FOLDER names a folder with them: CONTRIBUTING.md, \"Build, run, test\"")
    running, taken = running_here(), {}
    for port, what, variable in ((PORT, "emulator", "PORT"), (MAIL_PORT, "mailbox", "MAIL_PORT")):
        if not is_taken(port):
            print(f"  ✓ port {port} ({what}) is free")
        elif running:
            print(f"  ✓ port {port} ({what}) is that of `make run` (process {running})")
        else:
            taken[variable] = free_beside(port)
            print(f"  ✗ port {port} ({what}) is taken by another program\n      stop it, or choose another: {variable}={taken[variable]}")
    if lacking:
        raise Failure("Something is missing, see above.")
    if taken:
        choice = " ".join(f"{variable}={port}" for variable, port in taken.items())
        raise Failure(f"Ready but for what is taken above. With other ports: make run {choice}")
    print("  Running already: Ctrl-C in its terminal stops it." if running else "  Ready: make run")


def is_taken(port: int) -> bool:
    import socket

    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


def free_beside(port: int) -> int:
    return next(candidate for candidate in range(port + 1, 65536) if not is_taken(candidate))


def running_here(folder: Path = ROOT) -> int | None:
    """The process of a folder's own `make run`, if it lives: its file outlives a hard end."""
    try:
        process = int((folder / ".local" / "run.pid").read_text())
        os.kill(process, 0)
    except (OSError, ValueError):
        return None
    command = Path(f"/proc/{process}/cmdline")  # the number may be another program's by now
    return process if not command.exists() or b"run.py" in command.read_bytes() else None


def holder(owner: str) -> str:
    """Who it is, where one of our own programs holds a port: somebody's `make run`, or what one left behind."""
    found = re.match(r"process (\d+) \(.*infra/(local/emulator|run)\.py", owner)
    if not found:
        return ""
    try:
        folder = Path(os.readlink(f"/proc/{found[1]}/cwd"))
    except OSError:
        return ""
    process = running_here(folder)
    return f", of `make run` in {folder} (process {process})" if process else f", which an earlier `make run` in {folder} left behind"


def refuse_second_run() -> None:
    process = running_here()
    if process is None:
        return
    try:
        outputs = json.loads((WORK / "outputs.json").read_text())
        at = f"at {outputs['Origin']}"
    except (OSError, ValueError, KeyError):
        at = "here, not ready yet"
    raise Failure(f"Already running {at}: process {process}, started by `make run` in {ROOT}. Ctrl-C in its terminal stops it.\n"
                  f"A second one needs a folder of its own, whatever PORT is: both would keep their data in {WORK.relative_to(ROOT)}.")


def require_machine() -> None:
    missing = [f"{what}: {how}" for there, needed, what, how in machine() if needed and not there]
    if missing:
        raise Failure("This machine lacks:\n" + "\n".join(f"    {line}" for line in missing))


def tools() -> None:
    """The project's own Python environment and npm packages; nothing outside the project's folder."""
    lock = ROOT / "infra" / "requirements.txt"
    stamp = VENV / ".installed"
    if not stamp.exists() or stamp.read_text() != file_digest(lock):
        with Step("tools from PyPI into .venv") as step:
            if not (VENV / "bin" / "python").exists():
                run_logged(step, [sys.executable, "-m", "venv", str(VENV)], WORK / "venv.log", "Is Python's venv module installed? See `make doctor`.")
            command = [str(VENV / "bin" / "python"), "-m", "pip", "install", "--disable-pip-version-check", "--require-hashes", "-r", str(lock)]
            run_logged(step, command, WORK / "pip.log", "Is the package index reachable?")
            stamp.write_text(file_digest(lock))
    packages = ROOT / "package-lock.json"
    installed = ROOT / "node_modules" / ".installed"
    if not installed.exists() or installed.read_text() != file_digest(packages):
        with Step("packages from npm into node_modules") as step:
            run_logged(step, ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], WORK / "npm.log", "Is the package registry reachable?")
            installed.write_text(file_digest(packages))


def inside_venv(arguments: list[str]) -> None:
    """Goes on in the project's environment, where boto3 and the emulator are."""
    if Path(sys.prefix) != VENV:
        python = str(VENV / "bin" / "python")
        os.environ["RUN_STARTED"] = str(STARTED)
        os.execv(python, [python, str(Path(__file__).resolve()), *arguments])
    sys.path.insert(0, str(ROOT / "infra"))
    sys.path.insert(0, str(ROOT / "infra" / "local"))


def assets() -> None:
    with Step("assets") as step:
        step.note = run_logged(step, ["node", str(ROOT / "infra" / "assets" / "build.mjs")], WORK / "assets.log", "Try `rm -rf node_modules` and again.").removeprefix("assets: ")


# ------------------------------------------------------------------ build


def binaries() -> list[str]:
    """Functions of the template, and the program that makes the demo data."""
    template = (ROOT / "infra" / "template.yaml").read_text()
    return sorted(set(re.findall(r"CodeUri: \.\./build/([a-z0-9-]+)/", template))) + ["seed"]


def target_folder() -> Path:
    return Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target")


def build(extra: list[str] | None = None) -> None:
    """All functions in one cargo call, then each as build/<name>/bootstrap."""
    cargo_build("functions", ["--bins", *(extra or [])])
    put_in_place(target_folder() / PROFILE, BUILD)


def build_rig() -> None:
    """What tests run, to build/rig. In one call with the crates' own tests: cargo chooses the features of what others wrote for
    all that one call builds, so two calls would compile most of it twice."""
    cargo_build("functions and tests", ["--workspace", "--all-targets", *RIG_FEATURES])
    put_in_place(target_folder() / PROFILE, RIG)


def cargo_build(name: str, what: list[str]) -> None:
    with Step(name) as step:
        command = ["cargo", "build", "--profile", PROFILE, *(["--locked"] if CI else []), *what]
        log = run_logged(step, command, WORK / "build.log", "Correct it and run the same command again; only what changed is built.")
        step.note = log.splitlines()[-1].strip() if log else ""


def put_in_place(folder: Path, build: Path) -> None:
    for name in binaries():
        built = folder / name
        if not built.is_file():
            raise Failure(f"cargo built no program {name}: infra/template.yaml names it, functions/{name} must have it.")
        place = build / name / "bootstrap"
        if place.exists() and os.path.samefile(place, built):
            continue
        place.parent.mkdir(parents=True, exist_ok=True)
        place.unlink(missing_ok=True)
        try:
            os.link(built, place)
        except OSError:
            shutil.copy2(built, place)


# -------------------------------------------------------------------- run


def local_parameters() -> dict[str, str]:
    parameters = json.loads((ROOT / "infra" / "parameters" / "local.json").read_text())
    parameters["Architecture"] = "arm64" if os.uname().machine in ("arm64", "aarch64") else "x86_64"
    return parameters


def run() -> None:
    """Everything from nothing to one address; then stays, and Ctrl-C stops all and keeps the data."""
    refuse_second_run()
    require_machine()
    tools()
    inside_venv(["run"])
    from deploy import DeployError
    from mailbox import serve
    from stack import LocalStack, StackError, port_owner

    def stop(number: int, _: object) -> None:
        if number == signal.SIGHUP:  # the terminal was closed: printing to it would fail and leave things running
            nowhere = os.open(os.devnull, os.O_WRONLY)
            for stream in (1, 2):
                os.dup2(nowhere, stream)
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # under nohup it stays ignored
        signal.signal(signal.SIGHUP, stop)
    pid_file = WORK / "run.pid"
    for port, variable in ((PORT, "PORT"), (MAIL_PORT, "MAIL_PORT")):
        owner = port_owner(port)
        if owner:
            raise Failure(f"Port {port} is taken by {owner}{holder(owner)}. Stop it, or choose another: make run {variable}={free_beside(port)}")
    stack = LocalStack(PORT, local_parameters(), WORK, state=WORK / "state", name=STACK)
    mailbox = None
    WORK.mkdir(exist_ok=True)
    (WORK / "outputs.json").unlink(missing_ok=True)  # it says where the service is, once it is there
    try:
        pid_file.write_text(str(os.getpid()))
        assets()
        build()
        with Step("emulator"):
            stack.start()
        with Step("stack") as step:
            stack.deploy()
            step.note = f"{stack.target.uploaded} functions were new"
        with Step("demo data"):
            stack.seed()
        mailbox = serve(MAIL_PORT, stack.endpoint)
        threading.Thread(target=mailbox.serve_forever, daemon=True).start()
        print(f"\nReady in {time.time() - STARTED:.0f} s.")
        print(DEMO.format(origin=stack.origin, mail_port=MAIL_PORT, sandbox=stack.sandbox_origin))
        print("Ctrl-C stops it; the data stay until `make clean`.", flush=True)
        while stack.process is not None and stack.process.poll() is None:
            time.sleep(0.5)
        raise Failure(f"The emulator ended by itself.\n{stack.log_tail()}")
    except KeyboardInterrupt:
        print("\nStopping …", flush=True)
    except (StackError, DeployError) as error:
        raise Failure(f"{error}\n  The emulator's log: {stack.log}") from None
    finally:
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        if mailbox is not None:
            mailbox.shutdown()
        if stack.process is not None:
            with Step("saving the data"):
                stack.stop()
        pid_file.unlink(missing_ok=True)


def watch() -> None:
    """Beside `make run`: builds and deploys again whenever a source changes."""
    tools()
    inside_venv(["watch"])
    from deploy import DeployError
    from stack import LocalStack

    if not is_taken(PORT):
        raise Failure("Nothing runs: start `make run` first, in another terminal.")
    stack = LocalStack(PORT, local_parameters(), WORK, name=STACK)

    def state() -> dict[str, float]:
        folders = [ROOT / "functions", ROOT / "shared", ROOT / "infra" / "template.yaml"]
        files = [file for folder in folders for file in ([folder] if folder.is_file() else folder.rglob("*"))]
        return {str(file): file.stat().st_mtime for file in files if file.suffix in (".rs", ".toml", ".html", ".txt", ".css", ".js", ".yaml")}

    seen = state()
    print("Watching functions/, shared/ and the template. Ctrl-C ends it.", flush=True)
    while True:
        time.sleep(1)
        try:
            now = state()
        except FileNotFoundError:  # an editor is just replacing it
            continue
        if now == seen:
            continue
        seen = now
        try:
            assets()
            build()
            with Step("stack") as step:
                stack.deploy()
                step.note = f"{stack.target.uploaded} functions were new"
        except (Failure, DeployError) as error:
            print(f"{error}", flush=True)


def logs(function: str | None, options: argparse.Namespace) -> None:
    """Follows the log of one function or of all."""
    tools()
    inside_venv(["logs", *([function] if function else []), *(["--cloud"] if options.cloud else []), "--stack", options.stack])
    from botocore.exceptions import BotoCoreError, ClientError
    from deploy import Target

    region = os.environ.get("AWS_REGION") or "eu-south-1"
    client = Target(options.stack, region, None if options.cloud else f"http://127.0.0.1:{PORT}").client("logs")
    prefix = f"/aws/lambda/{options.stack}-"
    since = int((time.time() - 600) * 1000)
    shown: deque[str] = deque(maxlen=5000)
    while True:
        try:
            groups = [g["logGroupName"] for page in client.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=prefix + (function or "")) for g in page["logGroups"]]
            if not groups:
                raise Failure(f"There is no function {function}; there are: {', '.join(binaries()[:-1])}")
            lines = []
            for group in groups:
                for page in client.get_paginator("filter_log_events").paginate(logGroupName=group, startTime=since):
                    for event in page["events"]:
                        lines.append((event["timestamp"], group.removeprefix(prefix), event["message"].rstrip(), event.get("eventId") or f"{event['timestamp']}{event['message']}{event['logStreamName']}"))
        except (BotoCoreError, ClientError) as error:
            raise Failure(f"The logs cannot be read ({error}). Does `make run` run?") from None
        for at, name, text, key in sorted(lines):
            if key in shown or text.startswith(("START RequestId", "END RequestId", "REPORT RequestId", "INIT_START")):
                continue
            shown.append(key)
            print(f"{time.strftime('%H:%M:%S', time.localtime(at / 1000))} {name:20} {text}", flush=True)
        since = max([since, *(at for at, *_ in lines)])
        time.sleep(1)


# ------------------------------------------------------------------- test


def lint() -> None:
    """The template as CloudFormation will see it, then as it is written."""
    tools()
    inside_venv(["lint"])
    from lint_template import main as check

    with Step("template") as step:
        problems = check()
        step.note = "no complaint" if not problems else ""
        if problems:
            raise Failure("infra/template.yaml:\n" + "\n".join(problems))


def require_test_python() -> None:
    if sys.version_info < (3, 11):
        raise Failure(f"The tests need Python 3.11 or newer, this is {sys.version.split()[0]} (make run needs 3.10): "
                      "PYTHON=python3.11 make test, after `rm -r .venv` if it was made with the older one.")


def test(arguments: list[str]) -> None:
    """Format, lint, unit tests, build, then the tests against a stack of their own."""
    require_test_python()
    require_machine()
    tools()
    inside_venv(["test", *arguments])
    locked = ["--locked"] if CI else []
    quiet = [] if sys.stdout.isatty() else ["--quiet"]
    assets()
    started = time.monotonic()
    run_shown("format", ["cargo", "fmt", "--all", "--check"])
    lint()
    for name, features in (("clippy", []), ("clippy of the rig", RIG_FEATURES)):
        run_shown(name, ["cargo", "clippy", *quiet, "--profile", PROFILE, "--workspace", "--all-targets", *features, *locked, "--", "-D", "warnings"])
    build_rig()
    with_emulator("unit tests", ["cargo", "test", *quiet, "--profile", PROFILE, "--workspace", *RIG_FEATURES, *locked])
    strict = ["--strict-skips"] if CI else []
    run_shown("stack tests", [str(VENV / "bin" / "python"), "-m", "pytest", "tests", *strict, *arguments])
    print(f"All of it in {time.monotonic() - started:.0f} s.")


def with_emulator(name: str, command: list[str]) -> None:
    """Runs a command beside an empty emulator, for the tests of single crates that need one."""
    from stack import LocalStack, free_port

    stack = LocalStack(free_port(), local_parameters(), WORK / "crates", name="crates")
    stack.start()
    try:
        keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": stack.target.region}
        run_shown(name, command, {**os.environ, **keys, "AWS_ENDPOINT_URL": stack.endpoint})
    finally:
        stack.stop()


def campaign(what: str, arguments: list[str]) -> None:
    """The fault rig by itself: every fault of every call, random plans (SEED, N), or what each flow costs (docs/rig.md)."""
    require_test_python()
    require_machine()
    tools()
    inside_venv([what, *arguments])
    assets()
    build_rig()
    run_shown(what, [str(VENV / "bin" / "python"), str(ROOT / "tests" / "rig" / "campaign.py"), what, *arguments])


def bench() -> None:
    print("There is no benchmark yet: CHANGELOG.md, \"Not yet\".")


# ------------------------------------------------------------------ cloud


def deploy_cloud(options: argparse.Namespace) -> None:
    """Builds for AWS and deploys there with the person's own credentials."""
    parameters = cloud_parameters(options.parameters)
    require_machine()
    tools()
    inside_venv(["deploy", "--stack", options.stack, *(["--parameters", options.parameters] if options.parameters else [])])
    require_credentials(options.stack, parameters)
    assets()
    with Step("functions for AWS") as step:
        architecture = ["--arm64"] if parameters.get("Architecture", "arm64") == "arm64" else ["--x86-64"]
        environment = {**os.environ, "PATH": f"{VENV / 'bin'}:{os.environ['PATH']}"}
        run_logged(step, [str(VENV / "bin" / "cargo-lambda"), "lambda", "build", "--release", "--bins", *architecture], WORK / "build-aws.log",
                   "Is the target installed? rustup target add aarch64-unknown-linux-gnu", environment)
    if rigged := rig_marks(target_folder() / "lambda"):
        raise Failure(f"Built with the tests' feature `rig`, never to be deployed: {', '.join(rigged)}")
    command = [str(VENV / "bin" / "python"), str(ROOT / "infra" / "deploy.py"), "--stack", options.stack,
               "--parameters", options.parameters, "--build", str(target_folder() / "lambda")]
    run_shown("deploy", command)


def cloud_parameters(path: str | None) -> dict[str, str]:
    example = "infra/parameters/cloud.example.json"
    if not path:
        raise Failure(f"Say which parameters: make deploy PARAMETERS=infra/parameters/NAME.json (start from {example})")
    try:
        parameters = json.loads(Path(path).read_text())
    except OSError as error:
        raise Failure(f"The parameters {path} cannot be read ({error.strerror}): copy {example} to it and fill it in.") from None
    except ValueError as error:
        raise Failure(f"The parameters {path} are no JSON: {error}") from None
    if not isinstance(parameters, dict):
        raise Failure(f"The parameters {path} must be one object, as {example} is.")
    return parameters


def require_credentials(stack: str, parameters: dict[str, str]) -> None:
    """What would refuse the deployment is said before the long build, not after it."""
    from botocore.exceptions import BotoCoreError, ClientError
    from deploy import DeployError, Target, check_parameters, check_stage

    target = Target(stack, os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "eu-south-1", None, parameters)
    with Step("account") as step:
        try:
            check_parameters(target)
            step.note = f"{target.client('sts').get_caller_identity()['Account']}, {target.region}"
            check_stage(target)
        except DeployError as error:
            raise Failure(str(error)) from None
        except (BotoCoreError, ClientError) as error:
            raise Failure(f"AWS cannot be asked who you are ({error}). Sign in first (aws sso login, AWS_PROFILE or AWS_ACCESS_KEY_ID), then again; nothing was built.") from None


def rig_marks(build: Path) -> list[str]:
    """The programs in a folder that were built for tests: their clock can be moved and their defences taken away."""
    return [name for name in binaries() if (program := build / name / "bootstrap").is_file() and any(mark in program.read_bytes() for mark in RIG_MARKS)]


def destroy(options: argparse.Namespace) -> None:
    tools()
    inside_venv(["destroy", "--stack", options.stack])
    raise SystemExit(subprocess.run([str(VENV / "bin" / "python"), str(ROOT / "infra" / "destroy.py"), "--stack", options.stack]).returncode)


def lock() -> None:
    """Writes both lock files again from what infra/requirements.in and package.json ask for."""
    with Step("locks") as step:
        uv = VENV / "bin" / "uv"
        if not uv.exists():
            run_logged(step, [str(VENV / "bin" / "python"), "-m", "pip", "install", "uv"], WORK / "lock.log", "Is the package index reachable?")
        command = [str(uv), "pip", "compile", "--universal", "--python-version", "3.10", "--generate-hashes", "--no-emit-index-url", "--no-header",
                   "infra/requirements.in", "-o", "infra/requirements.txt"]
        run_logged(step, command, WORK / "lock.log", "See the log.")
        run_logged(step, ["npm", "install", "--package-lock-only", "--ignore-scripts"], WORK / "lock.log", "See the log.")


def clean() -> None:
    if running_here():
        raise Failure("`make run` is running: stop it first, its data would be lost.")
    for folder in (WORK, BUILD, ROOT / "tests" / ".output"):
        shutil.rmtree(folder, ignore_errors=True)
    print("The local data, logs and packaged functions are gone. What cargo, pip and npm made stays (target, .venv, node_modules, assets).")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["run", "build", "test", "faults", "counts", "lint", "deploy", "destroy", "doctor", "logs", "watch", "bench", "assets", "tools", "lock", "clean"])
    parser.add_argument("--stack", default=STACK)
    parser.add_argument("--parameters")
    parser.add_argument("--cloud", action="store_true", help="logs: of the stack in AWS")
    options, more = parser.parse_known_args()
    try:
        match options.what:
            case "run": run()
            case "build": require_machine(); tools(); assets(); build(more)
            case "test": test(more)
            case "faults" | "counts": campaign(options.what, more)
            case "lint": lint()
            case "deploy": deploy_cloud(options)
            case "destroy": destroy(options)
            case "doctor": doctor()
            case "logs": logs(more[0] if more else None, options)
            case "watch": watch()
            case "bench": bench()
            case "assets": require_machine(); tools(); assets()
            case "tools": require_machine(); tools()
            case "lock": tools(); lock()
            case "clean": clean()
    except Failure as failure:
        print(f"\n{failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print()
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
