import json
from pathlib import Path

from deepsynth.jobs import Job, JobStatus
from deepsynth.jobs.logs import LogWriter
from deepsynth.web import outputs
from deepsynth.web.outputs import find_file, list_files, media_type, read_samples, read_system


def job(output) -> Job:
    return Job(
        id="0" * 16,
        kind="x",
        status=JobStatus.SUCCEEDED,
        attempt=1,
        config={},
        created_at="",
        updated_at="",
        output=str(output),
    )


def test_files_are_listed_without_links_and_hidden_ones(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b.txt").write_text("x")
    (tmp_path / ".hidden").write_text("x")
    (tmp_path / "link").symlink_to("/etc/passwd")
    (tmp_path / "folder").symlink_to("/etc")
    files, more = list_files(job(tmp_path))
    assert ([file.name for file in files], more) == (["a/b.txt"], False)


def test_a_very_long_list_is_cut_and_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(outputs, "MOST_FILES", 2)
    for number in range(4):
        (tmp_path / str(number)).touch()
    files, more = list_files(job(tmp_path))
    assert (len(files), more) == (2, True)
    assert list_files(job("")) == ([], False)


def test_what_a_browser_would_run_is_plain_bytes():
    for name in ("a.html", "a.svg", "a.xhtml", "a.safetensors", "a.unknown"):
        assert media_type(Path(name)) == "application/octet-stream"
    assert media_type(Path("a.png")) == "image/png"


def test_a_link_is_no_file(tmp_path):
    (tmp_path / "report.json").symlink_to("/etc/passwd")
    assert find_file(job(tmp_path), "report.json") is None


def test_samples_of_training_have_steps_and_page_addresses(tmp_path):
    (tmp_path / "pages").mkdir()
    (tmp_path / "pages" / "0.png").write_bytes(b"x")
    rows = [{"step": 5, "prediction": "p", "pages": ["pages/0.png", "../../etc/passwd", "none.png"]}]
    (tmp_path / "samples.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows) + '{"cut')
    (found,) = read_samples(job(tmp_path), 10)
    files, _ = list_files(job(tmp_path))
    (page,) = [file for file in files if file.name == "pages/0.png"]
    assert found["pages"] == [f"api/jobs/{'0' * 16}/files/{page.id}"]
    assert found["step"] == 5


def test_an_evaluation_shows_its_rows(tmp_path):
    report = {"rows": [{"id": "a", "text": "t", "reference": "r", "predictions": {"model": "m", "lead": "l"}}]}
    (tmp_path / "report.json").write_text(json.dumps(report))
    (found,) = read_samples(job(tmp_path), 10)
    assert (found["prediction"], found["reference"], found["step"]) == ("m", "r", None)
    assert read_samples(job(tmp_path / "none"), 10) == []


def test_samples_of_an_evaluation_have_the_pages_that_it_kept(tmp_path):
    rows = [{"id": name, "text": "t", "predictions": {"model": "m"}} for name in ("first", "second")]
    (tmp_path / "report.json").write_text(json.dumps({"rows": rows}))
    (tmp_path / "pages").mkdir()
    for name in ("000000-000.png", "000001-001.png", "000001-000.png"):
        (tmp_path / "pages" / name).write_bytes(b"")
    first, second = read_samples(job(tmp_path), 10)
    assert (len(first["pages"]), len(second["pages"])) == (1, 2)
    assert first["pages"][0] not in second["pages"]


def test_processor_use_is_the_difference_of_two_samples(tmp_path):
    rows = [{"at": 10.0, "memory_mib": 1.0, "cpu_seconds": 1.0}, {"at": 12.0, "memory_mib": 2.0, "cpu_seconds": 3.0}]
    (tmp_path / "s").write_text("".join(json.dumps(row) + "\n" for row in rows))
    points = read_system(tmp_path / "s")
    assert [point["cpu_percent"] for point in points] == [None, 100.0]
    assert points[1]["seconds"] == 2.0


def test_logs_metrics_and_history_are_read_in_parts(client, held, services, tmp_path):
    job = held(output=str(tmp_path))
    writer = LogWriter(services.executor.folder(job.id).log)
    writer.line("one")
    writer.line("two")
    writer.close()
    assert client.get(f"/api/jobs/{job.id}/logs?offset=4").json() == {
        "text": "two\n",
        "offset": 4,
        "next_offset": 8,
        "size": 8,
    }
    assert client.get(f"/api/jobs/{job.id}/logs?offset=-4").json()["text"] == "two\n"
    (tmp_path / "metrics.jsonl").write_text('{"step": 1, "loss": 2.0, "lr": 0.1}\n')
    for names, wanted in (("", {"loss", "lr"}), ("lr", {"lr"}), ("lr,loss", {"loss", "lr"}), ("none", set())):
        found = client.get(f"/api/jobs/{job.id}/metrics", params={"names": names}).json()
        assert set(found["series"]) == wanted
    found = client.get(f"/api/jobs/{job.id}/metrics").json()
    assert found["series"] == {"loss": [[1.0, 2.0]], "lr": [[1.0, 0.1]]}
    assert client.get(f"/api/jobs/{job.id}/metrics", params={"cursor": found["cursor"]}).json()["series"] == {}
    assert [row["state"] for row in client.get(f"/api/jobs/{job.id}/events").json()["events"]] == ["queued"]
    assert client.get(f"/api/jobs/{job.id}/progress").json()["processed_samples"] == 0


def test_files_are_downloads_and_pictures_may_be_shown(client, held, tmp_path):
    tmp_path = tmp_path / "out"
    tmp_path.mkdir()
    (tmp_path / "report.html").write_text("<script>alert(1)</script>")
    (tmp_path / "page.png").write_bytes(b"\x89PNG")
    (tmp_path / "drawing.svg").write_text("<svg/>")
    (tmp_path / "link").symlink_to("/etc/passwd")
    job = held(output=str(tmp_path))
    files = {file["path"]: file for file in client.get(f"/api/jobs/{job.id}/files").json()["files"]}
    assert set(files) == {"report.html", "page.png", "drawing.svg"}
    for name, disposition in (("report.html", "attachment"), ("drawing.svg", "attachment"), ("page.png", "inline")):
        answer = client.get(f"/api/jobs/{job.id}/files/{files[name]['id']}")
        assert answer.headers["content-disposition"].startswith(disposition)
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "html" not in answer.headers["content-type"]
        assert "svg" not in answer.headers["content-type"]
    part = client.get(f"/api/jobs/{job.id}/files/{files['report.html']['id']}", headers={"range": "bytes=0-3"})
    assert (part.status_code, part.content) == (206, b"<scr")
    (tmp_path / "report.json").write_text('{"title": "x"}')
    assert client.get(f"/api/jobs/{job.id}/report").json() == {"title": "x"}
