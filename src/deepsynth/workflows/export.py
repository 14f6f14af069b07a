"""The `export` verb: a checkpoint as a folder for others, loaded again and compared before it is called done."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from deepsynth.core.config import Config
from deepsynth.core.errors import InputError, SettingsError
from deepsynth.core.files import new_folder, write_json, write_text
from deepsynth.core.progress import Reporter
from deepsynth.workflows.model_card import CardFacts, find_facts, model_card
from deepsynth.workflows.serving import CHAT_TEMPLATE, VLLM, vllm_adapter_settings, vllm_settings

if TYPE_CHECKING:
    from deepsynth.models import LoadedModel
    from deepsynth.models.comparing import Comparison


class ExportConfig(Config):
    """What is exported, and how."""

    checkpoint: str = ""
    """Checkpoint, model folder, Hub id or built-in size to export."""
    out: Path = Path("runs/export")
    """Folder to write; it is replaced once the new one is whole and has been compared."""
    layout: Literal["original", "transformers", "adapters"] = "original"
    """That of the official code, that of transformers' stock classes (both merge adapters into the model), or adapters."""
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """Type of the weights; by default that of the checkpoint the model comes from, else its own."""
    server: Literal["none", "vllm"] = Field(default="none", alias="for")
    """Also write what a server needs to be told: settings, chat template and command line (`--for vllm`)."""
    report: Path | None = None
    """Folder or report.json of an evaluation for the model card; by default the one in the run's folder."""
    license: str | None = None
    """License of the exported model, for its card; by default that of the base model where it is known."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ExportResult:
    """What was written and how it compares."""

    out: Path
    layout: str
    comparison: str
    serve: str | None = None
    """The command line that serves it, when asked for."""

    def describe(self) -> str:
        """Return it in words."""
        served = f"\nserve it with: {self.serve}" if self.serve else ""
        return f"wrote {self.out} in the {self.layout} layout and loaded it again: {self.comparison}{served}"


def run(config: ExportConfig, reporter: Reporter) -> ExportResult:
    """Export a checkpoint.

    Raises:
        InputError: no checkpoint was named, or it holds no adapters although they were asked for.
        ModelError: it cannot be read, or the written folder does not give the same model again.
        SettingsError: the server cannot serve such a model.
        StorageError: the disk refused.
    """
    if not config.checkpoint:
        raise InputError("name the checkpoint to export", field="checkpoint")
    from deepsynth.models import system_errors

    facts = find_facts(Path(config.checkpoint), report=config.report, license=config.license)
    reporter.message(f"exporting {config.checkpoint} in the {config.layout} layout")
    with new_folder(config.out, {"layout": config.layout}) as target, system_errors():
        export = _adapters if config.layout == "adapters" else _model
        comparison, serving = export(config, target, facts)
        if serving is not None:
            write_json(target / VLLM, serving)
            write_text(target / CHAT_TEMPLATE.name, CHAT_TEMPLATE.text)
        write_text(
            target / "README.md", model_card(facts, layout=config.layout, comparison=comparison, serving=serving)
        )
    command = " ".join(serving["command"]).replace("{folder}", str(config.out)) if serving else None
    return ExportResult(out=config.out, layout=config.layout, comparison=comparison, serve=command)


def _model(config: ExportConfig, target: Path, facts: CardFacts) -> tuple[str, dict[str, Any] | None]:
    """Write a whole model, adapters merged, and compare it."""
    from deepsynth.inference.loading import load_any
    from deepsynth.models.comparing import compare_export, probe_logits
    from deepsynth.models.exporting import write_export
    from deepsynth.training.merging import merge_adapters
    from deepsynth.training.tuning import is_adapter, load_adapted

    assert config.layout != "adapters"
    folder, expected = Path(config.checkpoint), None
    if is_adapter(folder):
        loaded = load_adapted(folder)
        expected = probe_logits(loaded)  # of the adapted model, so that the merging is compared too
        merge_adapters(loaded)
    else:
        loaded = load_any(config.checkpoint)
    facts.note_model(loaded.family.name, base=None if loaded.source is None else str(loaded.source))
    serving = _vllm(loaded, config) if config.server == "vllm" else None
    write_export(loaded, target, config.layout, config.dtype)
    found: Comparison = compare_export(loaded, target, config.layout, config.dtype, expected=expected)
    return found.describe() + (" (adapters merged in float32)" if expected is not None else ""), serving


def _vllm(loaded: LoadedModel, config: ExportConfig) -> dict[str, Any]:
    import json

    from deepsynth.models.exporting import exported_config, main_dtype

    if config.layout != "original":
        raise SettingsError(f"vLLM reads the original layout, not {config.layout}", field="layout")
    official = json.loads(exported_config(loaded, "original", config.dtype))
    return vllm_settings(official, main_dtype(loaded, config.dtype))


def _adapters(config: ExportConfig, target: Path, facts: CardFacts) -> tuple[str, dict[str, Any] | None]:
    """Write adapters alone, put them on a fresh base and compare."""
    from deepsynth.models.comparing import compared, probe_logits
    from deepsynth.training.tuning import adapter_settings, is_adapter, load_adapted, write_adapters

    folder = Path(config.checkpoint)
    if not is_adapter(folder):
        raise InputError(
            f"{folder} holds no adapters; train with --lora.rank, or export another layout", field="layout"
        )
    settings = adapter_settings(folder)
    assert settings.lora is not None
    loaded = load_adapted(folder)
    facts.note_model(loaded.family.name, base=settings.model)
    lora, asked = settings.lora, config.server == "vllm"
    serving = vllm_adapter_settings(settings.model, rank=lora.rank, targets=lora.targets) if asked else None
    write_adapters(loaded, lora, target)
    settings.save(target / "trainer.json")
    found: Comparison = compared(load_adapted(target), probe_logits(loaded))
    if found.logit_difference:
        raise SettingsError(f"{target} gives other logits than {folder}: {found.describe()}")
    count = sum(1 for name, _ in loaded.model.named_parameters() if ".lora_" in name)
    return f"{count} adapter tensors on {settings.model}; {found.describe()}", serving
