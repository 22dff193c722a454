"""Snakemake's own tests for executor plugins."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
import snakemake.common.tests
from snakemake_executor_plugin_renku import ExecutorSettings


class _Base(snakemake.common.tests.TestWorkflowsLocalStorageBase):
    start = "auto"

    @pytest.fixture(autouse=True)
    def _come_back(self) -> Iterator[None]:
        here = os.getcwd()
        yield
        os.chdir(here)

    def get_executor(self) -> str:
        return "renku"

    def get_executor_settings(self) -> ExecutorSettings:
        return ExecutorSettings(start=self.start)


class TestAuto(_Base):
    __test__ = True


class TestWarm(_Base):
    __test__ = True
    start = "warm"
