"""Orthanc with its DICOMweb plugin, on free ports of this machine, and dcmtk's programs."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen

from pydicom import dcmread
from pydicom.dataset import Dataset
from waiting import wait_until

PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")


class Orthanc:
    """An archive of its own, empty at first."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.dicom_port, self.http_port = free_ports(2)
        configuration = {
            "Name": "test", "DicomAet": "ORTHANC", "DicomPort": self.dicom_port, "HttpPort": self.http_port,
            "HttpBindAddresses": ["127.0.0.1"], "RemoteAccessAllowed": False, "AuthenticationEnabled": False,
            "StorageDirectory": str(folder / "db"), "IndexDirectory": str(folder / "db"), "OverwriteInstances": False,
            "Plugins": [str(PLUGIN)], "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
            "DicomModalitiesInDatabase": True,
        }  # fmt: skip
        (folder / "orthanc.json").write_text(json.dumps(configuration))
        program = shutil.which("Orthanc") or "/usr/sbin/Orthanc"
        self.process = subprocess.Popen(
            [program, str(folder / "orthanc.json")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        wait_until(self._answers)

    def _answers(self) -> bool:
        assert self.process.poll() is None, "Orthanc has ended"
        try:
            return bool(self.ask("/system"))
        except URLError:
            return False

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(60)

    @property
    def web(self) -> str:
        return f"http://127.0.0.1:{self.http_port}/dicom-web"

    def ask(self, path: str, method: str = "GET", body: Any = None) -> Any:
        """Call Orthanc's own interface."""
        sent = None if body is None else json.dumps(body).encode()
        request = Request(f"http://127.0.0.1:{self.http_port}{path}", sent, method=method)
        with urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def knows(self, node_port: int) -> None:
        """Tell Orthanc of a node, as "cmb"."""
        known = {"AET": "CMBNODE", "Host": "127.0.0.1", "Port": node_port, "AllowStorageCommitment": True}
        urlopen(Request(f"http://127.0.0.1:{self.http_port}/modalities/cmb", json.dumps(known).encode(), method="PUT"))

    def modalities(self, study_uid: str) -> list[str]:
        """Modality of each object of a study, images aside."""
        wanted = {"Level": "Series", "Expand": True, "Query": {"StudyInstanceUID": study_uid}}
        series = self.ask("/tools/find", "POST", wanted)
        kinds = [one["MainDicomTags"]["Modality"] for one in series for _ in one["Instances"]]
        return sorted(kind for kind in kinds if kind != "MR")

    def results(self, study_uid: str, folder: Path) -> dict[str, Dataset]:
        """Fetch what a study has besides its images, by SOP class; each is written to a folder, too."""
        wanted = {"Level": "Series", "Expand": True, "Query": {"StudyInstanceUID": study_uid}}
        series = self.ask("/tools/find", "POST", wanted)
        results = [one for one in series if one["MainDicomTags"]["Modality"] != "MR"]
        fetched = {}
        for instance in [instance for one in results for instance in one["Instances"]]:
            with urlopen(f"http://127.0.0.1:{self.http_port}/instances/{instance}/file", timeout=60) as answer:
                content = answer.read()
            dataset = dcmread(BytesIO(content))
            (folder / f"{dataset.SOPClassUID}.dcm").write_bytes(content)
            fetched[str(dataset.SOPClassUID)] = dataset
        return fetched


def free_ports(number: int) -> list[int]:
    """Find ports that nobody listens at."""
    sockets = [socket.socket() for _ in range(number)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def call(*command: str | Path) -> None:
    """Run one of dcmtk's programs, not pynetdicom's of the same name; it must succeed."""
    own = Path(sys.executable).parent
    path = os.pathsep.join(one for one in os.get_exec_path() if Path(one) != own)
    program = shutil.which(str(command[0]), path=path) or str(command[0])
    done = subprocess.run([program, *map(str, command[1:])], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


def referenced(dataset: Dataset) -> set[str]:
    """All SOP Instance UIDs that an object refers to."""
    found = set()
    for element in dataset.iterall():
        if element.keyword == "ReferencedSOPInstanceUID":
            found.add(str(element.value))
    return found


def stored_uids(files: Sequence[Path]) -> set[str]:
    """SOP Instance UIDs of files."""
    return {str(dcmread(file, stop_before_pixels=True).SOPInstanceUID) for file in files}
