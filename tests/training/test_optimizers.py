import sys

import pytest
import torch

from deepsynth.core.errors import MissingExtraError
from deepsynth.models import families
from deepsynth.training import optimizers
from deepsynth.training.config import OptimizerConfig
from deepsynth.training.model_utils import freeze_parts
from deepsynth.training.optimizers import Muon, make_optimizers, orthogonal_updates, set_rates

FAMILY = families.get("deepseek_ocr")


def orthogonal_update(gradient, pieces=1, dim=0):
    (update,) = orthogonal_updates([gradient], pieces, dim)
    return update


def groups_by_parameter(model, **values):
    """Map each parameter's name to its optimizer's class and its group."""
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    found = {}
    for optimizer in make_optimizers(model, FAMILY.parts(model), OptimizerConfig.parse(values)):
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                assert names[id(parameter)] not in found
                found[names[id(parameter)]] = (type(optimizer).__name__, group)
    return found


def singular_values(matrix):
    return torch.linalg.svdvals(matrix.float())


@pytest.mark.parametrize("shape", [(32, 32), (16, 48), (4, 16, 32)])
def test_an_update_has_singular_values_near_one(shape):
    values = singular_values(orthogonal_update(torch.randn(shape, generator=torch.Generator().manual_seed(0))))
    assert float(values.min()) > 0.5
    assert float(values.max()) < 1.4


def test_a_tall_matrix_is_scaled_by_the_root_of_rows_over_columns():
    values = singular_values(orthogonal_update(torch.randn(64, 16, generator=torch.Generator().manual_seed(0))))
    assert 2 * 0.6 < float(values.mean()) < 2 * 1.3


def test_a_convolution_is_flattened_and_keeps_its_shape():
    update = orthogonal_update(torch.randn(16, 8, 3, 3, generator=torch.Generator().manual_seed(0)))
    assert update.shape == (16, 8, 3, 3)
    assert float(singular_values(update.flatten(1)).min()) > 0.5


def test_fused_matrices_and_experts_are_updated_one_by_one():
    fused = torch.randn(48, 16, generator=torch.Generator().manual_seed(0))
    pieces = torch.cat([orthogonal_update(piece) for piece in fused.chunk(3)])
    assert torch.allclose(orthogonal_update(fused, 3, 0), pieces, atol=2e-2)
    experts = torch.randn(4, 32, 16, generator=torch.Generator().manual_seed(1))
    alone = torch.stack([orthogonal_update(expert, 2, -2) for expert in experts])
    assert torch.allclose(orthogonal_update(experts, 2, -2), alone, atol=2e-2)


@pytest.mark.parametrize("together", [1, 2000, 2**24])
def test_matrices_worked_on_together_get_what_each_gets_alone(together, monkeypatch):
    monkeypatch.setattr(optimizers, "NUMBERS_TOGETHER", together)
    generator = torch.Generator().manual_seed(0)
    shapes = [(32, 16), (16, 32), (8, 8), (3, 16, 32), (32, 16), (16, 8, 2, 2)]
    gradients = [torch.randn(shape, generator=generator) for shape in shapes]
    for update, gradient in zip(orthogonal_updates(gradients), gradients, strict=True):
        assert torch.allclose(update, orthogonal_update(gradient), atol=2e-2)


def test_every_trainable_parameter_moves_with_exactly_one_optimizer():
    model = FAMILY.build("tiny").model
    freeze_parts(model, ["sam", "clip"])
    found = groups_by_parameter(model, name="muon")
    assert set(found) == {name for name, parameter in model.named_parameters() if parameter.requires_grad}


def test_muon_takes_matrices_and_adamw_embeddings_head_norms_and_positions():
    found = groups_by_parameter(FAMILY.build("tiny").model, name="muon")
    for name, (kind, group) in found.items():
        plain = any(
            part in name for part in ("embed_tokens", "lm_head", "norm", "pos", "bias", "embedding", "separator")
        )
        if "qkv.weight" in name:
            assert (kind, group["pieces"], group["dim"]) == ("Muon", 3, 0)
        elif "gate_up_proj" in name:
            assert (kind, group["pieces"], group["dim"]) == ("Muon", 2, -2)
        elif plain or "newline" in name:
            assert kind == "AdamW", name
    assert found["model.language_model.layers.1.self_attn.q_proj.weight"][0] == "Muon"


def test_parts_have_rates_of_their_own():
    found = groups_by_parameter(FAMILY.build("tiny").model, learning_rate=0.01, part_rates={"projector": 0.1})
    assert found["model.multi_modal_projector.weight"][1]["lr"] == pytest.approx(0.001)
    assert found["lm_head.weight"][1]["lr"] == pytest.approx(0.01)


def test_rates_follow_the_peak_of_each_group():
    model = FAMILY.build("tiny").model
    made = make_optimizers(model, FAMILY.parts(model), OptimizerConfig(name="muon", learning_rate=0.01))
    set_rates(made, 0.5)
    assert {group["lr"] for item in made for group in item.param_groups} == {0.01, 0.005}


def test_muon_moves_a_weight_against_its_gradient():
    weight = torch.nn.Parameter(torch.zeros(8, 8))
    optimizer = Muon([{"params": [weight]}], lr=0.1)
    for _ in range(50):
        optimizer.zero_grad()
        (weight - torch.eye(8)).square().sum().backward()
        optimizer.step()
    assert float((weight.detach() - torch.eye(8)).norm()) < 1.0


def test_8_bit_moments_without_bitsandbytes_are_refused_in_one_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "bitsandbytes.optim", None)
    loaded = families.get("deepseek_ocr").build("tiny")
    with pytest.raises(MissingExtraError, match=r"^bitsandbytes is not installed.*deepsynth\[gpu\]"):
        make_optimizers(loaded.model, loaded.family.parts(loaded.model), OptimizerConfig(name="adamw8bit"))
