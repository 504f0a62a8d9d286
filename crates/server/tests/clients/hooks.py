"""Webhooks, as python-gitlab manages them. Arguments: address, token, project, address of the receiver."""

import sys

import gitlab

url, token, path, receiver = sys.argv[1:]
gl = gitlab.Gitlab(url, private_token=token)
project = gl.projects.get(path)

hook = project.hooks.create({"url": receiver, "pipeline_events": True, "push_events": False, "token": "s3cret"})
assert hook.url == receiver and hook.pipeline_events and not hook.push_events and not hook.tag_push_events
assert hook.enable_ssl_verification and hook.alert_status == "executable" and hook.project_id == project.id
assert not hasattr(hook, "token")

hook.job_events = True
hook.save()
assert project.hooks.get(hook.id).job_events
assert [one.id for one in project.hooks.list(get_all=True)] == [hook.id]

hook.test("push_events")
try:
    hook.test("issues_events")
    raise AssertionError("a test of what cannot happen")
except gitlab.GitlabHookTestError as error:
    assert error.response_code == 422, error

hook.delete()
assert project.hooks.list(get_all=True) == []
try:
    project.hooks.get(hook.id)
    raise AssertionError("a hook that is gone")
except gitlab.GitlabGetError as error:
    assert error.response_code == 404 and "404 Not found" in str(error), error
print("all steps passed")
