"""A Hub on loopback that speaks the endpoints which huggingface_hub calls, and fails on demand.

Repositories of datasets and of models are kept in memory: commits with files, large ones in a store by sha256 as the Hub's LFS
does. Faults are asked for by method and path; each strikes once: a status, a connection that is cut before the answer, or after
the deed.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

TOKEN = "hf_goodtokengoodtokengoodtoken"
EXPORT = "refs/convert/parquet"


@dataclass
class File:
    content: bytes
    lfs: bool

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    @property
    def git(self) -> str:
        return hashlib.sha1(b"blob %d\0" % len(self.content) + self.content).hexdigest()


@dataclass
class Repo:
    private: bool = True
    card: dict[str, Any] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    commits: dict[str, dict[str, File]] = field(default_factory=dict)
    history: list[str] = field(default_factory=list)
    gated: bool = False

    def commit(self, files: dict[str, File], branch: str = "main") -> str:
        sha = hashlib.sha1(f"{len(self.commits)}{sorted(files)}{time.time_ns()}".encode()).hexdigest()
        self.commits[sha], self.branches[branch] = files, sha
        self.history.append(sha)
        return sha

    def at(self, revision: str) -> tuple[str, dict[str, File]] | None:
        sha = self.branches.get(revision, revision)
        return (sha, self.commits[sha]) if sha in self.commits else None


@dataclass
class Fault:
    method: str
    path: str
    kind: int | str
    """A status; `cut` (no answer), `cut-after` (no answer, but the deed is done), `half` (half of the content)."""
    times: int = 1


class FakeHub:
    """The server and what it holds."""

    def __init__(self) -> None:
        self.repos: dict[str, Repo] = {}
        self.store: dict[str, bytes] = {}
        self.faults: list[Fault] = []
        self.requests: list[tuple[str, str]] = []
        self.tokens = {TOKEN}
        self.slow = 0.0
        self.lock = threading.RLock()
        hub = self

        class Handler(_Handler):
            server_state = hub

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def add(self, name: str, files: dict[str, bytes], *, branch: str = "main", **facts: Any) -> Repo:
        repo = self.repos.setdefault(name, Repo(**{"private": False, **facts}))
        repo.commit({path: File(content, path.endswith(".parquet")) for path, content in files.items()}, branch)
        return repo

    def files(self, name: str) -> dict[str, bytes]:
        repo = self.repos[name]
        return {path: file.content for path, file in repo.commits[repo.branches["main"]].items()}

    def asked(self, method: str, pattern: str) -> int:
        return sum(1 for found, path in self.requests if found == method and re.search(pattern, path))

    def fault_for(self, method: str, path: str) -> int | str | None:
        with self.lock:
            for fault in self.faults:
                if fault.method == method and fault.times > 0 and re.search(fault.path, path):
                    fault.times -= 1
                    return fault.kind
        return None


@contextmanager
def running() -> Iterator[FakeHub]:
    hub = FakeHub()
    try:
        yield hub
    finally:
        hub.close()


class _Handler(BaseHTTPRequestHandler):
    server_state: FakeHub
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:  # quiet
        pass

    def do_GET(self) -> None:
        self._handle("GET")

    def do_HEAD(self) -> None:
        self._handle("HEAD")

    def do_POST(self) -> None:
        self._handle("POST")

    def do_PUT(self) -> None:
        self._handle("PUT")

    def _handle(self, method: str) -> None:
        hub = self.server_state
        self.body = self._read_body()
        parts = urlsplit(self.path)
        self.query = parse_qs(parts.query)
        path = parts.path
        hub.requests.append((method, unquote(path)))
        if hub.slow:
            time.sleep(hub.slow)
        self.cut: str | None = None
        fault = hub.fault_for(method, path)
        if isinstance(fault, int):
            headers = {"Retry-After": "0"} if fault == 429 else {}
            self._answer({"error": "a fault that was asked for"}, fault, headers)
            return
        if fault == "cut":
            self._hang_up()
            return
        self.cut = fault
        with hub.lock:
            self._route(method, path)

    def _read_body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _hang_up(self) -> None:
        self.close_connection = True
        self.connection.close()

    def _route(self, method: str, path: str) -> None:
        routes = (
            ("GET", r"/api/whoami-v2", self._whoami),
            ("POST", r"/api/repos/create", self._create),
            ("POST", r"/api/validate-yaml", lambda: self._answer({"warnings": [], "errors": []})),
            ("GET", r"/api/(?:datasets|models)/([\w.-]+/[\w.-]+)(?:/revision/([^/]+))?", self._info),
            ("GET", r"/api/(?:datasets|models)/([\w.-]+/[\w.-]+)/tree/([^/]+)(?:/(.+))?", self._tree),
            ("POST", r"/api/datasets/([\w.-]+/[\w.-]+)/paths-info/([^/]+)", self._paths_info),
            ("POST", r"/api/datasets/([\w.-]+/[\w.-]+)/preupload/([^/]+)", self._preupload),
            ("POST", r"/api/datasets/([\w.-]+/[\w.-]+)/commit/([^/]+)", self._commit),
            ("POST", r"/datasets/([\w.-]+/[\w.-]+)\.git/info/lfs/objects/batch", self._batch),
            ("PUT", r"/lfs/(\w{64})", self._store),
            ("POST", r"/lfs-verify/([\w.-]+/[\w.-]+)", self._verify),
            ("GET", r"/(?:datasets/)?([\w.-]+/[\w.-]+)/resolve/([^/]+)/(.+)", self._resolve),
            ("HEAD", r"/(?:datasets/)?([\w.-]+/[\w.-]+)/resolve/([^/]+)/(.+)", self._resolve),
        )
        for wanted, pattern, action in routes:
            match = re.fullmatch(pattern, path)
            if wanted == method and match:
                action(*(item and unquote(item) for item in match.groups()))
                return
        self._answer({"error": f"the fake Hub knows no {method} {path}"}, 501)

    # Who asks ---------------------------------------------------------------------------------------------------------

    def _known(self) -> bool:
        return self.headers.get("Authorization", "").removeprefix("Bearer ") in self.server_state.tokens

    def _may(self, name: str) -> Repo | None:
        """Return the repository, or answer as the Hub does to those who may not see it."""
        repo = self.server_state.repos.get(name)
        if self.headers.get("Authorization") and not self._known():
            self._answer({"error": "expired"}, 401, {"X-Error-Message": "User Access Token is expired"})
            return None
        if repo is None or (repo.private and not self._known()):
            status = 404 if self._known() else 401
            self._answer({"error": "Repository not found"}, status, {"X-Error-Code": "RepoNotFound"})
            return None
        if repo.gated:
            self._answer({"error": "gated"}, 403, {"X-Error-Code": "GatedRepo"})
            return None
        return repo

    def _files(self, name: str, revision: str) -> tuple[str, dict[str, File]] | None:
        repo = self._may(name)
        if repo is None:
            return None
        found = repo.at(revision)
        if found is None:
            self._answer({"error": "Invalid rev id"}, 404, {"X-Error-Code": "RevisionNotFound"})
        return found

    def _whoami(self) -> None:
        self._answer(
            {"name": "me", "type": "user"} if self._known() else {"error": "Invalid"}, 200 if self._known() else 401
        )

    # Repositories -----------------------------------------------------------------------------------------------------

    def _create(self) -> None:
        asked = json.loads(self.body)
        name = f"{asked['organization'] or 'me'}/{asked['name']}"
        if not self._known():
            self._answer({"error": "Invalid username or password."}, 401)
        elif not name.startswith("me/"):
            self._answer({"error": "You don't have the rights"}, 403)
        elif name in self.server_state.repos:
            self._answer({"url": f"{self.server_state.url}/datasets/{name}", "error": "You already created it"}, 409)
        else:
            repo = Repo(private=asked.get("private", asked.get("visibility") == "private"))
            repo.commit({".gitattributes": File(b"*.parquet filter=lfs\n", False)})
            self.server_state.repos[name] = repo
            self._answer({"url": f"{self.server_state.url}/datasets/{name}"})

    def _info(self, name: str, revision: str | None) -> None:
        found = self._files(name, revision or "main")
        if found:
            repo = self.server_state.repos[name]
            facts = {"id": name, "_id": "0", "sha": found[0], "private": repo.private, "tags": [], "downloads": 0, "likes": 0,
                     "siblings": [{"rfilename": path} for path in sorted(found[1])], "cardData": repo.card}  # fmt: skip
            self._answer(facts)

    @staticmethod
    def _describe(path: str, file: File) -> dict[str, Any]:
        facts: dict[str, Any] = {"type": "file", "path": path, "size": len(file.content), "oid": file.git}
        if file.lfs:
            facts["lfs"] = {"oid": file.sha256, "size": len(file.content), "pointerSize": 134}
        return facts

    def _tree(self, name: str, revision: str, folder: str | None) -> None:
        found = self._files(name, revision)
        if not found:
            return
        prefix = f"{folder}/" if folder else ""
        inside = {path: file for path, file in found[1].items() if path.startswith(prefix)}
        if self.query.get("recursive", ["false"])[0].lower() == "true":
            self._answer([self._describe(path, file) for path, file in sorted(inside.items())])
            return
        here = [self._describe(path, file) for path, file in sorted(inside.items()) if "/" not in path[len(prefix) :]]
        below = {path[len(prefix) :].split("/")[0] for path in inside if "/" in path[len(prefix) :]}
        self._answer(
            [{"type": "directory", "path": prefix + item, "oid": "0" * 40, "size": 0} for item in sorted(below)] + here
        )

    def _paths_info(self, name: str, revision: str) -> None:
        found = self._files(name, revision)
        if not found:
            return
        wanted = parse_qs(self.body.decode())["paths"]
        answer = [self._describe(path, found[1][path]) for path in wanted if path in found[1]]
        folders = [path for path in wanted if any(item.startswith(f"{path}/") for item in found[1])]
        self._answer(answer + [{"type": "directory", "path": path, "oid": "0" * 40, "size": 0} for path in folders])

    # Uploads ----------------------------------------------------------------------------------------------------------

    def _preupload(self, name: str, revision: str) -> None:
        found = self._files(name, revision)
        if found:
            files = [
                {
                    "path": item["path"],
                    "uploadMode": "lfs" if item["path"].endswith((".parquet", ".png")) else "regular",
                    "shouldIgnore": False,
                    "oid": found[1][item["path"]].git if item["path"] in found[1] else None,
                }
                for item in json.loads(self.body)["files"]
            ]
            self._answer({"files": files})

    def _batch(self, name: str) -> None:
        if self._may(name) is None:
            return
        url = self.server_state.url
        objects = []
        for item in json.loads(self.body)["objects"]:
            facts: dict[str, Any] = {"oid": item["oid"], "size": item["size"]}
            if item["oid"] not in self.server_state.store:
                facts["actions"] = {
                    "upload": {"href": f"{url}/lfs/{item['oid']}?signature=verysecret"},
                    "verify": {"href": f"{url}/lfs-verify/{name}"},
                }
            objects.append(facts)
        self._answer({"transfer": "basic", "objects": objects})

    def _store(self, oid: str) -> None:
        if hashlib.sha256(self.body).hexdigest() != oid:
            self._answer({"error": "the content has another hash"}, 400)
            return
        self.server_state.store[oid] = self.body
        self._answer({})

    def _verify(self, name: str) -> None:
        asked = json.loads(self.body)
        held = self.server_state.store.get(asked["oid"])
        self._answer({}, 200 if held is not None and len(held) == asked["size"] else 404)

    def _commit(self, name: str, revision: str) -> None:
        found = self._files(name, revision)
        if not found:
            return
        files = dict(found[1])
        for line in self.body.splitlines():
            item = json.loads(line)
            value = item["value"]
            if item["key"] == "header" and value.get("parentCommit") not in (None, found[0]):
                self._answer({"error": "A commit has happened since. Please refresh and try again."}, 412)
                return
            if item["key"] == "file":
                files[value["path"]] = File(base64.b64decode(value["content"]), False)
            elif item["key"] == "lfsFile":
                if value["oid"] not in self.server_state.store:
                    self._answer({"error": f"no LFS object {value['oid']}"}, 400)
                    return
                files[value["path"]] = File(self.server_state.store[value["oid"]], True)
            elif item["key"] == "deletedFile":
                del files[value["path"]]
        sha = self.server_state.repos[name].commit(files, revision)
        self._answer({"commitUrl": f"{self.server_state.url}/datasets/{name}/commit/{sha}", "commitOid": sha})

    # Downloads --------------------------------------------------------------------------------------------------------

    def _resolve(self, name: str, revision: str, path: str) -> None:
        found = self._files(name, revision)
        if not found:
            return
        if path not in found[1]:
            self._answer(
                {"error": "Entry not found"}, 404, {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": found[0]}
            )
            return
        file = found[1][path]
        etag = file.sha256 if file.lfs else file.git
        headers = {"X-Repo-Commit": found[0], "ETag": f'"{etag}"', "Accept-Ranges": "bytes"}
        if file.lfs:
            headers |= {"X-Linked-Etag": f'"{etag}"', "X-Linked-Size": str(len(file.content))}
        content, status = file.content, 200
        match = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if match:
            first, last = int(match[1]), int(match[2] or len(content) - 1)
            headers["Content-Range"] = f"bytes {first}-{min(last, len(content) - 1)}/{len(content)}"
            content, status = content[first : last + 1], 206
        self._send(status, content, {**headers, "Content-Type": "application/octet-stream"})

    def _answer(self, value: Any, status: int = 200, headers: dict[str, str] | None = None) -> None:
        self._send(status, json.dumps(value).encode(), {"Content-Type": "application/json", **(headers or {})})

    def _send(self, status: int, content: bytes, headers: dict[str, str]) -> None:
        if self.cut == "cut-after":
            self._hang_up()
            return
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, quote(value, safe=" \"/:;=,.-_*%?&()'"))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content[: len(content) // 2] if self.cut == "half" else content)
        if self.cut == "half":
            self.wfile.flush()
            self._hang_up()
