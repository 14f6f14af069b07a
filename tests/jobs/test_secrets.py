import stat

import pytest

from deepsynth.core.errors import StorageError
from deepsynth.jobs import secrets
from deepsynth.jobs.secrets import TokenFiles, redact, redact_text


@pytest.mark.parametrize("token", ["hf_" + "a1B2" * 9, "sk-" + "x" * 40, "ghp_" + "A" * 36, "AKIA" + "Q" * 16])
def test_what_looks_like_a_token_is_blotted_out(token):
    assert token not in redact_text(f"before {token} after")
    assert redact_text("hf_short and task-force stay") == "hf_short and task-force stay"


def test_a_known_secret_of_any_form_is_blotted_out():
    assert redact(b"x pass-word y", [b"pass-word", b""]) == b"x [redacted] y"


def test_a_token_file_is_for_its_owner_alone_and_goes_with_its_attempt(tmp_path):
    tokens = TokenFiles(tmp_path / "memory")
    path = tokens.write("0123456789abcdef", 1, "secret")
    assert path.read_text() == "secret"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    other = tokens.write("0123456789abcdef", 2, "secret")
    tokens.remove("0123456789abcdef", 1)
    assert tokens.path_if_there("0123456789abcdef", 1) is None
    assert tokens.path_if_there("0123456789abcdef", 2) == other


def test_a_machine_without_a_folder_in_memory_is_told_so(monkeypatch):
    monkeypatch.setattr(secrets, "_MEMORY_FOLDERS", ("", "/nowhere"))
    with pytest.raises(StorageError, match="hf auth login"):
        TokenFiles().write("0123456789abcdef", 1, "secret")
    TokenFiles().remove("0123456789abcdef", 1)
