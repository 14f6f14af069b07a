from tests.data.conftest import fake_hub  # noqa: F401 - a fixture

from deepsynth.data.prepared import PreparedDataset
from deepsynth.workflows.pull import PullConfig, run
from deepsynth.workflows.push import PushConfig
from deepsynth.workflows.push import run as push


def test_the_result_says_what_was_fetched_to_where(dataset, reporter, tmp_path, fake_hub):  # noqa: F811
    push(PushConfig(folder=dataset, repo="me/pages"), reporter)
    found = run(PullConfig(repo="me/pages", out=tmp_path / "back"), reporter)
    assert found.describe() == (
        f"fetched {found.total} of {found.total} files of me/pages into {tmp_path / 'back'}; all are verified"
    )
    assert PreparedDataset(tmp_path / "back").fingerprint == PreparedDataset(dataset).fingerprint
