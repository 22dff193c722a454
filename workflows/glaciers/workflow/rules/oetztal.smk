# Real glaciers: data -> outlines -> prepare (chunks) -> creep (all) -> history -> projection (chunks).
# A folder of the project itself holds inputs as they stand, like those of any workflow. From elsewhere
# they are brought in, and held against their checksums.
if own_data(config["data"]):
    DATA = [f"{local_folder(config['data'])}/{entry.path}" for entry in entries()]
else:
    DATA = [f"{RESULTS}/{FOLDER}/{entry.path}" for entry in entries()]

    # On the submitting machine, since that is the one with the local folder or the network. Where
    # the files come from is no parameter: their checksums are pinned, so they are the same anyway.
    localrules:
        data,

    rule data:
        output:
            DATA,
        log:
            f"{RESULTS}/logs/data.log",
        threads: 1
        resources:
            mem_mb=300,
            runtime=10,
        script:
            "../scripts/data.py"


def own_cluster():
    """The resources of a step that has a dask cluster of its own, if the config asks for one."""
    if not config["dask_workers"]:
        return {}
    return {"dask_workers": config["dask_workers"], "dask_worker_mem_mb": 700, "dask_worker_threads": 1}


checkpoint outlines:
    input:
        data=DATA,
    output:
        groups=f"{RESULTS}/groups.json",
        outlines=f"{RESULTS}/outlines.geojson",
    params:
        source=config["source"],
        glaciers=config["glaciers"],
        chunk_size=config["chunk_size"],
    log:
        f"{RESULTS}/logs/outlines.log",
    threads: 1
    resources:
        mem_mb=500,
        runtime=5,
    script:
        "../scripts/outlines.py"


rule prepare:
    input:
        data=DATA,
        groups=f"{RESULTS}/groups.json",
    output:
        temp(f"{RESULTS}/prepared/{{chunk}}.tar"),
    log:
        f"{RESULTS}/logs/prepare/{{chunk}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/prepare/{{chunk}}.tsv"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=30,
    script:
        "../scripts/prepare.py"


rule creep:
    input:
        data=DATA,
        groups=f"{RESULTS}/groups.json",
        prepared=lambda wildcards: by_chunk(f"{RESULTS}/prepared/{{chunk}}.tar"),
    output:
        f"{RESULTS}/creep.json",
    log:
        f"{RESULTS}/logs/creep.log",
    benchmark:
        f"{RESULTS}/benchmarks/creep.tsv"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=60,
        **own_cluster(),
    script:
        "../scripts/creep.py"


rule history:
    input:
        data=DATA,
        prepared=f"{RESULTS}/prepared/{{chunk}}.tar",
        creep=f"{RESULTS}/creep.json",
    output:
        temp(f"{RESULTS}/history/{{chunk}}.tar"),
    log:
        f"{RESULTS}/logs/history/{{chunk}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/history/{{chunk}}.tsv"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=30,
    script:
        "../scripts/history.py"


rule projection:
    input:
        data=DATA,
        history=f"{RESULTS}/history/{{chunk}}.tar",
    output:
        directories=marked(f"{RESULTS}/glacier_directories/{{chunk}}.tar"),
        record=f"{RESULTS}/records/{{chunk}}.json",
    log:
        f"{RESULTS}/logs/projection/{{chunk}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/projection/{{chunk}}.tsv"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=30,
    script:
        "../scripts/projection.py"
