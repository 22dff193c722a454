from collections.abc import Iterator

import pytest
from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.settings import LogHandlerSettingsBase
from snakemake_interface_logger_plugins.tests import TestLogHandlerBase as Official
from snakemake_logger_plugin_renku import LogHandler, LogHandlerSettings


class TestRenkuLogger(Official):
    """The interface's own tests."""

    __test__ = True

    @pytest.fixture(autouse=True)
    def closed_at_the_end(self) -> Iterator[None]:
        self.opened: list[LogHandlerBase] = []
        yield
        for handler in self.opened:
            handler.close()

    def _create_handler(self) -> LogHandlerBase:
        self.opened.append(super()._create_handler())
        return self.opened[-1]

    def get_log_handler_cls(self) -> type[LogHandlerBase]:
        return LogHandler

    def get_log_handler_settings(self) -> LogHandlerSettingsBase:
        return LogHandlerSettings()


class TestRenkuLoggerAlwaysLive(TestRenkuLogger):
    """The same on the live display."""

    def get_log_handler_settings(self) -> LogHandlerSettingsBase:
        return LogHandlerSettings(progress="always")
