"""What the environments that steps ask for resolved to; each is looked at once a run."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from snakemake_renku.model import Environment, ResolvedEnvironment
from snakemake_renku.runner.helper import Helpers

Done = Callable[[tuple[ResolvedEnvironment, ...]], None]


class Environments:
    """Resolves environments beside the event loop, since a registry may be slow to answer."""

    def __init__(self, helpers: Helpers) -> None:
        self._helpers = helpers
        self._known: dict[Environment, ResolvedEnvironment] = {Environment(): ResolvedEnvironment()}
        self.run_started = 0.0

    def resolve(self, asked: Sequence[Environment], done: Done) -> None:
        """Give ``done`` what each environment resolved to."""
        unknown = [e for e in dict.fromkeys(asked) if e not in self._known]
        if not unknown:
            done(tuple(self._known[e] for e in asked))
            return
        self._helpers.call(
            lambda: msgspec.msgpack.encode([_resolve(e, self.run_started) for e in unknown]),
            lambda data: self._answered(data, unknown, asked, done),
        )

    def _answered(
        self,
        data: bytes | None,
        unknown: Sequence[Environment],
        asked: Sequence[Environment],
        done: Done,
    ) -> None:
        found = (
            [_as_asked(e) for e in unknown]
            if data is None
            else msgspec.msgpack.decode(data, type=list[ResolvedEnvironment])
        )
        self._known.update(zip(unknown, found, strict=True))
        done(tuple(self._known[e] for e in asked))


def _resolve(asked: Environment, run_started: float) -> ResolvedEnvironment:
    plain = _as_asked(asked)
    if asked.container is None:
        return plain
    # Only here, in a helper, as most runs of one job have no use for it.
    from snakemake_renku.runner.image import resolve_image

    image = resolve_image(asked.container, asked.image_path, run_started=run_started)
    return msgspec.structs.replace(plain, image_digest=image.digest, image_digest_of=image.kind)


def _as_asked(asked: Environment) -> ResolvedEnvironment:
    return ResolvedEnvironment(
        container=asked.container,
        conda=asked.conda,
        conda_hash=asked.conda_hash,
        modules=asked.modules,
    )
