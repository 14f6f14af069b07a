import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepsynth.core.errors import SettingsError
from deepsynth.core.geometry import MODES, NO_TILES, Mode, closest_grid, mode

ASSETS = Path(__file__).parents[1] / "assets" / "preprocess"
ROWS = json.loads((ASSETS / "grid_table.json").read_text(encoding="utf-8"))["rows"]
SETTINGS = {"max9_640": (9, 640), "max6_640": (6, 640), "max6_768": (6, 768), "max32_640": (32, 640)}
TILED = [item for item in MODES.values() if item.tile]


@pytest.mark.parametrize("setting", SETTINGS)
def test_grids_equal_the_official_table(setting):
    max_tiles, tile = SETTINGS[setting]
    page_mode = Mode("table", "v1", 2 * tile, tile=tile, max_tiles=max_tiles)
    assert [list(page_mode.grid(*row["wh"])) for row in ROWS] == [row[setting] for row in ROWS]


@pytest.mark.parametrize(
    ("name", "in_prompt", "nominal"),
    [
        ("tiny", 73, 64),
        ("small", 111, 100),
        ("base", 273, 256),
        ("large", 421, 400),
        ("gundam", 273, 256),
        ("v2-768", 145, 144),
        ("v2-1024", 257, 256),
        ("nano-128", 21, 16),
        ("nano-192", 43, 36),
        ("nano-256", 73, 64),
    ],
)
def test_a_page_of_one_view_costs_the_published_tokens(name, in_prompt, nominal):
    assert mode(name).tokens() == in_prompt
    assert mode(name).nominal_tokens() == nominal


@pytest.mark.parametrize(("grid", "tokens"), [((2, 3), 903), ((2, 1), 483), ((6, 1), 883), ((1, 6), 933)])
def test_gundam_counts_row_ends_of_its_tiles(grid, tokens):
    assert mode("gundam").tokens(grid) == tokens


def test_version_2_has_no_row_ends():
    assert mode("v2-dynamic").tokens((2, 3)) == 257 + 144 * 6


@given(st.sampled_from(TILED), st.integers(1, 20000), st.integers(1, 20000))
def test_a_grid_is_within_its_limits_and_costs_more_than_one_view(page_mode, width, height):
    grid = page_mode.grid(width, height)
    if width <= page_mode.tile and height <= page_mode.tile:
        assert grid == NO_TILES
    else:
        assert 2 <= grid[0] * grid[1] <= page_mode.max_tiles
        assert page_mode.tokens(grid) > page_mode.tokens()
        assert page_mode.nominal_tokens(grid) <= page_mode.tokens(grid)


@given(st.integers(1, 5000), st.integers(1, 5000), st.integers(2, 12))
def test_no_candidate_grid_is_nearer_in_aspect(width, height, max_tiles):
    columns, rows = closest_grid(width, height, 640, max_tiles)
    aspect = width / height
    found = abs(aspect - columns / rows)
    for other_columns in range(1, max_tiles + 1):
        for other_rows in range(1, max_tiles // other_columns + 1):
            if other_columns * other_rows >= 2:
                assert found <= abs(aspect - other_columns / other_rows)


def test_an_unknown_mode_lists_the_known_ones():
    with pytest.raises(SettingsError, match="no mode 'huge'; known: tiny, small"):
        mode("huge")


def test_a_size_that_no_token_fits_is_refused():
    with pytest.raises(SettingsError, match="multiples of 64"):
        Mode("odd", "v1", 500)
