"""Both hubs on this machine for the tests of downloads."""

from __future__ import annotations

from doubles.hub_fixtures import *  # noqa: F403
