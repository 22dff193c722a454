# The same for all sources: records of the chunks -> dataset, tables, plots.
rule failed:
    input:
        groups=f"{RESULTS}/groups.json",
        records=records,
    output:
        f"{RESULTS}/failed.csv",
    log:
        f"{RESULTS}/logs/failed.log",
    threads: 1
    resources:
        mem_mb=300,
        runtime=5,
    script:
        "../scripts/failed.py"


rule compile:
    input:
        groups=f"{RESULTS}/groups.json",
        records=records,
        # Written first, so that it is there when all failed and this rule fails.
        failed=f"{RESULTS}/failed.csv",
    output:
        dataset=f"{RESULTS}/glaciers.nc",
        numbers=f"{RESULTS}/numbers.json",
    params:
        source=config["source"],
    log:
        f"{RESULTS}/logs/compile.log",
    threads: 1
    resources:
        mem_mb=1000,
        runtime=15,
    script:
        "../scripts/compile.py"


rule plots:
    input:
        dataset=f"{RESULTS}/glaciers.nc",
        outlines=f"{RESULTS}/outlines.geojson",
    output:
        region=f"{RESULTS}/plots/region.png",
        glaciers=f"{RESULTS}/plots/glaciers.png",
        map=f"{RESULTS}/plots/map.png",
    log:
        f"{RESULTS}/logs/plots.log",
    threads: 1
    resources:
        mem_mb=1000,
        runtime=15,
    script:
        "../scripts/plots.py"


rule summary:
    input:
        numbers=f"{RESULTS}/numbers.json",
        failed=f"{RESULTS}/failed.csv",
        plots=rules.plots.output,
    output:
        f"{RESULTS}/summary.html",
    log:
        f"{RESULTS}/logs/summary.log",
    threads: 1
    resources:
        mem_mb=300,
        runtime=5,
    script:
        "../scripts/summary.py"
