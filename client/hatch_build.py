"""Locates the sources of kronos-client: beside the server's in a checkout, here in a source distribution."""

from pathlib import Path

from hatchling.builders.config import BuilderConfig
from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class Sources(BuildHookInterface[BuilderConfig]):
    """Includes kronos/client in the wheel and the source distribution."""

    def initialize(self, version: str, build_data: dict[str, dict[str, str]]) -> None:
        """Use the folder that exists."""
        unpacked, checkout = Path(self.root, "kronos", "client"), Path(self.root).parent / "kronos" / "client"
        build_data["force_include"][str(unpacked if unpacked.is_dir() else checkout)] = "kronos/client"
