"""What the tests of the judging share."""

from __future__ import annotations

from typing import Any

import pytest

from tests.store.acceptance.judged import Judged


@pytest.fixture
def judged(store: Any) -> Judged:
    """Performer 1, who has no face yet."""
    store.save()
    return Judged(store)
