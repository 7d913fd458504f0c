"""Where the sources of kronos-client are: beside the server's in a checkout, here in a source distribution."""

from pathlib import Path

from hatchling.builders.config import BuilderConfig
from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class Sources(BuildHookInterface[BuilderConfig]):
    """Takes kronos/client into the wheel and into the source distribution."""

    def initialize(self, version: str, build_data: dict[str, dict[str, str]]) -> None:
        """Name the folder that is there."""
        unpacked, checkout = Path(self.root, "kronos", "client"), Path(self.root).parent / "kronos" / "client"
        build_data["force_include"][str(unpacked if unpacked.is_dir() else checkout)] = "kronos/client"
