-- Who owns a project runner: the project it was made for, however many it serves later.
ALTER TABLE runners ADD COLUMN owner_project_id INTEGER;
UPDATE runners SET owner_project_id = (SELECT MIN(project_id) FROM runner_projects WHERE runner_projects.runner_id = runners.id);
