"""Where the `outlive` executable is that the package brings."""

from __future__ import annotations

import os
import sys
import sysconfig
from typing import Iterator


def _places() -> Iterator[str]:
    name = "outlive" + (sysconfig.get_config_var("EXE") or "")
    package = os.path.dirname(os.path.realpath(__file__))
    site = os.path.dirname(package)
    # Where installers put a wheel's scripts: beside a package that was installed to a folder (`pip
    # install --target`), in the prefix that the package is in (`--prefix`, or what an environment
    # with `--system-site-packages` is made of), in this environment, or for this user.
    yield os.path.join(site, "bin", name)
    above = site if os.name == "nt" else os.path.dirname(site)
    scripts = "Scripts" if os.name == "nt" else "bin"
    yield os.path.join(os.path.dirname(os.path.dirname(above)), scripts, name)
    yield os.path.join(sysconfig.get_path("scripts"), name)
    if sys.version_info >= (3, 10):
        user = sysconfig.get_preferred_scheme("user")
    else:
        user = {"nt": "nt_user", "posix": "posix_user"}[os.name]
    yield os.path.join(sysconfig.get_path("scripts", scheme=user), name)


def find_outlive_bin() -> str:
    """The path of the `outlive` executable: ``$OUTLIVE_BIN``, or the one that came with the package.

    It is what ``python -m outlive`` runs, and the keeper of the jobs that are started from Python.

    Raises:
        FileNotFoundError: if it is in none of the places that installers put it.

    >>> import os, outlive
    >>> os.access(outlive.find_outlive_bin(), os.X_OK)
    True
    """
    named = os.environ.get("OUTLIVE_BIN")
    if named:
        return named
    looked = list(_places())
    for place in looked:
        if os.path.isfile(place):
            return place
    raise FileNotFoundError(f"the `outlive` executable is in none of {', '.join(looked)}")
