"""schemathesis, unmodified, makes calls up from the served description of the API.

usage: described.py URL TOKEN

Each operation is called as a maintainer, an administrator, nobody, with a job token and with a trigger token, mostly with ids of things
that are there. No answer is a 5xx but those named here, and every answer is what the description promises: JSON, and
an error says `message` or `error`. The same calls are made each time. Ends with "all steps passed".
"""

import random
import sys

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings

# Operations that are not called, and why.
LEFT_OUT = {
    "DELETE /personal_access_tokens/self": "ends the token that these calls are made with",
    "POST /personal_access_tokens/self/rotate": "ends the token that these calls are made with",
    "GET /projects/{id}/pipelines/{pipeline_id}/events": "a stream that does not end while the pipeline runs",
    "GET /projects/{id}/pipelines/{pipeline_id}/follow": "a stream that does not end while the pipeline runs",
    "GET /projects/{id}/jobs/{job_id}/trace/events": "a stream that does not end while the job runs",
    "GET /projects/{id}/trigger/pipelines/{pipeline_id}/events": "a stream that does not end while the pipeline runs",
    "GET /projects/{id}/trigger/pipelines/{pipeline_id}/follow": "a stream that does not end while the pipeline runs",
    "GET /projects/{id}/trigger/jobs/{job_id}/trace/events": "a stream that does not end while the job runs",
}

# Operations that would take away what all others are about: called with numbers that nothing has.
NOTHING = {"DELETE /projects/{id}", "DELETE /groups/{id}"}

# Operations that an administrator does not call: they would take away the people that all other calls are made by.
NOT_AS_ADMIN = {
    "DELETE /users/{id}", "POST /users/{id}/block", "DELETE /personal_access_tokens/{id}",
    "POST /personal_access_tokens/{id}/rotate", "DELETE /runners/{id}",
}

# What is not there on purpose, as the protocol of runners allows.
NOT_IMPLEMENTED = {"GET /runners/router/discovery"}

# Calls of each operation. Together they take about a minute.
CALLS = 10

CONFIG = """
spec: {inputs: {flavor: {default: plain}}}
---
build: {script: x, artifacts: {paths: [out]}}
deploy: {script: x, when: manual, resource_group: prod, environment: {name: live}}
"""


class Api:
    def __init__(self, url, token):
        self.url, self.token = url + "/api/v4", token

    def __call__(self, line, body=None, token=None, headers=None):
        method, path = line.split(" ", 1)
        headers = headers if headers is not None else {"PRIVATE-TOKEN": token or self.token}
        answer = requests.request(method, self.url + path, json=body, headers=headers, timeout=30)
        assert answer.status_code < 300, f"{line} {body}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None


