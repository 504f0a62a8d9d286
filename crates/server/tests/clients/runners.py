"""Runners through python-gitlab, unmodified: `runners.py URL TOKEN PROJECT`."""

import sys

import gitlab

url, token, path = sys.argv[1:]
gl = gitlab.Gitlab(url, private_token=token)
project = gl.projects.get(path)

# Made the new way, for the server and for a project.
shared = gl.http_post("/user/runners", post_data={"runner_type": "instance_type", "tag_list": "linux"})
shared_id, shared_token = shared["id"], shared["token"]
own = gl.http_post("/user/runners", post_data={"runner_type": "project_type", "project_id": project.id})

assert gl.runners.verify(shared_token) is None
assert {runner.id for runner in gl.runners_all.list(iterator=True)} >= {shared_id, own["id"]}
assert [runner.id for runner in gl.runners.list(iterator=True)] == [own["id"]]
assert {runner.id for runner in project.runners.list(get_all=True)} >= {shared_id, own["id"]}
assert [runner.id for runner in gl.runners_all.list(tag_list="linux", get_all=True)] == [shared_id]

runner = gl.runners.get(shared_id)
assert runner.runner_type == "instance_type" and runner.tag_list == ["linux"], runner
runner.description = "changed"
runner.tag_list = ["linux", "arm"]
runner.maximum_timeout = 900
runner.save()
runner = gl.runners.get(shared_id)
assert (runner.description, runner.tag_list, runner.maximum_timeout) == ("changed", ["linux", "arm"], 900), runner
assert runner.jobs.list(get_all=True) == []

# Served to another project and taken away again.
other = gl.projects.create({"name": "other-project"})
assert other.runners.create({"runner_id": own["id"]}).id == own["id"]
assert own["id"] in {runner.id for runner in other.runners.list(get_all=True)}
other.runners.delete(own["id"])
assert own["id"] not in {runner.id for runner in other.runners.list(get_all=True)}

# Made the old way, once an administrator allows it.
settings = gl.settings.get()
try:
    gl.runners.create({"token": "GR1348941i-nothing"})
    raise SystemExit("a registration token was good although it is not allowed")
except gitlab.exceptions.GitlabCreateError as error:
    assert error.response_code == 410, error
settings.allow_runner_registration_token = True
settings.save()
old = gl.runners.create({"token": gl.projects.get(path).runners_token, "description": "old", "locked": True})
assert old.token.startswith("glrtr-"), old
assert gl.runners.get(old.id).locked is True

gl.runners.delete(old.id)
gl.runners.delete(token=shared_token)
try:
    gl.runners.verify(shared_token)
    raise SystemExit("the token of a deleted runner is good")
except gitlab.exceptions.GitlabVerifyError as error:
    assert error.response_code == 403, error
print("all steps passed")
