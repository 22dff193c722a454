"""Jobs that need no Snakemake beside them: their shell command alone does all.

A rule qualifies if nothing but its ``shell:`` text, formatted in the main process, and the files
themselves take part; everything around it (removing old output, making folders, checking and
touching output) the main process does as it does for jobs of its own. Whatever is not understood
here for sure is left to the warm server.
"""

from __future__ import annotations

import re
import string
from dataclasses import dataclass
from typing import Any

from snakemake.io import is_flagged
from snakemake.settings.types import DeploymentMethod
from snakemake.shell import MAX_ARG_LEN, shell

_OF_THE_JOB = frozenset({"input", "output", "params", "wildcards", "threads", "resources", "log"})
_NAME = re.compile(r"[^\W\d]\w*")


@dataclass(frozen=True)
class DirectCommand:
    """What a shell is given to run a job."""

    command: str
    executable: str | None


class DirectRules:
    """Tells which jobs of a workflow can run directly; asks about each rule once."""

    def __init__(self, workflow: Any) -> None:
        self._workflow = workflow
        self._rules: dict[str, bool] = {}

    def takes(self, job: Any) -> bool:
        """Whether ``job`` can run directly."""
        if job.is_group():
            return False
        return self.takes_rule(job.rule) and self._takes_files(job)

    def takes_rule(self, rule: Any) -> bool:
        """Whether jobs of ``rule`` can run directly, as far as the rule tells."""
        if rule.name not in self._rules:
            self._rules[rule.name] = self._examine(rule)
        return self._rules[rule.name]

    def command(self, job: Any) -> DirectCommand | None:
        """The command of a job; None if it turns out to be one for the warm server after all."""
        executable = job.resources.get("shell_exec") or shell.get_executable()
        prefix = shell._get_process_prefix(executable)
        command = f"{prefix} {job.shellcmd} {shell._process_suffix}".strip()
        if len(command.replace("'", r"'\''")) + 2 > MAX_ARG_LEN or "<TBD>" in command:
            return None
        return DirectCommand(command, executable)

    def prepare(self, job: Any) -> None:
        """Do what Snakemake does before a job.

        Raises:
            Exception: Snakemake's own errors (protected output, missing input, …).
        """
        self._workflow.async_run(job.prepare())

    def _examine(self, rule: Any) -> bool:
        methods = self._workflow.deployment_settings.deployment_method
        return (
            rule.is_shell
            and rule.shadow_depth is None
            and rule.benchmark is None
            and not rule.is_template_engine
            and not (self._workflow.workflow_settings.cache is not None and rule.cache)
            and not (DeploymentMethod.APPTAINER in methods and rule.container_img)
            and not (DeploymentMethod.CONDA in methods and rule.conda_env)
            and not (DeploymentMethod.ENV_MODULES in methods and rule.env_modules)
            and self._formats_alike(rule.shellcmd)
        )

    def _formats_alike(self, text: str) -> bool:
        """Whether the main process and the rule's own function format ``text`` to the same."""
        try:
            fields = list(string.Formatter().parse(text))
        except ValueError:
            return False
        names = _OF_THE_JOB
        if not self._workflow.modules:
            names = names | (self._workflow.globals.keys() - _names_of_the_rule_function())
        return all(
            spec is not None
            and "{" not in spec
            and (found := _NAME.match(name)) is not None
            and found[0] in names
            for _, name, spec, _ in fields
            if name is not None
        )

    @staticmethod
    def _takes_files(job: Any) -> bool:
        return not any(
            path.is_storage
            or is_flagged(path, "pipe")
            or is_flagged(path, "service")
            or is_flagged(path, "update")
            or is_flagged(path, "touch")
            for named in (job.input, job.output, job.log)
            for path in named
        ) and (job._format_wildcards is job.wildcards)


def _names_of_the_rule_function() -> frozenset[str]:
    """Names that mean something else inside the function that Snakemake makes of a rule."""
    return frozenset(
        {
            "rule", "jobid", "name", "rulename", "conda_env", "container_img", "singularity_args",
            "use_singularity", "env_modules", "bench_record", "is_shell", "bench_iteration",
            "cleanup_scripts", "passed_shadow_dir", "edit_notebook", "conda_base_path", "basedir",
            "sourcecache_path", "runtime_sourcecache_path", "runtime_paths", "version",
            "__is_snakemake_rule_func",
        }
    )  # fmt: skip
