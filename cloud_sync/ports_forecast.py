"""What the officer's page of coming days asks."""

from typing import Protocol

from cloud_sync.core.forecast import Forecast


class ForecastReader(Protocol):
    def forecast(self) -> Forecast:
        """The last seven days, today and the six that follow, in one consistent picture."""
        ...
