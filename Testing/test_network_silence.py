"""Nothing leaves the machine: the program runs on a host of its own, whose one cable is listened to."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import SimpleITK as sitk
from part_of_sample import SMALL_BOX, part_of_sample

OURS, THEIRS = "cmb-under-test", "cmb-world"
pytestmark = [
    pytest.mark.timeout(600),
    pytest.mark.skipif(
        sys.platform != "linux" or os.geteuid() != 0, reason="platform: network namespaces are Linux's, and root's"
    ),
]


def ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True)


class Cable:
    """Joins two network namespaces; counts what is sent from ours."""

    def __init__(self, process: str) -> None:
        self.ours, self.theirs = f"{OURS}-{process}", f"{THEIRS}-{process}"
        self.heard: list[bytes] = []
        for name in (self.ours, self.theirs):
            ip("netns", "add", name)
            for what in ("all", "default"):  # else the kernel itself announces its addresses
                ip("netns", "exec", name, "sysctl", "-qw", f"net.ipv6.conf.{what}.disable_ipv6=1")
        ip("-n", self.ours, "link", "add", "out", "type", "veth", "peer", "name", "in", "netns", self.theirs)
        for name, end, address in ((self.ours, "out", "10.77.0.1/24"), (self.theirs, "in", "10.77.0.2/24")):
            ip("-n", name, "link", "set", "lo", "up")
            ip("-n", name, "address", "add", address, "dev", end)
            ip("-n", name, "link", "set", end, "up")
        ip("-n", self.ours, "route", "add", "default", "via", "10.77.0.2")
        self._listener = subprocess.Popen(
            ["ip", "netns", "exec", self.theirs, sys.executable, "-c", LISTEN], stdout=subprocess.PIPE
        )
        assert self._listener.stdout is not None
        assert self._listener.stdout.readline() == b"listening\n"
        threading.Thread(target=self._read, args=(self._listener.stdout,), daemon=True).start()

    def _read(self, lines) -> None:
        for line in lines:
            self.heard.append(line.strip())

    def run(self, *command: str, **options) -> subprocess.Popen:
        """Start a program on our host; names are asked of an address that only the cable leads to."""
        resolver = Path("/etc/netns") / self.ours / "resolv.conf"
        resolver.parent.mkdir(parents=True, exist_ok=True)
        resolver.write_text("nameserver 10.77.0.53\noptions timeout:1 attempts:1\n")
        return subprocess.Popen(["ip", "netns", "exec", self.ours, *command], text=True, **options)

    def cut(self) -> None:
        self._listener.kill()
        self._listener.wait()
        for name in (self.ours, self.theirs):
            ip("netns", "delete", name)
        shutil.rmtree(Path("/etc/netns") / self.ours, ignore_errors=True)


LISTEN = """
import socket
cable = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
cable.bind(("in", 0))
print("listening", flush=True)
while True:
    packet, address = cable.recvfrom(2048)
    if address[2] != 4:  # not what this end sends itself
        print(packet.hex(), flush=True)
"""


@pytest.fixture
def cable() -> Iterator[Cable]:
    cable = Cable(str(os.getpid()))
    yield cable
    cable.cut()


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A user who has run none of these programs before: what libraries keep in the home folder begins anew."""
    kept = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    return {**kept, "HOME": str(tmp_path / "home"), "XDG_STATE_HOME": str(tmp_path / "state"), "CI": ""}


def test_the_listener_hears_what_is_sent(cable, environment):
    code = "import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'hello', ('10.77.0.9', 9))"
    assert cable.run(sys.executable, "-c", code, env=environment).wait(60) == 0
    waited = threading.Event()
    for _ in range(100):
        if cable.heard:
            break
        waited.wait(0.1)
    assert cable.heard  # at least the question who has that address


def test_a_detection_sends_nothing(cable, environment, tmp_path):
    scan = tmp_path / "part_T2starw.nii.gz"
    sitk.WriteImage(part_of_sample(SMALL_BOX), str(scan))
    command = [
        sys.executable,
        "-m",
        "CMBCommand.cli",
        "detect",
        str(scan),
        "-o",
        str(tmp_path / "out"),
        "--overlap",
        "0",
    ]
    process = cable.run(*command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    said, _ = process.communicate(timeout=300)
    assert process.returncode == 0, said
    (told,) = (tmp_path / "out").glob("*_lesions.json")
    assert "openvino" in told.read_text(encoding="utf-8")  # both libraries ran
    assert cable.heard == []
    kept = [path.name.lower() for path in (tmp_path / "home").rglob("*")]  # an id to report under, say
    assert not [name for name in kept if "onnx" in name or "openvino" in name or "telemetry" in name]


def test_a_worker_sends_nothing(cable, environment, tmp_path):
    scan = tmp_path / "part_T2starw.nii.gz"
    sitk.WriteImage(part_of_sample(SMALL_BOX), str(scan))
    command = [
        sys.executable,
        "-m",
        "CMBSegmentationLib.worker",
        str(scan),
        "-o",
        str(tmp_path / "out"),
        "--overlap",
        "0",
    ]
    process = cable.run(*command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    said, _ = process.communicate(timeout=300)
    assert process.returncode == 0, said
    assert '"result"' in said
    assert cable.heard == []


def test_the_page_sends_nothing(cable, environment):
    process = cable.run(
        *(sys.executable, "-m", "CMBWeb", "--no-browser", "--port", "0"), env=environment, stdout=subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        url = process.stdout.readline().split()[-1]
        ask = f"import urllib.request as u; o = u.build_opener(u.HTTPCookieProcessor()); print(o.open({url!r}).status)"
        asking = cable.run(sys.executable, "-c", ask, env=environment, stdout=subprocess.PIPE)
        said, _ = asking.communicate(timeout=120)  # the page's own process has loaded all that it uses by then
        assert said.strip() == "200"
    finally:
        process.terminate()
        process.wait(60)
    assert cable.heard == []


def test_openvino_finds_nothing_to_report_through():
    code = (
        "import sys; from CMBSegmentationLib.models.telemetry import refuse_telemetry; refuse_telemetry()\n"
        "import openvino; openvino.Core()\n"
        "print([name for name, module in sys.modules.items() if 'openvino_telemetry' in name and module])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.stdout == "[]\n", done.stderr
