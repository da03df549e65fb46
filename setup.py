"""What pyproject.toml cannot say: an egg or wheel takes the top-level sources.yaml into the package."""

from __future__ import annotations

from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py


class BuildWithSources(build_py):
    """Copies sources.yaml to enrich/sources.yaml, where the program looks when it runs from an egg."""

    def run(self) -> None:
        """Build, then copy; an editable install finds the file beside scrapy.cfg."""
        super().run()
        if not self.editable_mode:
            self.copy_file("sources.yaml", self._packaged_sources())

    def get_outputs(self, include_bytecode: bool = True) -> list[str]:
        """Name the copy among what was built, so that it is installed and packed."""
        return [*super().get_outputs(include_bytecode), self._packaged_sources()]

    def _packaged_sources(self) -> str:
        return str(Path(self.build_lib) / "enrich" / "sources.yaml")


setup(cmdclass={"build_py": BuildWithSources})
