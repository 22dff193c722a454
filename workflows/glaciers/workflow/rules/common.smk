# What the rules share.
RESULTS = config["results"].rstrip("/")


def by_chunk(pattern):
    """The pattern filled in for every chunk, which is known once the outlines have been read."""
    groups = Groups.read(checkpoints.outlines.get().output.groups)
    return expand(pattern, chunk=groups.chunks)


def records(wildcards):
    """The records of all chunks."""
    return by_chunk(f"{RESULTS}/records/{{chunk}}.json")


def marked(path):
    """The path, as a temporary file unless the glacier directories are to be kept."""
    return path if config["keep_glacier_directories"] else temp(path)