def seeded(api):
    """A project and a group with a thing of each kind; returns their ids by the names in paths, and the tokens."""
    user = api("POST /users", {"username": "keeper", "name": "k", "email": "k@example.com", "force_random_password": True})
    token = api(f"POST /users/{user['id']}/personal_access_tokens", {"name": "t", "scopes": ["api"]})["token"]
    boss = api("POST /users", {"username": "boss", "name": "b", "email": "b@example.com", "force_random_password": True,
                               "admin": True})
    admin = api(f"POST /users/{boss['id']}/personal_access_tokens", {"name": "t", "scopes": ["api"]})["token"]
    project = api("POST /projects", {"name": "described"})["id"]
    group = api("POST /groups", {"name": "g", "path": "described-group"})["id"]
    for place in (f"/projects/{project}", f"/groups/{group}"):
        api(f"POST {place}/members", {"user_id": user["id"], "access_level": 40})
    at = f"/projects/{project}"
    actions = [{"action": "create", "file_path": path, "content": text} for path, text in
               [(".gitlab-ci.yml", CONFIG), ("a.txt", "a")]]
    api(f"POST {at}/repository/commits", {"branch": "main", "commit_message": "[skip ci]", "actions": actions})
    api(f"POST {at}/repository/branches", {"branch": "side", "ref": "main"})
    api(f"POST {at}/repository/tags", {"tag_name": "v1", "ref": "main"})
    api(f"POST {at}/protected_branches", {"name": "stable"})
    api(f"POST {at}/variables", {"key": "SHARED", "value": "value"})
    api(f"POST /groups/{group}/variables", {"key": "SHARED", "value": "value"})
    own = lambda line, body: api(line, body, token)
    trigger = own(f"POST {at}/triggers", {"description": "t"})
    hook = own(f"POST {at}/hooks", {"url": "http://127.0.0.1:9/", "custom_headers": [{"key": "X-A", "value": "v"}],
                                    "url_variables": [{"key": "v", "value": "x"}]})
    inbound = own(f"POST {at}/inbound_hooks", {"name": "i", "provider": "generic", "secret": "inbound-secret"})
    schedule = own(f"POST {at}/pipeline_schedules", {"description": "s", "ref": "main", "cron": "0 1 * * *"})
    own(f"POST {at}/pipeline_schedules/{schedule['id']}/variables", {"key": "SHARED", "value": "v"})
    environment = own(f"POST {at}/environments", {"name": "e"})
    deployment = own(f"POST {at}/deployments", {"environment": "e", "sha": "main", "ref": "main", "tag": False,
                                                "status": "running"})
    pipeline = api(f"POST {at}/trigger/pipeline", {"token": trigger["token"], "ref": "main"}, headers={})
    runner = api("POST /user/runners", {"runner_type": "instance_type"})
    features = {"two_phase_job_commit": False}
    job = api("POST /jobs/request", {"token": runner["token"], "system_id": "s", "info": {"features": features}}, headers={})
    log = own(f"GET {at}/trigger_log", None)
    ids = {
        "project": project, "group": group, "pipeline_id": pipeline["id"], "job_id": job["id"], "hook_id": hook["id"],
        "inbound": inbound["id"], "trigger_id": trigger["id"], "pipeline_schedule_id": schedule["id"],
        "environment_id": environment["id"], "deployment_id": deployment["id"], "user_id": user["id"], "log_id": log[0]["id"],
        "runner_id": runner["id"], "target_project_id": project, "target_group_id": group, "group_id": group,
        "hook_event_id": 1, "key": "SHARED", "branch": "side", "tag_name": "v1", "name": "stable", "sha": "main", "ref": "main",
        "file_path": "a.txt", "trigger": "push_events", "artifact_path": "out/a.txt", "latest": "main/download",
    }
    return ids, {"maintainer": token, "admin": admin, "job": job["token"], "trigger": trigger["token"]}


def name_of(operation):
    return f"{operation.method.upper()} {operation.path}"


def known(ids, path, name):
    """The id of a thing that is there, for a name in a path."""
    if name == "id":
        if path.startswith("/projects/"):
            return ids["project"]
        if path.startswith("/groups/"):
            return ids["group"]
        return {"/jobs": ids["job_id"], "/users": ids["user_id"], "/runners": ids["runner_id"]}.get("/" + path.split("/")[1], 1)
    if name == "hook_id" and "inbound_hooks" in path:
        return ids["inbound"]
    return ids.get(name, 1)


def headers_of(who, tokens):
    if who == "job":
        return {"JOB-TOKEN": tokens["job"]}
    return {"PRIVATE-TOKEN": tokens[who]} if who in ("maintainer", "admin") else {}


