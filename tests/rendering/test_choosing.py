import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepsynth.core.documents import Document
from deepsynth.core.errors import InputError
from deepsynth.core.geometry import mode
from deepsynth.rendering.choosing import STEP, choose, margins, wanted_pages
from deepsynth.rendering.config import PlanConfig, RenderConfig
from deepsynth.rendering.text import TextRenderer, page_size

SENTENCE = "The harbor lamp burns from dusk until the morning comes, and the tide decides when boats may leave. "
PROSE = SENTENCE * 120
LONG = SENTENCE * 400
SANS = RenderConfig(mode="base", font="sans", margin=16)


def chosen(text: str = PROSE, rendering: RenderConfig = SANS, **wanted):
    return choose(text, rendering, PlanConfig(**wanted))


def test_a_larger_ratio_gives_smaller_letters_and_fewer_tokens():
    loose, tight = chosen(target_ratio=4), chosen(target_ratio=9)
    assert tight.plan.px < loose.plan.px
    assert tight.plan.visual_tokens <= loose.plan.visual_tokens


@settings(max_examples=12, deadline=None)
@given(st.floats(3.0, 9.5), st.integers(1, 3))
def test_full_pages_come_near_the_target_and_are_as_large_as_it_allows(ratio, pages):
    tokens = round(ratio * 256 * pages)
    text = (SENTENCE * 200)[: round(tokens * 4.8)]
    choice = choose(text, SANS, PlanConfig(target_ratio=ratio, too_small="draw"), lambda _: tokens)
    assert choice.plan.nominal_compression == pytest.approx(ratio, rel=0.02)
    assert choice.plan.pages == pages
    larger = choice.rendering.override({"px": choice.plan.px + STEP})
    drawn = sum(1 for _ in TextRenderer(larger).layout_pages(text))
    assert drawn > pages or choice.plan.px + STEP > PlanConfig(target_ratio=ratio).largest_px


def test_the_formula_of_the_notes_holds_for_english_at_a_ratio_of_ten():
    text = (SENTENCE * 200)[: 2560 * 48 // 10]
    choice = choose(text, SANS, PlanConfig(target_ratio=10, longest_line=300), lambda _: 2560)
    assert choice.plan.pages == 1
    assert 9.5 <= choice.plan.px <= 11.5


@given(st.integers(73, 4000), st.sampled_from(["tiny", "small", "base", "gundam", "v2-dynamic"]))
def test_a_budget_is_never_exceeded(budget, name):
    page_mode = mode(name)
    pages = wanted_pages(1000, RenderConfig(mode=name), PlanConfig(visual_tokens=budget))
    cost = page_mode.tokens(page_mode.grid(*page_size(page_mode)))
    assert pages * cost <= budget < (pages + 1) * cost


def test_the_drawn_pages_are_the_planned_ones():
    choice = chosen(visual_tokens=600)
    pages = list(TextRenderer(choice.rendering).render(Document(id="d", text=PROSE)))
    assert len(pages) == choice.plan.pages == 2
    assert choice.plan.visual_tokens == 546


def test_of_several_modes_the_cheapest_that_can_be_read_is_taken():
    short = chosen(SENTENCE * 3, modes=("base", "tiny", "small"), target_ratio=10)
    assert short.rendering.mode == "tiny"


@pytest.mark.parametrize(
    ("policy", "remark"), [("add_pages", "more pages than wanted"), ("draw", "too small to be read")]
)
def test_what_would_be_too_small_is_told(policy, remark):
    choice = chosen(LONG, target_ratio=40, too_small=policy)
    assert remark in choice.reason
    assert choice.plan.legible == (policy == "add_pages")


def test_a_plan_that_cannot_be_read_is_refused_with_both_sizes():
    with pytest.raises(InputError, match=r"leaves letters of [\d.]+ px at most, and this script needs 9 px"):
        chosen(LONG, target_ratio=40, too_small="refuse")


def test_the_next_mode_is_taken_where_the_wanted_one_is_too_small():
    small = RenderConfig(mode="tiny", font="sans", margin=8)
    choice = choose(SENTENCE * 24, small, PlanConfig(visual_tokens=300, too_small="next_mode"), lambda _: 500)
    assert choice.plan.legible
    wish = PlanConfig(visual_tokens=425, too_small="next_mode", smallest_margin=8)
    tight = choose(SENTENCE * 260, small, wish)
    assert tight.rendering.mode == "large"
    with pytest.raises(InputError, match="do not fit"):
        choose(SENTENCE * 900, small, PlanConfig(visual_tokens=300, too_small="next_mode"))


def test_long_lines_become_columns():
    assert chosen(visual_tokens=273, too_small="draw").rendering.columns == 2
    assert chosen(visual_tokens=273, too_small="draw", longest_line=400).rendering.columns == 1


def test_a_chinese_text_keeps_its_own_floor():
    choice = chosen("港口的燈從黃昏亮到清晨。" * 200, target_ratio=30)
    assert choice.plan.px >= 12


def test_one_wish_is_asked_for_and_not_two():
    with pytest.raises(ValueError, match="not both"):
        PlanConfig(target_ratio=3, visual_tokens=100)
    with pytest.raises(InputError, match="target_ratio or visual_tokens"):
        chosen()


def test_margins_are_halved_down_to_the_smallest():
    assert margins(SANS.override({"margin": 20}), PlanConfig(smallest_margin=3)) == [20, 10, 5, 3]
    assert margins(SANS.override({"margin": 1}), PlanConfig(smallest_margin=3)) == [1]


def test_the_margin_stays_where_letters_can_be_read():
    assert chosen(target_ratio=4).rendering.margin == SANS.margin


def test_a_margin_is_narrowed_before_letters_become_too_small():
    wide = SANS.override({"margin": 140})
    tokens = round(10.5 * 256)
    text = (SENTENCE * 200)[: round(tokens * 4.8)]
    kept, narrowed = (
        choose(text, wide, PlanConfig(target_ratio=10.5, smallest_margin=m, too_small="draw"), lambda _: tokens)
        for m in (140, 2)
    )
    assert not kept.plan.legible
    assert narrowed.plan.legible
    assert narrowed.plan.pages == kept.plan.pages == 1
    assert narrowed.rendering.margin < 140
    assert f"margin {narrowed.rendering.margin} px" in narrowed.reason


def test_where_pages_are_added_the_margin_that_needs_the_fewest_is_taken():
    wide = SANS.override({"margin": 120})
    kept, narrowed = (choose(LONG, wide, PlanConfig(target_ratio=40, smallest_margin=m)) for m in (120, 2))
    assert narrowed.plan.pages < kept.plan.pages
    assert narrowed.plan.px == kept.plan.px == 9
