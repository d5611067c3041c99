"""A stand-in of the Hugging Face Hub: the endpoints that huggingface_hub calls to make, fill and read a repository."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

TOKEN = "hf_" + "x" * 34
MODEL = r"/api/models/([\w.-]+/[\w.-]+)"


@dataclass
class Repository:
    """One of the Hub: commits in their order, each a mapping of names to contents."""

    private: bool
    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)  # name → commit

    def commit(self, files: dict[str, bytes], branch: str = "main") -> str:
        """Files on top of those that are there."""
        own = {**self.commits.get(self.branches.get(branch, ""), {}), **files}
        content = json.dumps([[name, hashlib.sha256(data).hexdigest()] for name, data in sorted(own.items())])
        commit = hashlib.sha1(content.encode()).hexdigest()
        self.commits[commit], self.branches[branch] = own, commit
        return commit


@dataclass
class Hub:
    """What the server holds, and which requests came."""

    repositories: dict[str, Repository] = field(default_factory=dict)
    stored: dict[str, bytes] = field(default_factory=dict)  # large files by SHA-256
    requests: list[str] = field(default_factory=list)
    url: str = ""


class Handler(BaseHTTPRequestHandler):
    """Answers as the Hub does, as far as a checkpoint's way there and back needs."""

    hub: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Be silent."""

    def do_GET(self) -> None:
        self.read()

    def do_HEAD(self) -> None:
        self.read()

    def do_POST(self) -> None:
        path, body = self.note(), self.body()
        if path == "/api/validate-yaml":
            return self.answer({"errors": [], "warnings": []})
        if re.fullmatch(r"/lfs/verify", path):
            return self.answer({})
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            return self.refuse(401, "Invalid username or password.")
        if path == "/api/repos/create":
            return self.create(json.loads(body))
        if match := re.fullmatch(rf"{MODEL}/preupload/(.+)", path):
            files = json.loads(body)["files"]
            modes = {True: "lfs", False: "regular"}
            answer = [
                {"path": f["path"], "uploadMode": modes[f["path"].endswith(".safetensors")], "shouldIgnore": False}
                for f in files
            ]
            return self.answer({"files": answer})
        if match := re.fullmatch(r"/([\w.-]+/[\w.-]+)\.git/info/lfs/objects/batch", path):
            objects = json.loads(body)["objects"]
            url = self.hub.url
            upload = {"verify": {"href": f"{url}/lfs/verify"}}
            actions = [{**o, "actions": {**upload, "upload": {"href": f"{url}/lfs/{o['oid']}"}}} for o in objects]
            return self.answer({"transfer": "basic", "objects": actions})
        if match := re.fullmatch(rf"{MODEL}/commit/(.+)", path):
            return self.commit(match[1], unquote(match[2]), body)
        self.refuse(404, f"no such endpoint here: POST {path}")

    def do_PUT(self) -> None:
        path, body = self.note(), self.body()
        oid = path.removeprefix("/lfs/")
        assert hashlib.sha256(body).hexdigest() == oid
        self.hub.stored[oid] = body
        self.answer({})

    def create(self, asked: dict) -> None:
        name = f"{asked.get('organization') or 'user'}/{asked['name']}"
        if name.startswith("stranger/"):
            return self.refuse(403, "You don't have the rights to create a model under the namespace")
        url = {"url": f"{self.hub.url}/{name}"}
        if name in self.hub.repositories:
            return self.answer({**url, "error": "You already created this model repo"}, 409)
        self.hub.repositories[name] = Repository(asked.get("visibility") == "private" or bool(asked.get("private")))
        self.hub.repositories[name].commit({".gitattributes": b""})
        self.answer(url)

    def commit(self, name: str, branch: str, body: bytes) -> None:
        files = {}
        for line in map(json.loads, body.splitlines()):
            value = line["value"]
            if line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                files[value["path"]] = self.hub.stored[value["oid"]]
        commit = self.hub.repositories[name].commit(files, branch)
        url = f"{self.hub.url}/{name}/commit/{commit}"
        self.answer({"success": True, "commitOid": commit, "commitUrl": url, "hookOutput": ""})

    def read(self) -> None:
        path = self.note()
        patterns = (
            (rf"{MODEL}(?:/revision/([^/]+))?", self.info),
            (rf"{MODEL}/tree/([^/]+)/?", self.tree),
            (r"/([\w.-]+/[\w.-]+)/resolve/([^/]+)/(.+)", self.file),
        )
        for pattern, method in patterns:
            if match := re.fullmatch(pattern, path):
                repository = self.hub.repositories.get(match[1])
                known = self.headers.get("Authorization") == f"Bearer {TOKEN}"
                if repository is None or (repository.private and not known):
                    return self.refuse(401, "Repository not found", "RepoNotFound")
                revision = unquote(match[2] or "main")
                commit = repository.branches.get(revision, revision)
                if commit not in repository.commits:
                    return self.refuse(404, "Invalid rev id", "RevisionNotFound")
                return method(match[1], repository, commit, *match.groups()[2:])
        self.refuse(404, f"no such endpoint here: {self.command} {path}")

    def info(self, name: str, repository: Repository, commit: str) -> None:
        siblings = [{"rfilename": file} for file in repository.commits[commit]]
        about = {"id": name, "modelId": name, "sha": commit, "private": repository.private, "gated": False}
        self.answer({**about, "disabled": False, "tags": [], "downloads": 0, "likes": 0, "siblings": siblings})

    def tree(self, _: str, repository: Repository, commit: str) -> None:
        files = repository.commits[commit].items()
        self.answer(
            [
                {"type": "file", "path": name, "size": len(data), "oid": hashlib.sha1(data).hexdigest()}
                for name, data in files
            ]
        )

    def file(self, _: str, repository: Repository, commit: str, name: str) -> None:
        data = repository.commits[commit].get(unquote(name))
        if data is None:
            return self.refuse(404, "Entry not found", "EntryNotFound")
        etag = {"ETag": f'"{hashlib.sha1(data).hexdigest()}"', "X-Repo-Commit": commit, "Accept-Ranges": "bytes"}
        self.send(200, data, {**etag, "Content-Type": "application/octet-stream"})

    def note(self) -> str:
        path = urlsplit(self.path).path
        self.hub.requests.append(f"{self.command} {path}")
        return path

    def body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def answer(self, value: object, status: int = 200) -> None:
        self.send(status, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def refuse(self, status: int, message: str, code: str = "") -> None:
        headers = {"X-Error-Message": message, **({"X-Error-Code": code} if code else {})}
        self.send(status, json.dumps({"error": message}).encode(), {"Content-Type": "application/json", **headers})

    def send(self, status: int, data: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(data))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)


@contextmanager
def serve_hub() -> Iterator[Hub]:
    """A Hub at a port of this machine."""
    hub = Hub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("OwnHandler", (Handler,), {"hub": hub}))
    server.daemon_threads = True
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
