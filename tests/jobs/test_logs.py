from hypothesis import given, settings
from hypothesis import strategies as st

from deepsynth.jobs import logs
from deepsynth.jobs.logs import LogWriter


def test_a_token_is_blotted_out_even_when_it_comes_in_two_pieces(tmp_path):
    writer = LogWriter(tmp_path, known=[b"my-own-secret"])
    writer.write(b"token hf_abcdefghij")
    writer.write(b"klmnopqrstuvwx and my-own")
    writer.write(b"-secret\nnext\n")
    writer.close()
    text = logs.read(tmp_path, 0, 1000).text
    assert text == "token [redacted] and [redacted]\nnext\n"


def test_places_stay_when_old_files_are_removed(tmp_path):
    writer = LogWriter(tmp_path, file_bytes=100, files_kept=2)
    for number in range(100):
        writer.line(f"line {number:03}")
    writer.close()
    assert len(list(tmp_path.glob("*.log"))) <= 2
    assert logs.size(tmp_path) == 900
    part = logs.read(tmp_path, 0, 10_000)
    assert part.offset > 0
    assert part.text.endswith("line 099\n")
    assert part.text.startswith("line")
    assert logs.read(tmp_path, 897, 10).text == "99\n"
    assert logs.read(tmp_path, -9, 100).text == "line 099\n"


def test_a_later_writer_goes_on_where_the_earlier_stopped(tmp_path):
    for word in ("one", "two"):
        writer = LogWriter(tmp_path)
        writer.line(word)
        writer.close()
    assert logs.read(tmp_path, 0, 100).text == "one\ntwo\n"


def test_an_absent_log_is_empty(tmp_path):
    assert logs.read(tmp_path / "none", -100, 100) == logs.LogPart(text="", offset=0, next_offset=0, size=0)


@settings(max_examples=40, deadline=None)
@given(text=st.text(alphabet="aé漢😀\n", max_size=120), limit=st.integers(4, 20))
def test_reading_in_pieces_gives_the_whole_and_cuts_no_character(tmp_path_factory, text, limit):
    folder = tmp_path_factory.mktemp("log")
    writer = LogWriter(folder, file_bytes=50, files_kept=100)
    writer.line(text)
    writer.close()
    found, offset = "", 0
    while offset < logs.size(folder):
        part = logs.read(folder, offset, limit)
        assert part.next_offset > offset
        found, offset = found + part.text, part.next_offset
    assert found == text + "\n"
