"""Environments and deployments through python-gitlab, unmodified: `environments.py URL TOKEN PROJECT`."""

import sys

import gitlab

url, token, path = sys.argv[1:]
gl = gitlab.Gitlab(url, private_token=token)
project = gl.projects.get(path)

environment = project.environments.create({"name": "review/one", "external_url": "https://one.example.com"})
assert environment.slug.startswith("review-one-") and environment.tier == "development", environment
environment.external_url = "https://two.example.com"
environment.save()
assert [one.id for one in project.environments.list(iterator=True)] == [environment.id]
assert [one.id for one in project.environments.list(states="available", search="review", get_all=True)] == [environment.id]
shown = project.environments.get(environment.id)
assert (shown.external_url, shown.state, shown.last_deployment) == ("https://two.example.com", "available", None), shown

head = project.branches.get("main").commit["id"]
deployment = project.deployments.create(
    {"environment": "review/one", "sha": head, "ref": "main", "tag": False, "status": "running"}
)
assert deployment.status == "running" and deployment.environment["id"] == environment.id, deployment
deployment.status = "success"
deployment.save()
assert project.deployments.get(deployment.id).status == "success"
assert [one.id for one in project.deployments.list(environment="review/one", get_all=True)] == [deployment.id]
assert project.environments.get(environment.id).last_deployment["id"] == deployment.id

newer = project.deployments.create(
    {"environment": "review/one", "sha": head, "ref": "main", "tag": False, "status": "failed"}
)
gl.http_delete(f"/projects/{project.id}/deployments/{newer.id}")
try:
    gl.http_delete(f"/projects/{project.id}/deployments/{deployment.id}")
    raise AssertionError("what is deployed now was deleted")
except gitlab.GitlabHttpError as error:
    assert error.response_code == 400, error

try:
    environment.delete()
    raise AssertionError("an available environment was deleted")
except gitlab.GitlabDeleteError as error:
    assert error.response_code == 403, error
environment.stop()
assert project.environments.get(environment.id).state == "stopped"
environment.delete()
assert project.environments.list(get_all=True) == []
print("all steps passed")
