"""Stock clients left to themselves: idle ones stay connected, refused ones do not hammer the server.

The clients were started with the first test of this folder (``conftest.py``), so that their minute passes beside the
other tests.
"""

from __future__ import annotations

import pytest

from tests.clients.conftest import IDLE_SECONDS, REFUSED_SECONDS, VERSIONS, Watches

pytestmark = pytest.mark.services

REFUSALS = {"foreign": [4403, "not-allowed"], "unknown": [4404, "unknown"], "paste": [4413, "too-large"]}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", ["idle", "quiet"])
def test_a_lone_idle_client_stays_connected(version: int, name: str, watches: Watches) -> None:
    """They reconnect after 30 s without a message. The quiet one shows no awareness that could be echoed to it."""
    report = watches.report(version, name)

    assert report["statuses"] == ["connecting", "connected"], f"in {IDLE_SECONDS} s"
    assert report["connections"] == 1
    assert not report["closed"]


@pytest.mark.parametrize("refusal", REFUSALS)
def test_version_3_takes_a_refusal_for_an_answer(refusal: str, watches: Watches) -> None:
    """It knows that 44xx is final, if that is what reaches it, and not a broken connection or a bare 403."""
    report = watches.report(3, refusal)

    assert report["connections"] == 1
    assert report["closes"] == [REFUSALS[refusal]]


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("refusal", REFUSALS)
def test_older_versions_try_again_at_most_every_few_seconds(refusal: str, version: int, watches: Watches) -> None:
    """They know no final codes and come back at once after a close; what slows them is that we close late."""
    report = watches.report(version, refusal)

    assert report["connections"] <= 4, f"in {REFUSED_SECONDS} s"
    assert report["closes"]
    assert all(close == REFUSALS[refusal] for close in report["closes"])