def prepare(case, ids, tokens, who, draw):
    """Makes most of a made-up call reach something."""
    path = case.operation.path
    # Credentials that it makes up as well would turn all others away.
    case.headers = {}
    offset = 10_000_000 if name_of(case.operation) in NOTHING else 0
    for name in list(case.path_parameters or {}):
        if offset:
            case.path_parameters[name] = offset
        elif draw.random() < 0.8:
            case.path_parameters[name] = known(ids, path, name)
    body = case.body
    if isinstance(body, dict):
        for name in body:
            # No test asks another machine, and no call is held back.
            if name == "url":
                body[name] = "http://127.0.0.1:9/"
            elif name == "token" and draw.random() < 0.8:
                body[name] = tokens["job" if path.startswith("/jobs/{id}") else "trigger"]
            elif name in ids and draw.random() < 0.6:
                body[name] = ids[name]
            elif name in ("ref", "branch", "start_branch", "dry_run_ref") and draw.random() < 0.6:
                body[name] = "main"
        for name in ("wait", "follow", "last_update"):
            body.pop(name, None)
    query = case.query if isinstance(case.query, dict) else {}
    for name in ("wait", "follow", "stay"):
        query.pop(name, None)
    if "ref" in query and draw.random() < 0.6:
        query["ref"] = "main"
    if who == "trigger" and "/trigger/" in path:
        query["token"] = tokens["trigger"]


def problem(operation, answer):
    """What is wrong with an answer; `None` when nothing is."""
    status, kind = answer.status_code, (answer.headers.get("content-type") or [""])[0]
    if status >= 500:
        allowed = status == 501 and name_of(operation) in NOT_IMPLEMENTED
        return None if allowed else f"{status} {answer.text}"
    if status >= 400 and answer.request.method != "HEAD" and answer.content:
        if not kind.startswith("application/json"):
            return f"{status} is no JSON but {kind}: {answer.text[:200]}"
        error = answer.json()
        if not isinstance(error, dict) or not {"message", "error"} & set(error):
            return f"{status} says neither `message` nor `error`: {answer.text[:200]}"
    if kind.startswith("application/json"):
        answer.json()
    return None


def try_out(operation, ids, tokens, found, seen):
    session = requests.Session()
    name = name_of(operation)
    # Not drawn by hypothesis, which likes small numbers: the same one would call all the time.
    draw = random.Random(name)
    people = ["maintainer"] * 8 + ["admin"] * (0 if name in NOT_AS_ADMIN else 3) + ["anonymous", "job", "trigger"]

    @seed(20260101)
    @settings(max_examples=CALLS, deadline=None, database=None, phases=[Phase.generate],
              suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy())
    def calls(case):
        who = draw.choice(people)
        prepare(case, ids, tokens, who, draw)
        answer = case.call(headers=headers_of(who, tokens), session=session, timeout=30)
        if who in ("maintainer", "admin"):
            seen[answer.status_code] = seen.get(answer.status_code, 0) + 1
        wrong = problem(operation, answer)
        if wrong:
            found.append(f"{name} as {who}: {wrong}\n    {answer.request.url} {(answer.request.body or b'')[:600]}")

    calls()


def main(url, token):
    api = Api(url, token)
    ids, tokens = seeded(api)
    schema = schemathesis.openapi.from_url(f"{url}/api/v4/openapi.json")
    operations = [result.ok() for result in schema.get_all_operations()]
    names = {name_of(operation) for operation in operations}
    for group in (set(LEFT_OUT), NOTHING, NOT_IMPLEMENTED):
        assert group <= names, f"no such operation: {group - names}"
    # What reads first, what deletes last, so that there is something to reach.
    order = {"get": 0, "put": 1, "patch": 1, "post": 2, "delete": 3}
    operations.sort(key=lambda operation: (order[operation.method], operation.path))
    found, seen = [], {}
    for operation in operations:
        if name_of(operation) not in LEFT_OUT:
            try_out(operation, ids, tokens, found, seen)
    print(f"step: {sum(seen.values())} calls with access tokens of {len(operations)} operations: {dict(sorted(seen.items()))}")
    assert not found, f"{len(found)} answers are wrong:\n" + "\n".join(dict.fromkeys(found))
    # Calls that are all turned away at the door would show nothing.
    reached = sum(count for status, count in seen.items() if status < 300 or status in (400, 409, 422))
    assert reached * 2 > sum(seen.values()), f"only {reached} calls reached something: {seen}"
    print("all steps passed", flush=True)


main(*sys.argv[1:])
