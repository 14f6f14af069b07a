"""The verbs in one table: one row is one command, and where it has a `job` also one form and one kind of job.

Rows name their classes and functions as text, so that listing the verbs imports none of them.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from deepsynth.core.config import Config
from deepsynth.core.errors import SettingsError


@dataclass(frozen=True, kw_only=True, slots=True)
class JobKind:
    """How a verb runs as a job of the web application."""

    name: str
    """What it makes, for example `training`."""
    output: str = ""
    """The setting that names the folder it writes, which the application chooses; empty when it writes none."""
    references: Mapping[str, str] = field(default_factory=dict[str, str])
    """Settings that lead to something that exists: `dataset`, `model`, `source` (a name, a file or a Hub id) or `path`."""
    accelerator: bool = False
    """Whether it holds an accelerator where the machine has one."""
    hub: bool = False
    """Whether it is given the token of the Hub."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Verb:
    """One thing that DeepSynth does."""

    name: str
    help: str
    """One sentence, shown by `deepsynth --help`."""
    config: str
    """`module:Class` of its settings."""
    run: str
    """`module:function` taking (config, reporter) or (config, reporter, control)."""
    positional: str | None = None
    """The setting that takes the arguments without a flag."""
    several: bool = False
    """Whether `positional` takes any number of them."""
    presets: str | None = None
    """`module:NAME` of a mapping from name to `Preset`."""
    job: JobKind | None = None
    """How it runs as a job; none when it is a matter of seconds, or of a terminal."""

    def config_class(self) -> type[Config]:
        """Return the class of its settings."""
        return _load(self.config)

    def function(self) -> Callable[..., Any]:
        """Return what runs it; importing it may import torch."""
        return _load(self.run)

    def preset_table(self) -> dict[str, Mapping[str, Any]]:
        """Return the settings of its presets by name."""
        return {name: preset.settings for name, preset in self._presets().items()}

    def preset_settings(self, name: str | None) -> Mapping[str, Any]:
        """Return the settings of one preset; nothing for none.

        Raises:
            SettingsError: there is no such preset; the message lists those that there are.
        """
        if name is None:
            return {}
        table = self.preset_table()
        if name not in table:
            known = ", ".join(table) or "none"
            raise SettingsError(f"{self.name} has no preset {name[:60]!r}; known: {known}", field="preset")
        return table[name]

    def preset_descriptions(self) -> dict[str, str]:
        """Return what each preset is for and what it takes."""
        return {name: preset.description for name, preset in self._presets().items()}

    def _presets(self) -> Mapping[str, Any]:
        return _load(self.presets) if self.presets else {}


def _load(path: str) -> Any:
    module, _, name = path.partition(":")
    return getattr(importlib.import_module(module), name)


CATALOG: tuple[Verb, ...] = (
    Verb(
        name="render",
        help="Turn documents into page images, or print the plan: pages, visual tokens, compression, legibility.",
        config="deepsynth.workflows.render:RenderJobConfig",
        run="deepsynth.workflows.render:run",
        positional="files",
        several=True,
    ),
    Verb(
        name="prepare",
        help="Make a dataset of pages and summaries from files, installed packages, Debian descriptions or the Hub.",
        config="deepsynth.workflows.prepare:PrepareConfig",
        run="deepsynth.workflows.prepare:run",
        positional="source",
        job=JobKind(
            name="dataset",
            output="out",
            references={"source": "source", "reading.lists": "path", "reading.cache": "path", "encode.model": "model"},
            hub=True,
        ),
    ),
    Verb(
        name="push",
        help="Publish a prepared dataset on the Hub, private by default; a second run sends only what is missing.",
        config="deepsynth.workflows.push:PushConfig",
        run="deepsynth.workflows.push:run",
        positional="folder",
        job=JobKind(name="push", references={"folder": "dataset"}, hub=True),
    ),
    Verb(
        name="pull",
        help="Fetch a published dataset from the Hub and verify it.",
        config="deepsynth.workflows.pull:PullConfig",
        run="deepsynth.workflows.pull:run",
        positional="repo",
    ),
    Verb(
        name="train",
        help="Train a model on a prepared dataset; run it again to resume.",
        config="deepsynth.training.config:TrainerConfig",
        run="deepsynth.workflows.train:run",
        presets="deepsynth.workflows.presets:PRESETS",
        job=JobKind(
            name="training",
            output="output_dir",
            references={"model": "model", "data.path": "dataset"},
            accelerator=True,
            hub=True,
        ),
    ),
    Verb(
        name="evaluate",
        help="Score a model on a dataset beside honest baselines and write the report.",
        config="deepsynth.workflows.evaluate:EvaluateConfig",
        run="deepsynth.workflows.evaluate:run",
        job=JobKind(
            name="evaluation",
            output="out",
            references={"model": "model", "data": "dataset"},
            accelerator=True,
            hub=True,
        ),
    ),
    Verb(
        name="frontier",
        help="Draw quality, reading, tokens, latency and memory against compression, beside text baselines.",
        config="deepsynth.workflows.frontier:FrontierConfig",
        run="deepsynth.workflows.frontier:run",
        job=JobKind(
            name="frontier",
            output="out",
            references={"model": "model", "data": "dataset"},
            accelerator=True,
            hub=True,
        ),
    ),
    Verb(
        name="compare",
        help="Compare two evaluations row by row, with intervals and tests; a gate for continuous integration.",
        config="deepsynth.workflows.compare:CompareConfig",
        run="deepsynth.workflows.compare:run",
        positional="runs",
        several=True,
    ),
    Verb(
        name="summarize",
        help="Summarize text, Markdown, PDF or image files.",
        config="deepsynth.workflows.summarize:SummarizeConfig",
        run="deepsynth.workflows.summarize:run",
        positional="files",
        several=True,
    ),
    Verb(
        name="export",
        help="Write a checkpoint in the official layout, in transformers' layout, merged, or as an adapter alone.",
        config="deepsynth.workflows.export:ExportConfig",
        run="deepsynth.workflows.export:run",
        positional="checkpoint",
        job=JobKind(name="export", output="out", references={"checkpoint": "model"}, hub=True),
    ),
    Verb(
        name="doctor",
        help="Check this machine, a model and a dataset: memory, disk, devices, what the labels teach.",
        config="deepsynth.workflows.doctor:DoctorConfig",
        run="deepsynth.workflows.doctor:run",
    ),
    Verb(
        name="demo",
        help="Show the whole road on real documents in a few minutes: render, prepare, train, evaluate, summarize.",
        config="deepsynth.workflows.demo:DemoConfig",
        run="deepsynth.workflows.demo:run",
    ),
    Verb(
        name="jobs",
        help="List jobs of the web application, or pause, resume, cancel, delete, show and run one.",
        config="deepsynth.workflows.jobs:JobsConfig",
        run="deepsynth.workflows.jobs:run",
        positional="words",
        several=True,
    ),
    Verb(
        name="web",
        help="Serve the web application on this machine.",
        config="deepsynth.web.config:WebConfig",
        run="deepsynth.cli.serve:run",
    ),
    Verb(
        name="worker",
        help="Run the web application's jobs in a process of its own, so that the server may be replaced meanwhile.",
        config="deepsynth.web.config:WorkerConfig",
        run="deepsynth.web.worker:run",
    ),
)
"""Every verb, in the order of a first acquaintance."""


def job_kinds() -> dict[str, Verb]:
    """Return the verbs that run as jobs, by the name of their kind."""
    return {verb.job.name: verb for verb in CATALOG if verb.job is not None}
