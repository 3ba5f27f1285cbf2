# SPDX-License-Identifier: Apache-2.0
"""A plain HTTP client for the tests: every answer has .status, .headers, .text and .json, and is as docs/openapi.json says."""
import http.client
import json as json_module
from urllib.parse import urlencode

import contract

PASSWORD = "correct horse battery"
SECRETS = {PASSWORD: None}  # passwords and tokens that went by, in their order: no log may show one
SECRET_NAMES = ("password", "current_password", "new_password", "access_token", "refresh_token", "key")


def remember(fields):
    """Keeps what is secret of a body that went by."""
    if isinstance(fields, dict):
        SECRETS.update((v, None) for k, v in fields.items() if k in SECRET_NAMES and isinstance(v, str) and len(v) >= 12)


class Answer:
    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def text(self):
        return self.body.decode("utf-8", "replace")

    @property
    def json(self):
        return json_module.loads(self.body)

    def __repr__(self):
        return f"<{self.status} {self.text[:300]}>"


class Api:
    """`token` and `headers` go with every request; .with_token() gives another one."""

    def __init__(self, port, token=None, headers=None, wait_s=30, host="127.0.0.1"):
        self.host = host
        self.port = port
        self.token = token
        self.headers = headers or {}
        self.wait_s = wait_s
        self.url = f"http://{host}:{port}"

    def with_token(self, token):
        return Api(self.port, token, self.headers, self.wait_s, self.host)

    def at(self, host, port):
        """The same of another API on the same database."""
        return Api(port, self.token, self.headers, self.wait_s, host)

    def request(self, method, path, json=None, body=None, headers=None, query=None):
        names = dict(self.headers)
        if self.token:
            names["Authorization"] = f"Bearer {self.token}"
        if json is not None:
            body = json_module.dumps(json).encode()
            names["Content-Type"] = "application/json"
        names.update(headers or {})
        connection = http.client.HTTPConnection(self.host, self.port, timeout=self.wait_s)
        try:
            connection.request(method, path + (f"?{urlencode(query)}" if query else ""), body, names)
            answer = connection.getresponse()
            whole = Answer(answer.status, answer.headers, answer.read())
            if path.startswith(("/auth/", "/user/")):
                remember(json)
                remember(whole.json if whole.body.startswith(b"{") else None)
            contract.check(method, path, whole)
            return whole
        finally:
            connection.close()

    def get(self, path, **how):
        return self.request("GET", path, **how)

    def post(self, path, json=None, **how):
        return self.request("POST", path, json, **how)

    def patch(self, path, json=None, **how):
        return self.request("PATCH", path, json, **how)

    def delete(self, path, **how):
        return self.request("DELETE", path, **how)

    def register(self, name="ada", password=PASSWORD):
        """A client with the token of a new account; .user is what the API said of it."""
        answer = self.post("/auth/register", {"username": name, "email": f"{name}@example.org", "password": password})
        assert answer.status == 201, answer
        client = self.with_token(answer.json["access_token"])
        client.user = answer.json["user"]
        client.refresh_token = answer.json["refresh_token"]
        return client
