#!/usr/bin/env python3
"""Dask's side of `cargo xtask bench collections`.

    python dask_collections.py WORKLOAD --data DIRECTORY [--mode procs|threads] [--reps R] [--matrix N] [--chunk N]

Two workers of one thread each. Prints one JSON line per measurement, the first of which is for the caches.
"""
import argparse
import json
import time

import dask
import dask.array as da
import dask.bag as db
import numpy as np
from distributed import Client, LocalCluster, wait

perf = time.perf_counter


def json_count(pattern):
    def run(a):
        start = perf()
        lines = db.read_text(f"{a.data}/{pattern}")
        found = lines.map(json.loads).filter(lambda account: account["name"] == "Alice").count().compute()
        return perf() - start, lines.npartitions, found
    return run


def word_count(a):
    start = perf()
    counts = db.read_text(f"{a.data}/words.*.txt").map(str.split).flatten().frequencies()
    most, distinct = dask.compute(counts.topk(1, key=lambda pair: pair[1]), counts.count())
    return perf() - start, distinct, most[0][1]


def from_file(a):
    path = f"{a.data}/random.npy"
    shape = np.load(path, mmap_mode="r").shape

    def block(block_info=None):
        place = tuple(slice(*ends) for ends in block_info[None]["array-location"])
        return np.array(np.load(path, mmap_mode="r")[place])

    chunks = da.core.normalize_chunks(a.chunk, shape)
    return da.map_blocks(block, chunks=chunks, dtype="f8", meta=np.empty((0, 0)))


def kept(x):
    x = x.persist()
    wait(x)
    return x


def read_sum(a):
    def run():
        x = from_file(a)
        start = perf()
        total = x.sum().compute()
        return perf() - start, x.size, total
    return run


def array_sum(a):
    x = kept(from_file(a))

    def run():
        start = perf()
        total = x.sum().compute()
        return perf() - start, x.size, total
    return run


def mean_axis(a):
    x = kept(from_file(a))

    def run():
        start = perf()
        means = x.mean(axis=0).compute()
        return perf() - start, x.size, means[0]
    return run


def transpose_add(a):
    x = kept(from_file(a))

    def run():
        start = perf()
        y = kept(x + x.T)
        return perf() - start, x.size, y[0, 1].compute()
    return run


def matmul(a):
    corner = from_file(a)[:a.matrix, :a.matrix].rechunk(min(a.chunk, a.matrix))
    x, y = kept(corner), kept(corner + 1.0)

    def run():
        start = perf()
        z = kept(x @ y)
        return perf() - start, x.size, z[0, 1].compute()
    return run


def drain(client, base):
    """Waits until what was computed is forgotten: the same again would else be there already."""
    deadline = perf() + 30
    while client.run_on_scheduler(tasks) > base:
        if perf() > deadline:
            raise SystemExit("the scheduler does not forget")
        time.sleep(0.01)


def tasks(dask_scheduler):
    return len(dask_scheduler.tasks)


def each(run):
    return lambda a: lambda: run(a)


WORK = {"json-filter-count": each(json_count("accounts.*.json.gz")), "json-lines-count": each(json_count("accounts.*.json")),
        "json-records-count": each(json_count("accounts.*.json")), "word-count": each(word_count), "word-count-fold": each(word_count),
        "array-read-sum": read_sum, "array-sum": array_sum, "array-mean-axis": mean_axis,
        "array-transpose-add": transpose_add, "array-matmul": matmul}


def main():
    p = argparse.ArgumentParser()
    p.add_argument("workload", choices=WORK)
    p.add_argument("--data", required=True)
    p.add_argument("--mode", default="procs", choices=["procs", "threads"])
    p.add_argument("--reps", type=int, default=5)
    p.add_argument("--matrix", type=int, default=2000)
    p.add_argument("--chunk", type=int, default=1000)
    a = p.parse_args()
    procs = a.mode == "procs"
    with LocalCluster(n_workers=2, threads_per_worker=1, processes=procs, dashboard_address=None,
                      host="127.0.0.1" if procs else None) as cluster, Client(cluster) as client:
        client.wait_for_workers(2, timeout=60)
        run = WORK[a.workload](a)
        base = client.run_on_scheduler(tasks)
        for _ in range(a.reps + 1):
            seconds, n, answer = run()
            print(json.dumps({"system": "dask", "mode": a.mode, "workload": a.workload, "n": int(n), "seconds": round(seconds, 6),
                              "answer": float(answer)}), flush=True)
            drain(client, base)


if __name__ == "__main__":
    dask.config.set({"logging.distributed": "critical"})
    main()
