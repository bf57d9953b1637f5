"""`muhurat sim` with venues of files: what a tester types."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
import yaml

from tests.simulator.file_venues import BROWSER

SIM = [sys.executable, "-m", "muhurat", "sim"]
BANS = "/content/fo/fo_secban.csv"


def test_real_files_latencies_and_one_overlay_for_several_venues(tmp_path: Path) -> None:
    real = tmp_path / "files" / "nsearchives.nseindia.com" / "content" / "fo"
    real.mkdir(parents=True)
    (real / "fo_secban.csv").write_text("Securities in Ban For Trade Date 20-NOV-2026: NIL\n")
    overlay = tmp_path / "overlay.yaml"
    arguments = ["nse", "niftyindices", "--files", str(tmp_path / "files"), "--latency", "0.2-0.3", "--paused"]
    with subprocess.Popen([*SIM, *arguments, "--overlay", str(overlay)], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            urls = json.loads(process.stdout.readline())["urls"]
            began = time.monotonic()
            answer = httpx.get(urls["nse_archives"] + BANS, headers=BROWSER, trust_env=False)
            waited = time.monotonic() - began
        finally:
            process.terminate()
        assert process.wait(10) == 0

    assert answer.text == "Securities in Ban For Trade Date 20-NOV-2026: NIL\n"
    assert waited >= 0.2
    keys = {"www": urls["nse"], "archives": urls["nse_archives"], "indices": urls["niftyindices"]}
    assert yaml.safe_load(overlay.read_text()) == {"venues": {"nse": keys}}


@pytest.mark.parametrize(
    ("option", "value"),
    [("--latency", "soon"), ("--latency", "5-1"), ("--latency", "-1"), ("--files", "/no/such/folder")],
)
def test_wrong_options_are_named(option: str, value: str) -> None:
    done = subprocess.run([*SIM, "nse", f"{option}={value}"], capture_output=True, text=True, timeout=30, check=False)

    assert done.returncode == 2
    assert value in done.stderr
