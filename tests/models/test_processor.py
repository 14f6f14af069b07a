from __future__ import annotations

import importlib.util
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from transformers.models.deepseek_ocr2 import DeepseekOcr2ImageProcessorPil, DeepseekOcr2Processor
from transformers.models.unlimited_ocr import UnlimitedOcrImageProcessor

from deepsynth.core.documents import Example, Page
from deepsynth.core.errors import InputError
from deepsynth.core.geometry import MODES
from deepsynth.core.processor import IGNORED
from deepsynth.models.processor import DeepseekOcrProcessor
from deepsynth.models.tokenizer import JsonTokenizer

TOKENIZER = JsonTokenizer.bundled()


def processor(mode="nano-128"):
    return DeepseekOcrProcessor(MODES[mode], TOKENIZER)


def example(pages=1, size=(128, 128), **fields):
    images = tuple(
        Page(document_id="d", number=number, image=Image.new("RGB", size, "white")) for number in range(pages)
    )
    return Example(**{"id": "row-7", "pages": images, "summary": "A short summary.", **fields})


def test_the_prompt_is_bos_placeholders_line_break_and_instruction():
    ids = processor().encode(example(), with_summary=False).input_ids.tolist()
    assert ids[0] == TOKENIZER.bos_token_id
    assert ids[1:22] == [TOKENIZER.image_token_id] * 21
    assert TOKENIZER.decode(ids[22:]) == "\nSummarize."


def test_labels_are_the_summary_and_eos_and_nothing_else():
    encoded = processor().encode(example())
    taught = encoded.labels[encoded.labels != IGNORED].tolist()
    assert taught == [*TOKENIZER.encode("A short summary."), TOKENIZER.eos_token_id]
    assert (encoded.labels[-len(taught) :] == encoded.input_ids[-len(taught) :]).all()


def test_with_and_without_summary_share_the_prompt():
    with_summary, without = processor().encode(example()), processor().encode(example(), with_summary=False)
    assert (with_summary.input_ids[: len(without.input_ids)] == without.input_ids).all()
    assert (without.labels == IGNORED).all()


def test_max_length_cuts_the_summary_which_then_has_no_eos():
    whole = processor().encode(example())
    cut = processor().encode(example(), max_length=len(whole.input_ids) - 3)
    assert (cut.input_ids == whole.input_ids[:-3]).all()
    assert TOKENIZER.eos_token_id not in cut.input_ids


def test_a_summary_that_just_fits_keeps_its_eos():
    whole = processor().encode(example())
    assert processor().encode(example(), max_length=len(whole.input_ids)).input_ids[-1] == TOKENIZER.eos_token_id


def test_a_prompt_longer_than_max_length_is_refused_with_example_mode_and_counts():
    length = len(processor().encode(example(), with_summary=False).input_ids)
    with pytest.raises(InputError, match=rf"'row-7' in mode 'nano-128' takes {length} tokens \(21 .* max_length 20"):
        processor().encode(example(), max_length=20)


def test_several_pages_stand_one_after_the_other():
    encoded = processor().encode(example(pages=3))
    assert len(encoded.views) == 3
    assert encoded.image_token_mask.nonzero()[0].tolist() == list(range(1, 1 + 3 * 21))


def test_a_tiled_page_takes_the_placeholders_of_its_grid():
    encoded = processor("nano-tiles").encode(example(size=(512, 256)))
    view = encoded.views[0]
    assert view.tiles is not None
    assert int(encoded.image_token_mask.sum()) == MODES["nano-tiles"].tokens(view.grid) == view.tokens


def test_a_row_without_pages_has_its_text_in_the_prompt():
    encoded = processor().encode(example(pages=0, text="Words to read."), with_summary=False)
    assert TOKENIZER.decode(encoded.input_ids.tolist()) == "Words to read.\nSummarize."
    assert not encoded.image_token_mask.any()
    assert encoded.views == ()


def test_a_document_that_speaks_of_image_tokens_has_no_placeholders():
    encoded = processor().encode(example(pages=0, text="Write <image> here."))
    assert not encoded.image_token_mask.any()
    assert TOKENIZER.image_token_id not in encoded.input_ids


def test_an_example_without_summary_cannot_be_learned_from():
    with pytest.raises(InputError, match="'row-7' has no summary"):
        processor().encode(example(summary=None))


def test_text_is_counted_in_tokens():
    assert processor().count_text_tokens("A short summary.") == len(TOKENIZER.encode("A short summary."))


def test_arrays_have_the_types_of_the_protocol():
    encoded = processor().encode(example())
    assert (encoded.input_ids.dtype, encoded.labels.dtype) == (np.int64, np.int64)
    assert encoded.image_token_mask.dtype == np.bool_


def test_the_stock_image_processor_of_version_1_is_not_to_be_had_without_torchvision():
    if importlib.util.find_spec("torchvision"):
        pytest.skip("torchvision is installed")
    with pytest.raises(ImportError, match="requires the Torchvision library"):
        UnlimitedOcrImageProcessor()
    assert processor("base").encode(example(size=(1024, 1024))).views[0].tokens == 273


def test_the_stock_processor_of_version_2_counts_placeholders_that_no_visual_token_fills():
    page = Image.new("RGB", (1024, 1024), "white")
    images = DeepseekOcr2ImageProcessorPil()
    made = images(page, crop_to_patches=False)
    stock = SimpleNamespace(image_processor=images, patch_size=16, downsample_ratio=4, image_token="<image>")
    placeholders = DeepseekOcr2Processor.replace_image_token(stock, made, 0).count("<image>")
    features = (made["pixel_values"][0].shape[-1] // 64) ** 2 + 1
    assert (placeholders, features) == (257, 145)
    ours = processor("v2-768").encode(example(size=(1024, 1024)))
    view = ours.views[0].global_view
    assert int(ours.image_token_mask.sum()) == (view.shape[0] // 64) ** 2 + 1 == 145
