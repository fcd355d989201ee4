"""The processes of production, started as the files in ``deploy/`` say, but in a folder that is deleted afterwards."""

from __future__ import annotations

import os
import re
import secrets
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.with_postgres import _free_port as free_port

SOURCE = Path(__file__).resolve().parents[2]
DEPLOY = SOURCE / "deploy"
HOST = "soloscore.example"
STARTS_WITHIN_SECONDS = 240
STOPS_WITHIN_SECONDS = 60
TAIL_LINES = 25


class CheckFailed(Exception):
    """Something is not as production needs it."""


class House:
    """A folder that stands for the machine, and the processes in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.chmod(0o750)  # nginx comes in by the group, as www-data does on a server
        for name in ("var", "run", "etc", "tls", "static", "log", "rabbitmq"):
            (folder / name).mkdir(mode=0o750)
        self.places = {
            "/srv/soloscore/app/staticfiles": folder / "static",
            "/srv/soloscore/app/.venv/bin": Path(sys.executable).parent,
            "/srv/soloscore/app": SOURCE,
            "/srv/soloscore/var": folder / "var",
            "/run/soloscore": folder / "run",
            "/etc/soloscore": folder / "etc",
            "/etc/ssl/soloscore": folder / "tls",
            "/etc/nginx/soloscore-proxy.conf": folder / "etc" / "soloscore-proxy.conf",
        }
        self.https_port, self.http_port = free_port(), free_port()

    def moved(self, text: str) -> str:
        """Put this folder's paths into a file of ``deploy/``."""
        pattern = "|".join(re.escape(place) for place in sorted(self.places, key=len, reverse=True))
        return re.sub(pattern, lambda found: str(self.places[found[0]]), text)

    def log(self, name: str) -> Path:
        """Return where a process writes what it has to say."""
        return self.folder / "log" / f"{name}.log"

    def tails(self) -> str:
        """Return the last lines of every log."""
        said = []
        for log in sorted((self.folder / "log").glob("*.log")):
            lines = log.read_text(errors="replace").splitlines()[-TAIL_LINES:]
            said.append("\n".join([f"--- {log.name}", *lines]))
        return "\n".join(said)

    def write_environment(self, **values: str) -> None:
        """Fill in ``env.example`` as an operator would: every variable that is empty there gets a value."""
        filled = []
        for line in self.moved((DEPLOY / "env.example").read_text()).splitlines():
            name, is_setting, value = line.partition("=")
            if is_setting and not line.startswith("#"):
                value = values.pop(name, value) or secrets.token_urlsafe(50)
                line = f"{name}={value}"
            filled.append(line)
        if values:
            raise CheckFailed(f"deploy/env.example does not know {', '.join(values)}")
        (self.folder / "etc" / "env").write_text("\n".join(filled) + "\n")

    def environment(self) -> dict[str, str]:
        """Return what a unit would see: the file, what a rehearsal adds to it, and nothing of our own shell."""
        return {
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": str(self.folder),
            "LANG": "C.UTF-8",
            "DJANGO_SETTINGS_MODULE": "tests.production.settings",
            "REHEARSAL_STATIC_ROOT": str(self.folder / "static"),
            **read_environment(self.folder / "etc" / "env"),
        }

    def manage(self, *arguments: str) -> str:
        """Run ``manage.py`` with the environment of production; return what it printed."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=SOURCE, env=self.environment(), text=True, capture_output=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise CheckFailed(
                f"manage.py {arguments[0]} ended with {done.returncode}:\n{done.stderr[-3000:]}"
            )
        return done.stdout

    @contextmanager
    def unit(self, name: str, instance: str = "") -> Iterator[subprocess.Popen[bytes]]:
        """Run a unit of ``deploy/systemd`` as systemd would, until the end of the block."""
        text = (DEPLOY / "systemd" / f"{name}{'@' if instance else ''}.service").read_text()
        unit = read_unit(self.moved(text).replace("%%", "\0").replace("%i", instance).replace("\0", "%"))
        environment = self.environment()
        for assignments in unit.get("Environment", []):
            environment |= dict(pair.split("=", 1) for pair in shlex.split(assignments))
        for path in unit.get("EnvironmentFile", []):
            if not path.startswith("-") or Path(path[1:]).exists():
                environment |= read_environment(Path(path.removeprefix("-")))
        [line] = unit["ExecStart"]
        command = [re.sub(r"\$\{(\w+)\}", lambda v: environment[v[1]], word) for word in shlex.split(line)]
        [umask] = unit.get("UMask", ["0022"])
        [folder] = unit["WorkingDirectory"]
        told = self.folder / "run" / "notify"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notified:
            if unit.get("Type") == ["notify"]:
                notified.bind(str(told))
                notified.settimeout(STARTS_WITHIN_SECONDS)
                environment["NOTIFY_SOCKET"] = str(told)
            label = f"{name}-{instance}" if instance else name
            with self.process(label, command, environment, cwd=folder, umask=int(umask, 8)) as process:
                if unit.get("Type") == ["notify"]:
                    while b"READY=1" not in notified.recv(4096):
                        pass
                yield process

    @contextmanager
    def process(
        self,
        name: str,
        command: list[str],
        environment: dict[str, str],
        *,
        cwd: str = "/",
        umask: int = 0o022,
    ) -> Iterator[subprocess.Popen[bytes]]:
        """Run a program in a process group of its own; end it kindly, and then by force."""
        with self.log(name).open("wb") as log:
            process = subprocess.Popen(
                command, cwd=cwd, env=environment, umask=umask, stdin=subprocess.DEVNULL, stdout=log,
                stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        try:
            yield process
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(STOPS_WITHIN_SECONDS)
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    @contextmanager
    def rabbitmq(self) -> Iterator[str]:
        """Run a broker of our own, with the user and virtual host of the README; give its address."""
        folder, port, epmd_port = self.folder / "rabbitmq", free_port(), free_port()
        password = secrets.token_hex(16)
        # What the README's three lines of rabbitmqctl come to, each of which starts an Erlang of its own.
        (folder / "rabbitmq.conf").write_text(
            f"default_vhost = soloscore\ndefault_user = soloscore\ndefault_pass = {password}\n"
        )
        environment = {
            "PATH": f"/usr/lib/rabbitmq/bin:{os.environ['PATH']}", "HOME": str(folder), "LANG": "C.UTF-8",
            "ERL_EPMD_PORT": str(epmd_port), "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": "soloscore-check@localhost", "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(port), "RABBITMQ_DIST_PORT": str(free_port()),
            "RABBITMQ_MNESIA_BASE": str(folder), "RABBITMQ_LOG_BASE": str(folder), "RABBITMQ_LOGS": "-",
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq"), "RABBITMQ_CONF_ENV_FILE": str(folder / "none"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
            "RABBITMQ_PID_FILE": str(folder / "pid"),
        }  # fmt: skip

        try:
            with self.process("rabbitmq", [_program("rabbitmq-server")], environment) as process:
                # It listens when it is all there.
                wait_for(lambda: _listens(port) or process.poll() is not None, "RabbitMQ starts")
                yield f"amqp://soloscore:{password}@127.0.0.1:{port}/soloscore"
        finally:
            # Erlang's name server goes on when its last node is gone.
            subprocess.run(["epmd", "-port", str(epmd_port), "-kill"], capture_output=True, check=False)

    @contextmanager
    def nginx(self) -> Iterator[None]:
        """Run nginx with the two files of ``deploy/`` and a certificate signed by itself."""
        subprocess.run(
            [
                "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                "-days", "2", "-subj", f"/CN={HOST}", "-addext", f"subjectAltName=DNS:{HOST}",
                "-keyout", str(self.folder / "tls" / "privkey.pem"),
                "-out", str(self.folder / "tls" / "fullchain.pem"),
            ],
            check=True, capture_output=True,
        )  # fmt: skip
        etc = self.folder / "etc"
        (etc / "soloscore-proxy.conf").write_text((DEPLOY / "nginx-proxy.conf").read_text())
        site = self.moved((DEPLOY / "nginx.conf").read_text())
        for port, ours in ((443, self.https_port), (80, self.http_port)):
            site, count = re.subn(rf"listen {port}\b", f"listen 127.0.0.1:{ours}", site)
            if count != 1:
                raise CheckFailed(f"deploy/nginx.conf listens {count} times on {port}")
        (etc / "soloscore.conf").write_text(site)
        run = self.folder / "run"
        temporary = "".join(
            f"{kind}_temp_path {run}/{kind};\n"
            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        # Its own user in the application's group, as README.md has it; only root may choose.
        user = f"user www-data {_group_of(self.folder)};\n" if os.geteuid() == 0 else ""
        (etc / "nginx.conf").write_text(
            f"{user}daemon off;\nworker_processes 2;\npid {run}/nginx.pid;\nerror_log stderr warn;\n"
            "events { worker_connections 512; }\n"
            f"http {{\ninclude /etc/nginx/mime.types;\ndefault_type application/octet-stream;\naccess_log off;\n"
            f"{temporary}include {etc}/soloscore.conf;\n}}\n"
        )
        command = [_program("nginx"), "-e", "stderr", "-p", str(self.folder), "-c", str(etc / "nginx.conf")]
        checked = subprocess.run([*command, "-t"], capture_output=True, text=True, check=False)
        if checked.returncode:
            raise CheckFailed(checked.stderr)
        with self.process("nginx", command, {"PATH": os.environ["PATH"]}) as process:
            wait_for(lambda: _listens(self.https_port) or process.poll() is not None, "nginx starts")
            yield


def read_unit(text: str) -> dict[str, list[str]]:
    """Read the section ``[Service]`` of a unit: every value of each key, with continued lines joined."""
    section, found = "", dict[str, list[str]]()
    for line in re.sub(r"\\\n\s*", " ", text).splitlines():
        if line.startswith("["):
            section = line
        elif section == "[Service]" and "=" in line and not line.startswith("#"):
            key, _, value = line.partition("=")
            found.setdefault(key.strip(), []).append(value.strip())
    return found


def read_environment(path: Path) -> dict[str, str]:
    """Read a file of ``NAME=value`` lines as systemd does."""
    lines = [line for line in path.read_text().splitlines() if "=" in line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


def wait_for(is_so: object, what: str, *, within: float = STARTS_WITHIN_SECONDS) -> None:
    """Wait until ``is_so()``; raise ``CheckFailed`` if it takes too long."""
    deadline = time.monotonic() + within
    while not is_so():  # type: ignore[operator]
        if time.monotonic() > deadline:
            raise CheckFailed(f"{what}: not within {within:.0f} seconds")
        time.sleep(0.2)


def _program(name: str) -> str:
    # As root, /usr/sbin/rabbitmq-server would change to a user who may not write here.
    found = shutil.which(name, path=f"/usr/lib/rabbitmq/bin:/usr/sbin:{os.environ['PATH']}")
    if not found:
        raise CheckFailed(f"{name} was not found; run  deploy/system-packages.sh prod")
    return found


def _group_of(folder: Path) -> str:
    return folder.group()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
