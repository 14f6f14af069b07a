"""What is frozen and what learns, decided by asking the model's family and said aloud.

The family knows its modules by name. For a model of no known family the usual attribute names are tried, then whole parts
of module paths; a substring is never enough, since `gate` would also find every `gate_proj`. Freezing nothing is an error.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping

from torch import nn

from deepsynth.core.errors import ModelError
from deepsynth.models.encoder_apart import Absent
from deepsynth.models.family import ModelFamily, Part, check_choice, families
from deepsynth.models.four_bit import packed_experts
from deepsynth.models.parts import unwrap

logger = logging.getLogger(__name__)

VISION_ATTRIBUTES = ("vision_tower", "vision_model", "vision_encoder", "visual", "sam_model", "sam_encoder")
"""Names that vision encoders go by; compared with whole parts of module paths."""


def family_of(model: nn.Module) -> ModelFamily | None:
    """Return the family whose settings the model carries, or none."""
    config = getattr(unwrap(model), "config", None)
    values = config.to_dict() if config is not None and hasattr(config, "to_dict") else {}
    return next((family for name in families.names() if (family := families.get(name)).supports(values)), None)


def freeze_vision_encoder(model: nn.Module) -> int:
    """Stop the vision encoder from learning; return the number of parameters frozen.

    Raises:
        ModelError: no module is a vision encoder; the message lists the top-level modules.
    """
    family = family_of(model)
    members: Iterable[Part] = family.vision_modules(model) if family else _modules_named(model, VISION_ATTRIBUTES)
    return _freeze(model, members, "vision encoder")


def freeze_embeddings(model: nn.Module) -> int:
    """Stop the token embeddings from learning; return the number of parameters frozen.

    Raises:
        ModelError: the model has none.
    """
    family = family_of(model)
    members = family.embedding_modules(model) if family else _modules_named(model, ("embed_tokens", "wte"))
    return _freeze(model, members, "token embeddings")


def freeze_parts(model: nn.Module, names: Iterable[str]) -> int:
    """Stop the named parts (see `deepsynth.models.family.PARTS`) from learning; return the number of parameters frozen.

    Raises:
        ModelError: the model is of no known family, or a part holds nothing.
        SettingsError: a part is unknown.
    """
    family = family_of(model)
    if family is None:
        raise ModelError(f"{type(model).__name__} is of no known family, so its parts have no names")
    parts = family.parts(model)
    chosen = list(names)
    for name in chosen:
        check_choice("part", name, tuple(parts))
    return sum(_freeze(model, parts[name], name) for name in chosen)


def get_parameter_groups(model: nn.Module) -> dict[str, list[nn.Parameter]]:
    """Return every parameter by part of the model; by top-level module for a model of no known family."""
    family = family_of(model)
    parts: Mapping[str, Iterable[Part]] = (
        family.parts(model) if family else {name: [module] for name, module in model.named_children()}
    )
    return {name: [*_parameters(members)] for name, members in parts.items()}


def print_parameter_summary(model: nn.Module) -> str:
    """Log and return a table: each part with its parameters and whether it is FROZEN or TRAINABLE."""
    groups = get_parameter_groups(model)
    packed = sum(experts.num_weights() for experts in packed_experts([model]))
    lines = [_row(name, parameters) for name, parameters in groups.items() if parameters]
    if packed:
        lines.append(f"{'experts':16} {packed:>15,}  FROZEN in 4 bits")
    everything = [parameter for parameters in groups.values() for parameter in parameters]
    learning = sum(parameter.numel() for parameter in everything if parameter.requires_grad)
    total = sum(parameter.numel() for parameter in everything) + packed
    lines.append(f"{'all':16} {total:>15,}  {learning:,} TRAINABLE, {total - learning:,} FROZEN")
    summary = "\n".join(lines)
    logger.info("parameters by part:\n%s", summary)
    return summary


def validate_vision_model(model: nn.Module) -> None:
    """Check that a model can learn from pages: it has a vision encoder, a projector and something that learns.

    A model that was loaded without its encoder reads pages from the cache of visual tokens.

    Raises:
        ModelError: says what is missing.
    """
    groups = get_parameter_groups(model)
    apart = isinstance(getattr(getattr(unwrap(model), "model", None), "vision_tower", None), Absent)
    for needed in ("projector", "embeddings", "head") if apart else ("sam", "projector", "embeddings", "head"):
        if not groups.get(needed):
            raise ModelError(f"{type(model).__name__} has no {needed}; its parts are {', '.join(groups)}")
    if not any(parameter.requires_grad for parameters in groups.values() for parameter in parameters):
        raise ModelError("every parameter is frozen, so nothing can be learned; shorten `freeze`")


def _row(name: str, parameters: list[nn.Parameter]) -> str:
    learning = {parameter.requires_grad for parameter in parameters}
    state = "TRAINABLE" if learning == {True} else "FROZEN" if learning == {False} else "FROZEN in part"
    return f"{name:16} {sum(parameter.numel() for parameter in parameters):>15,}  {state}"


def _modules_named(model: nn.Module, names: tuple[str, ...]) -> list[nn.Module]:
    return [module for path, module in model.named_modules() if path.rpartition(".")[2] in names]


def _parameters(members: Iterable[Part]) -> Iterable[nn.Parameter]:
    for member in members:
        yield from member.parameters() if isinstance(member, nn.Module) else (member,)


def _freeze(model: nn.Module, members: Iterable[Part], what: str) -> int:
    count = 0
    found = {id(parameter): parameter for parameter in _parameters(members)}  # nested modules share theirs
    for parameter in found.values():
        parameter.requires_grad = False
        count += parameter.numel()
    if not count:
        known = ", ".join(name for name, _ in model.named_children())
        raise ModelError(f"no {what} found in {type(model).__name__}, so nothing was frozen; its modules are {known}")
    logger.info("froze %s: %s parameters", what, f"{count:,}")
    return count
