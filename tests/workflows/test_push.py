import pytest
from tests.data.conftest import fake_hub  # noqa: F401 - a fixture

from deepsynth.cli.app import main
from deepsynth.workflows.push import PushConfig, run


def test_the_result_says_what_was_sent_and_that_a_second_run_had_nothing_to_do(dataset, reporter, fake_hub):  # noqa: F811
    first = run(PushConfig(folder=dataset, repo="me/pages"), reporter)
    assert first.describe().startswith(f"sent {first.total} of {first.total} files to me/pages; all are verified")
    second = run(PushConfig(folder=dataset, repo="me/pages"), reporter)
    assert second.describe().startswith(f"me/pages holds all {first.total} files already")
    assert fake_hub.repos["me/pages"].private


@pytest.mark.parametrize("arguments", [[], ["--repo", "pages"]])
def test_a_push_without_a_full_name_is_a_mistake_of_one_line(dataset, capsys, fake_hub, arguments):  # noqa: F811
    assert main(["push", str(dataset), *arguments]) == 2
    assert "say which one as OWNER/NAME" in capsys.readouterr().err
    assert fake_hub.requests == []
