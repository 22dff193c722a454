# Idealised glaciers: drawn from a seed, then run chunk by chunk. No data, no network.
checkpoint outlines:
    output:
        groups=f"{RESULTS}/groups.json",
        outlines=f"{RESULTS}/outlines.geojson",
    params:
        source=config["source"],
        glaciers=config["glaciers"],
        chunk_size=config["chunk_size"],
        drawn=config["idealised"]["count"],
        seed=config["idealised"]["seed"],
    log:
        f"{RESULTS}/logs/outlines.log",
    threads: 1
    resources:
        mem_mb=500,
        runtime=5,
    script:
        "../scripts/idealised_outlines.py"


rule idealised:
    input:
        groups=f"{RESULTS}/groups.json",
    output:
        record=f"{RESULTS}/records/{{chunk}}.json",
    params:
        seed=config["idealised"]["seed"],
    log:
        f"{RESULTS}/logs/idealised/{{chunk}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/idealised/{{chunk}}.tsv"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=30,
    script:
        "../scripts/idealised.py"
