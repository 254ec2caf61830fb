"""History as frames: polars, pandas, pyarrow themselves, with candles off the wire, in an environment of their own."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from subprocess import CompletedProcess
from typing import Any


def test_candles_become_frames_of_polars_pandas_and_pyarrow(
    ready_tls: dict[str, Any], peer: Callable[[str], str], run: Callable[..., CompletedProcess[str]]
) -> None:
    done = run(peer("frames"), "alor_frames.py", ready_tls)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    rows, columns = said["rows"], said["columns"]
    assert rows > 50
    assert columns == ["symbol", "period", "open_time", "open", "high", "low", "close", "volume", "final"]
    for name in ("polars", "pandas", "pyarrow"):
        frame = said[name]
        assert frame["shape"] == [rows, len(columns)], name
        assert frame["close"] is True, f"{name} keeps prices as decimals"
        assert Decimal(frame["highest"]) == Decimal(said["exact"]), name
    assert said["polars"]["sound"] == 0
    assert said["pandas"]["times"] == "datetime64[ns, UTC]"
