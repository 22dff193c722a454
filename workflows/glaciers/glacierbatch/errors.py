"""All errors that this package raises on purpose.

GlacierBatchError
├── ConfigError       a config key is unknown, or its value is not allowed
├── DataError         an input file is missing, has wrong content, or cannot be fetched
├── ChunkError        a file that one job left for another cannot be used
└── NoGlacierLeft     every glacier failed, so that there is nothing to compile

A glacier that fails is not an error of the batch: see `glacierbatch.failures`.
"""


class GlacierBatchError(Exception):
    """Base of all errors that are meant to be read by the user, without a traceback."""


class ConfigError(GlacierBatchError):
    """A config key is unknown or has a value that is not allowed."""


class DataError(GlacierBatchError):
    """An input file is missing, differs from its checksum, or cannot be fetched."""


class ChunkError(GlacierBatchError):
    """A file that one job left for the next cannot be used."""


class NoGlacierLeft(GlacierBatchError):
    """Every glacier failed."""
