import io
import shutil

from PIL import Image

from deepsynth.jobs import JobStatus
from deepsynth.web.inventory import identify


def test_datasets_rows_pages_and_rejected_rows(client, dataset):
    (found,) = client.get("/api/datasets").json()["datasets"]
    assert found["reference"] == f"dataset:{identify(dataset)}"
    url = f"/api/datasets/{found['id']}"
    shown = client.get(url).json()["dataset"]
    assert shown["report"]["splits"] == found["splits"]
    assert shown["card"]
    rows = client.get(f"{url}/rows?limit=3&offset=1").json()
    assert rows["total"] == found["splits"]["train"]
    assert [row["index"] for row in rows["rows"]] == [1, 2, 3]
    assert rows["rows"][0]["characters"] == len(rows["rows"][0]["text"])
    page = client.get("/" + rows["rows"][0]["pages"][0])
    assert page.headers["content-type"] == "image/png"
    assert Image.open(io.BytesIO(page.content)).size == (128, 128)
    assert client.get(f"{url}/rows/train/0/pages/9.png").status_code == 404
    assert client.get(f"{url}/rows/train/99999/pages/0.png").status_code == 404
    assert client.get(f"{url}/rows?split=none").status_code == 400
    rejected = client.get(f"{url}/rejected").json()
    assert (rejected["total"], len(rejected["rejected"])) == (1, 1)
    assert sum(rejected["reasons"].values()) == 1


def test_a_dataset_from_elsewhere_is_not_deleted(client, dataset):
    answer = client.delete(f"/api/datasets/{identify(dataset)}")
    assert (answer.status_code, answer.json()["error"]) == (409, "ConflictError")
    assert dataset.is_dir()


def test_generated_datasets_are_those_of_completed_jobs(client, services, dataset):
    assert client.get("/api/datasets/generated").json() == {"datasets": []}
    job = services.store.create_job("dataset", {}, name="my lamps")
    shutil.copytree(dataset, services.place.artifacts / job.id)
    services.scheduler.stop()
    services.store.queue.claim(job.id) if services.store.get_job(job.id).status is JobStatus.QUEUED else None
    services.store.move_job(job.id, JobStatus.RUNNING)
    services.store.move_job(job.id, JobStatus.SUCCEEDED)
    (found,) = client.get("/api/datasets/generated").json()["datasets"]
    assert (found["name"], found["job_id"], found["rows"]) == ("my lamps", job.id, 30)
