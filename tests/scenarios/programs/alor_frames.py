"""Run with the interpreter of requirements/peers/frames.txt: candles of ALOR as frames of polars, pandas and pyarrow.

The first argument is a sandbox's ready line. Prints one JSON object of what the three found in their frames.
"""

import asyncio
import json
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

# The checkout's own, which is not installed in this environment.
sys.path.insert(0, str(Path(__file__).parents[3] / "src"))

import venuewire as vw
from venuewire.model.terms import NANOS_PER_SECOND
from venuewire.venues import find

HOUR = 3600 * NANOS_PER_SECOND
MINUTE = 60 * NANOS_PER_SECOND


def credentials(ready: dict[str, Any]) -> Any:
    from msgspec.structs import replace

    venue = ready["venues"]["alor"]
    endpoints = {name: venue[name] for name in ("oauth", "http", "ws", "cws")}
    return replace(
        find("alor").credentials_from(venue["credentials"]), endpoints=endpoints, ca=Path(ready["ca"]).read_text()
    )


async def columns(ready: dict[str, Any]) -> dict[str, list[Any]]:
    async with vw.connect("alor", credentials(ready), symbols=["MOEX:SBER"]) as client:
        end = client.clock.now() // HOUR * HOUR
        bars = await client.bars("MOEX:SBER", MINUTE, end - 2 * HOUR, end)
        return bars.columns()


def main() -> None:
    import pandas as pd
    import polars as pl
    import pyarrow as pa
    import pyarrow.compute as pc

    found = asyncio.run(columns(json.loads(sys.argv[1])))
    exact = max(found["close"])
    frame = pl.DataFrame(found)
    table = pa.table(found)
    data = pd.DataFrame(found)
    said = {
        "rows": len(found["open_time"]),
        "columns": list(found),
        "exact": str(exact),
        "polars": {
            "shape": frame.shape,
            "close": str(frame.schema["close"]).startswith("Decimal"),
            "highest": str(frame["close"].max()),
            "sound": frame.filter(pl.col("low") > pl.col("high")).height,
        },
        "pandas": {
            "shape": data.shape,
            "close": isinstance(data["close"].iloc[0], Decimal),
            "highest": str(data["close"].max()),
            "times": str(pd.to_datetime(data["open_time"], unit="ns", utc=True).dtype),
        },
        "pyarrow": {
            "shape": table.shape,
            "close": pa.types.is_decimal(table.schema.field("close").type),
            "highest": str(pc.max(table["close"]).as_py()),
        },
    }
    print(json.dumps(said))


if __name__ == "__main__":
    main()
