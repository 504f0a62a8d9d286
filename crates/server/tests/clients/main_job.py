"""python-gitlab, unmodified, through the whole main job.

usage: main_job.py URL TOKEN PROJECT_PATH

The project has a `.gitlab-ci.yml` with an input `flavor`, a job `build` and a manual job `deploy`.
Prints each step; ends with "all steps passed".
"""

import sys
import time

import gitlab
from gitlab.exceptions import (
    GitlabAuthenticationError,
    GitlabCreateError,
    GitlabGetError,
    GitlabHttpError,
)

STOPPED = {"success", "failed", "canceled", "skipped", "manual"}


def step(name):
    print(f"step: {name}", flush=True)


def expect(actual, expected):
    assert actual == expected, f"expected {expected!r}, got {actual!r}"


def finished(project, pipeline_id):
    """Waits until nothing more happens to the pipeline by itself."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        pipeline = project.pipelines.get(pipeline_id)
        if pipeline.status in STOPPED:
            return pipeline
        time.sleep(0.05)
    raise AssertionError(f"pipeline {pipeline_id} is still {pipeline.status}")


def job_of(project, pipeline, name):
    (found,) = [job for job in pipeline.jobs.list(get_all=True) if job.name == name]
    return project.jobs.get(found.id)


def refused(error_class, status, call):
    try:
        call()
    except error_class as error:
        expect(error.response_code, status)
        return error
    raise AssertionError(f"the call was not refused with {status}")


def main(url, token, path):
    step("log in")
    gl = gitlab.Gitlab(url, private_token=token)
    gl.auth()
    expect(gl.user.username, "root")
    version, _ = gl.version()
    assert version.split(".")[0].isdigit(), version
    refused(GitlabAuthenticationError, 401, gitlab.Gitlab(url, private_token="glpat-wrong").auth)

    step("find the project")
    project = gl.projects.get(path)
    expect(gl.projects.get(project.id).path_with_namespace, path)
    assert path in [p.path_with_namespace for p in gl.projects.list(iterator=True)]
    refused(GitlabGetError, 404, lambda: gl.projects.get("root/no-such-project"))
    created = gl.projects.create({"name": "made-by-python-gitlab"})
    created.description = "made by a test"
    created.save()
    expect(gl.projects.get(created.id).description, "made by a test")
    created.delete()

    step("project and group access tokens")
    group = gl.groups.create({"name": "token-group", "path": "token-group"})
    for place in (project, group):
        made = place.access_tokens.create(
            {"name": "bot", "scopes": ["api"], "access_level": 30, "description": "by a test"}
        )
        expect([token.id for token in place.access_tokens.list(state="active")], [made.id])
        found = place.access_tokens.get(made.id)
        expect((found.name, found.access_level, found.active), ("bot", 30, True))
        bot = gitlab.Gitlab(url, private_token=made.token)
        bot.auth()
        expect((bot.user.id, bot.user.bot), (made.user_id, True))
        expect(bot.personal_access_tokens.get("self").id, made.id)
        rotated = place.access_tokens.rotate(made.id)
        refused(GitlabAuthenticationError, 401, bot.auth)
        bot = gitlab.Gitlab(url, oauth_token=rotated["token"])
        bot.auth()
        expect(bot.user.id, made.user_id)
        rotating = (bot.projects if place is project else bot.groups).get(place.id, lazy=True)
        own = rotating.access_tokens.rotate("self")
        found = place.access_tokens.get(own["id"])
        found.delete()
        expect(place.access_tokens.list(state="active"), [])
        expect(len(place.access_tokens.list(state="inactive")), 3)
    group.delete()

    step("branches and tags")
    expect([branch.name for branch in project.branches.list()], ["main"])
    expect([tag.name for tag in project.tags.list()], ["v1"])
    sha = project.branches.get("main").commit["id"]

    step("trigger token")
    trigger = project.triggers.create({"description": "python"})
    assert trigger.token.startswith("glptt-"), trigger.token
    trigger.description = "python-gitlab"
    trigger.save()
    expect(project.triggers.get(trigger.id).description, "python-gitlab")
    assert trigger.id in [t.id for t in project.triggers.list(get_all=True)]

    step("trigger")
    pipeline = project.trigger_pipeline("main", trigger.token, variables={"WHO": "python"}, inputs={"flavor": "spicy"})
    expect((pipeline.source, pipeline.ref, pipeline.sha), ("trigger", "main", sha))
    pipeline = finished(project, pipeline.id)
    expect(pipeline.status, "success")
    build = job_of(project, pipeline, "build")
    log = build.trace().decode()
    assert "source=trigger who=python flavor=spicy" in log, log
    expect(build.status, "success")

    step("variables of the pipeline")
    variables = {v.key: v for v in pipeline.variables.list(get_all=True)}
    expect(variables["WHO"].value, "python")
    expect(variables["TRIGGER_PAYLOAD"].variable_type, "file")

    step("play the manual job")
    deploy = job_of(project, pipeline, "deploy")
    expect(deploy.status, "manual")
    deploy.play()
    deadline = time.monotonic() + 60
    while project.jobs.get(deploy.id).status != "success":
        assert time.monotonic() < deadline, project.jobs.get(deploy.id).status
        time.sleep(0.05)

    step("retry a job")
    retried = build.retry()
    assert retried["id"] != build.id, retried
    finished(project, pipeline.id)

    step("create a pipeline with the API")
    made = project.pipelines.create({"ref": "main", "variables": [{"key": "WHO", "value": "api"}]})
    expect(made.source, "api")
    made = finished(project, made.id)
    assert "source=api who=api flavor=plain" in job_of(project, made, "build").trace().decode()

    step("list pipelines")
    listed = project.pipelines.list(source="trigger", iterator=True)
    assert pipeline.id in [p.id for p in listed]
    expect([p.id for p in project.pipelines.list(per_page=1, page=1)], [made.id])
    everything = [p.id for p in project.pipelines.list(per_page=1, iterator=True)]
    expect(everything, sorted(everything, reverse=True))
    expect(project.pipelines.latest().id, made.id)

    step("cancel, retry and delete a pipeline")
    made.cancel()
    made.retry()
    finished(project, made.id)
    made.delete()
    refused(GitlabGetError, 404, lambda: project.pipelines.get(made.id))

    step("refusals")
    unknown_ref = lambda: project.trigger_pipeline("no-such-branch", trigger.token)
    assert "Reference not found" in str(refused(GitlabCreateError, 400, unknown_ref))
    refused(GitlabCreateError, 404, lambda: project.trigger_pipeline("main", token))
    trigger.delete()
    refused(GitlabCreateError, 404, lambda: project.trigger_pipeline("main", trigger.token))
    refused(GitlabHttpError, 404, lambda: gl.http_get("/no/such/address"))

    step("access tokens")
    own = gl.personal_access_tokens.get("self")
    assert own.active, own
    other = gl.users.get(gl.user.id).personal_access_tokens.create({"name": "short lived", "scopes": ["api"]})
    expect(gitlab.Gitlab(url, private_token=other.token).version()[0], version)
    gl.personal_access_tokens.delete(other.id)
    refused(GitlabAuthenticationError, 401, gitlab.Gitlab(url, private_token=other.token).auth)

    print("all steps passed")


if __name__ == "__main__":
    main(*sys.argv[1:])
