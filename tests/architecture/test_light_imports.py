"""Start-up is light: what lists verbs, draws pages and serves the web never loads torch."""

import subprocess
import sys

import pytest

HEAVY = ("torch", "transformers", "accelerate", "peft")
LIGHT = (
    "deepsynth",
    "deepsynth.core.config",
    "deepsynth.rendering",
    "deepsynth.rendering.renderer",
    "deepsynth.jobs",
    "deepsynth.workflows.catalog",
    "deepsynth.cli.app",
    "deepsynth.web.app",
    "deepsynth.web.inference.mounting",
    "deepsynth.web.worker",
    "deepsynth.inference.worker.drawing_process",
    "deepsynth.training.config",
    "apps.web",
)


def run(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.parametrize("module", LIGHT)
def test_a_light_module_imports_no_torch(module):
    found = run(f"import sys, {module}; print([name for name in {HEAVY!r} if name in sys.modules])")
    assert found == "[]"


def test_the_web_verbs_say_which_extra_is_missing_and_the_worker_needs_none(tmp_path):
    absent = "import sys; sys.modules.update(dict.fromkeys(('fastapi', 'starlette', 'uvicorn', 'prometheus_client')))\n"
    code = f"{absent}from deepsynth.cli.app import main; print(main(sys.argv[1:]))"
    for arguments, told in (
        (["web", "--state-dir", str(tmp_path)], "pip install 'deepsynth[web]'"),
        (["worker", "--state-dir", str(tmp_path), "--check"], "nobody runs the queue"),
    ):
        answer = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)
        assert told in answer.stderr
        assert answer.stderr.count("\n") == 1


def test_help_of_every_verb_imports_no_torch():
    code = (
        "import sys, contextlib, io\n"
        "from deepsynth.cli.app import main\n"
        "from deepsynth.workflows.catalog import CATALOG\n"
        "with contextlib.redirect_stdout(io.StringIO()) as out:\n"
        "    for verb in CATALOG:\n"
        "        assert main([verb.name, '--help']) == 0, verb.name\n"
        "assert all(verb.help.split()[0] in out.getvalue() for verb in CATALOG)\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])\n"
    )
    assert run(code) == "[]"
