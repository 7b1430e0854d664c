"""Servers that do what a tracking server should not: each costs a line and little time, and the run stays."""

import logging
import os
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread

import pytest

from harness.cli.app import own_command
from harness.errors import UserError
from harness.runs.run_folder import read_record
from harness.runs.tracking.curves import Curves
from harness.runs.tracking.in_time import in_time, tracking_seconds, unhurried
from harness.runs.tracking.mirroring import mirror_all, mirror_in_time, try_mirror
from harness.runs.tracking.registry import register_version, registered_version

MakeRun = Callable[..., Path]
Start = Callable[[str], str]


class Handler(BaseHTTPRequestHandler):
    kind = ""
    ended = Event()

    def do_GET(self) -> None:
        if self.kind in ("dripping", "dripping header"):
            self.wfile.write(b"HTTP/1.1 200 OK\r\n" + b"Content-Length: 1000\r\n\r\n" * (self.kind == "dripping"))
            while not self.ended.wait(0.3):
                self.wfile.write(b"x")
        elif self.kind == "silent":
            self.ended.wait()
        else:
            self.send_response(int(self.kind.split()[0]))
            self.send_header("Retry-After", "3600")
            self.end_headers()
            self.wfile.write(b"the database\nis on fire")

    do_POST = do_GET  # noqa: N815

    def log_message(self, *_: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """The other side has hung up."""


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """Starts a server of some kind on loopback and returns its address."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    for name in [name for name in os.environ if name.startswith("MLFLOW_")]:
        monkeypatch.delenv(name)
    with ExitStack() as stack:

        def run(kind: str) -> str:
            if kind == "refused":
                with socket.create_server(("127.0.0.1", 0)) as taken:
                    return f"http://127.0.0.1:{taken.getsockname()[1]}"
            handler = type("OfKind", (Handler,), {"kind": kind, "ended": Event()})
            server = stack.enter_context(Server(("127.0.0.1", 0), handler))
            if kind == "self-signed":
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                context.load_cert_chain(certificate(tmp_path))
                server.socket = context.wrap_socket(server.socket, server_side=True)
            thread = Thread(target=server.serve_forever, args=(0.01,))
            thread.start()
            stack.callback(thread.join)
            stack.callback(server.shutdown)
            stack.callback(handler.ended.set)
            return f"http{'s' * (kind == 'self-signed')}://127.0.0.1:{server.server_port}"

        yield run


def certificate(folder: Path) -> Path:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    begin = datetime.now(UTC) - timedelta(days=1)
    made = x509.CertificateBuilder(name, name, key.public_key(), 1, begin, begin + timedelta(days=9))
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = folder / "certificate.pem"
    path.write_bytes(private + made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    return path


KINDS = {
    "refused": "Connection refused",
    "429 Too Many Requests": "429",
    "500 Internal Server Error": "500",
    "401 Unauthorized": "401",
    "self-signed": "self-signed certificate",
    "silent": "took longer than 1 s (LBAR_TRACKING_SECONDS sets how long)",
    "dripping": "took longer than 1 s (LBAR_TRACKING_SECONDS sets how long)",
    "dripping header": "took longer than 1 s (LBAR_TRACKING_SECONDS sets how long)",
}


@pytest.mark.parametrize("kind", KINDS)
def test_each_costs_a_line_and_the_run_is_mirrored_later(
    kind: str, start: Start, migrated_runs: Path, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_run(migrated_runs, "a")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", start(kind))
    waits = "took longer" in KINDS[kind]
    monkeypatch.setenv("LBAR_TRACKING_SECONDS", "1" if waits else "30")
    assert in_time(os.getpid, migrated_runs) != os.getpid(), "it runs, so that its start is not measured"
    begun = time.monotonic()
    warning = try_mirror(folder, out=migrated_runs)
    assert time.monotonic() - begun < (3 if waits else 20)
    assert warning is not None
    assert KINDS[kind] in warning
    assert warning.endswith(f"the run itself is safe in {folder}, `lbar track` mirrors it later")
    assert "\n" not in warning
    assert read_record(folder).system.name == "a"
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    monkeypatch.delenv("LBAR_TRACKING_SECONDS")
    ((_, outcome),) = mirror_all(migrated_runs)
    assert outcome.done


def test_a_registry_that_is_silent_is_not_waited_for(
    start: Start, migrated_runs: Path, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_run(migrated_runs, "a")
    record = read_record(folder)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", start("silent"))
    monkeypatch.setenv("LBAR_TRACKING_SECONDS", "0.5")
    assert in_time(os.getpid, migrated_runs) != os.getpid(), "it runs, so that its start is not measured"
    for call in (
        lambda: registered_version("lbar-everyday", "best", record, out=migrated_runs),
        lambda: register_version("lbar-everyday", "best", folder, "0" * 32, record, out=migrated_runs),
        lambda: mirror_in_time(folder, out=migrated_runs),
    ):
        begun = time.monotonic()
        with pytest.raises(UserError, match=r"MLflow at http://.* took longer than 0.5 s"):
            call()
        assert time.monotonic() - begun < 20
        assert in_time(os.getpid, migrated_runs, 60) != os.getpid()


@pytest.mark.slow
def test_registering_at_a_silent_server_ends_with_a_line(
    start: Start, migrated_runs: Path, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_run(migrated_runs, "linear")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", start("silent"))
    monkeypatch.setenv("LBAR_TRACKING_SECONDS", "1")
    command = own_command("mlflow", "register", "--out", str(migrated_runs))
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "took longer than 1 s" in done.stderr
    assert done.stderr.count("\n") == 1


def test_all_failed_epochs_of_a_training_together_may_take_as_long_as_a_run(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", start("dripping"))
    monkeypatch.setenv("LBAR_TRACKING_SECONDS", "0.5")
    curves = Curves(tmp_path, "mine", "a training of this test", {})
    warning = curves.try_log(1, {"loss": 1.0})
    assert warning is not None
    assert "took longer than 0.5 s" in warning
    begun = time.monotonic()
    assert [curves.try_log(epoch, {"loss": 1.0}) for epoch in range(2, 50)] == [None] * 48
    assert time.monotonic() - begun < 0.5


@pytest.mark.parametrize("text", ["0", "-1", "ten", "inf", "nan"])
def test_a_limit_that_is_none(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LBAR_TRACKING_SECONDS", text)
    with pytest.raises(UserError, match=f"LBAR_TRACKING_SECONDS is '{text}'; expected a number of seconds above 0"):
        tracking_seconds()


def patient() -> str:
    with unhurried():
        time.sleep(1)
    return "done"


def complain() -> None:
    logging.getLogger("harness.some").warning("say %s", "it")
    raise UserError("no", ["one", "two"])


def die() -> None:
    os._exit(3)


def test_what_this_machine_does_itself_is_not_counted(tmp_path: Path) -> None:
    assert in_time(patient, tmp_path, 0.5) == "done"


def test_errors_and_warnings_come_back(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(UserError, match="no") as caught:
        in_time(complain, tmp_path)
    assert caught.value.problems == ("one", "two")
    assert caplog.messages == ["say it"]


def test_after_a_death_there_is_another(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="took longer"):
        in_time(die, tmp_path)
    first = in_time(os.getpid, tmp_path)
    assert in_time(os.getpid, tmp_path) == first != os.getpid()


def test_it_ends_with_the_process_that_asks_even_where_that_is_killed(tmp_path: Path) -> None:
    code = (
        "import os, sys, time, pathlib, threading; from harness.runs.tracking.in_time import in_time;"
        "print(in_time(os.getpid, pathlib.Path('.')), flush=True);"
        "threading.Timer(0.2, os.kill, (os.getpid(), 9)).start();"
        "in_time(__import__('functools').partial(time.sleep, 600), pathlib.Path('.'), 500)"
    )
    done = subprocess.run([*own_command()[:2], "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == -9, done.stderr
    for _ in range(100):
        try:
            os.kill(int(done.stdout), 0)
        except ProcessLookupError:
            return
        time.sleep(0.05)
    pytest.fail("the process goes on")


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_the_command_ends_soon_after_it_would_have(
    kind: str,
    start: Start,
    participant: Path,
    own_cache: Path,
    tones: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    arguments = ["tone_system:ToneSystem", "random", "--protocol", "folder", "--data-root", str(tones())]
    monkeypatch.setenv("MLFLOW_TRACKING_URI", start(kind))
    command = own_command("eval", *arguments, "--device", "cpu")
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as process:
        assert process.stderr is not None
        at = {}
        lines = []
        for line in process.stderr:
            lines.append(line)
            at.setdefault(
                "evaluated" if ", in " in line else "tracked" if "lbar track" in line else "", time.monotonic()
            )
    assert process.returncode == 0, lines
    assert sum("`lbar track` mirrors it later" in line for line in lines) == 1
    assert at["tracked"] - at["evaluated"] < 15
    assert len(list(Path("runs").glob("*/record.json"))) == 2
