"""The pipeline against the tutorial's two scripts: ``python -m bench.end_to_end [--runs N]``, or ``make bench``.

Both run in turns, as whole processes from start to exit, on the same machine, followed by the same run again, which
finds its results cached, and by a bare Keras fit. Prints medians and ratios, writes every figure to
``bench/results/end_to_end.json`` and draws ``docs/images/end_to_end.svg``. ``--growth N`` compares N times the data
with the data as it is instead, ``--cnn`` trains the larger model, ``--gpu`` both models on GPUs, and ``--kubeflow``
predicts runs on a cluster.
"""

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

from rich.console import Console

from bench import gpu, growth, plot, runs, summary
from bench.process import machine
from tfx_pipeline.data.sources import VerifiedFiles, default_cache_dir, resolve

RUNS = 5
CNN_FLAGS = ("--model", "cnn")
CNN_SEEDS = (1, 2, 3)


def compare(dataset: VerifiedFiles, count: int) -> dict[str, list[runs.Run]]:
    """Runs each kind ``count`` times, in turns."""
    results: dict[str, list[runs.Run]] = {"tutorial": [], "pipeline": [], "cached": [], "bare fit": []}
    with tempfile.TemporaryDirectory() as folder:
        gzipped = runs.gzipped(dataset, Path(folder, "gz"))
        scratch, output = Path(folder, "scratch"), Path(folder, "output")
        for _ in range(count):
            results["tutorial"].append(runs.tutorial(gzipped, scratch))
            results["pipeline"].append(runs.pipeline(output, "--clean"))
            results["cached"].append(runs.pipeline(output))
            results["bare fit"].append(runs.bare_fit(Path(dataset.path)))
    return results


def summarize(results: dict[str, list[runs.Run]]) -> dict[str, Any]:
    """Medians of every kind of run, and the two ratios that matter."""
    medians = {kind: summary.medians(kind_runs) for kind, kind_runs in results.items()}
    return {
        "medians": medians,
        "wall_ratio": medians["pipeline"]["seconds"] / medians["tutorial"]["seconds"],
        "throughput_ratio": medians["bare fit"]["epoch_seconds"] / medians["pipeline"]["epoch_seconds"],
    }


def end_to_end(dataset: VerifiedFiles, count: int, console: Console) -> None:
    """Compares, prints, writes and draws."""
    described = machine()
    results = compare(dataset, count)
    figures = summarize(results)
    path = summary.save("end_to_end", {"machine": described, **figures, "runs": results})
    pipelines = {kind: figures["medians"][kind] for kind in ("pipeline", "cached")}
    summary.show_totals(console, figures["medians"])
    for what in ("steps", "causes"):
        columns = {kind: medians[what] for kind, medians in pipelines.items()}
        summary.show_columns(console, f"The pipeline by {what}", what, columns)
    console.print(f"wall time, pipeline / tutorial: {figures['wall_ratio']:.2f}")
    console.print(f"training throughput, pipeline / bare Keras fit: {figures['throughput_ratio']:.2f}")
    console.print(f"wrote {path} and {plot.draw(figures['medians'])}")


def cnn(dataset: VerifiedFiles, console: Console) -> None:
    """Runs the larger model with each seed, in turns with the tutorial, which tells how fast the machine is."""
    described = machine()
    by_seed: dict[str, runs.Run] = {}
    tutorials: list[runs.Run] = []
    with tempfile.TemporaryDirectory() as folder:
        gzipped = runs.gzipped(dataset, Path(folder, "gz"))
        for seed in CNN_SEEDS:
            tutorials.append(runs.tutorial(gzipped, Path(folder, "scratch")))
            by_seed[f"seed {seed}"] = runs.pipeline(Path(folder, f"{seed}"), *CNN_FLAGS, "--seed", str(seed))
            medians = {"median": summary.medians(list(by_seed.values())), "tutorial": summary.medians(tutorials)}
            ratio = medians["median"]["seconds"] / medians["tutorial"]["seconds"]
            figures = {"machine": described, "flags": list(CNN_FLAGS), "medians": medians, "wall_ratio": ratio}
            # After each seed: the whole takes long.
            path = summary.save("cnn", figures | {"runs": by_seed, "tutorials": tutorials})
    summary.show_totals(console, by_seed | medians, "The larger model by seed, and the tutorial")
    summary.show_columns(console, "The pipeline by step", "step", {"cnn": medians["median"]["steps"]})
    console.print(f"wall time, cnn / tutorial: {ratio:.1f}")
    console.print(f"wrote {path}")


def main() -> None:
    """Runs the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, help="runs of each kind (default: 5; of --gpu, 1)")
    parser.add_argument("--growth", type=int, metavar="N", help="compare N times the data with the data as it is")
    parser.add_argument("--cnn", action="store_true", help="run the model cnn with three seeds, and the tutorial")
    parser.add_argument("--gpu", action="store_true", help="run both models on the GPUs of this machine")
    parser.add_argument("--kubeflow", action="store_true", help="predict how long the package takes on a cluster")
    parser.add_argument(
        "--flink",
        type=int,
        nargs="?",
        const=10,
        metavar="N",
        help="run on Flink clusters, on N times the data (10)",
    )
    arguments = parser.parse_args()
    console = Console()
    if arguments.gpu:
        gpu.measure(console, arguments.runs or 1)
    elif arguments.growth:
        growth.compare(arguments.growth, console)
    elif arguments.flink:
        # Not everybody has Java and Maven.
        from bench import flink  # noqa: PLC0415

        flink.compare(arguments.flink, console)
    else:
        dataset = resolve("auto", None, default_cache_dir(), lambda line: sys.stdout.write(f"{line}\n"))
        if arguments.kubeflow:
            # The replay loads ML Metadata, and what compiles the package TensorFlow.
            from bench import kubeflow  # noqa: PLC0415

            kubeflow.compare(dataset, arguments.runs or RUNS, console)
        elif arguments.cnn:
            cnn(dataset, console)
        else:
            end_to_end(dataset, arguments.runs or RUNS, console)


if __name__ == "__main__":
    main()
