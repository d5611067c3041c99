"""Makes sure that there is a Chromium for the browser tests: `python -m tests.browser.install`. Quick when there is."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.browser.driver import find_chromium


def playwrights_own() -> bool:
    """Whether playwright has downloaded a Chromium before."""
    with sync_playwright() as playwright:
        return Path(playwright.chromium.executable_path).exists()


def main() -> int:
    """The system's Chromium, else Debian's package where we may install it, else playwright's download."""
    if find_chromium() or playwrights_own():
        return 0
    print("No Chromium found: installing one for the browser tests ...", flush=True)
    as_root = [] if os.geteuid() == 0 else ["sudo", "-n"] if shutil.which("sudo") else None
    if shutil.which("apt-get") and as_root is not None:
        apt = [*as_root, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq"]
        for step in (["update"], ["install", "-y", "--no-install-recommends", "chromium"]):
            if subprocess.run([*apt, *step], stdout=subprocess.DEVNULL).returncode:
                break
        if find_chromium():
            return 0
    if subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"]).returncode == 0:
        return 0
    print(
        "No Chromium could be installed; install one (package chromium) or set CHROMIUM=/path/to/chrome",
        file=sys.stderr,
    )
    return 2


if __name__ == "__main__":
    sys.exit(main())
