import torch

from deepsynth.models.expert_load import ExpertLoad
from deepsynth.models.parts import model_parts


def test_the_busiest_and_the_idle_are_told(tiny):
    load = ExpertLoad(tiny.model)
    (router,) = model_parts(tiny.model)["router"]
    states = torch.randn(10, 32)
    router(states)
    assert load.take() == {}
    load.listening = True
    with torch.no_grad():
        router.weight.zero_()
        router.weight[1], router.weight[3] = 1.0, 0.5
    states = states.abs()  # experts 1 and 3 win for every token: two of four, twice an even share
    router(states)
    router(states)
    assert load.take() == {"busiest_expert": 2.0, "idle_experts": 0.5}
    assert load.take() == {}
