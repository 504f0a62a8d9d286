//! What becomes of pipelines, told as small stories over `Simulation`, and tables for the single rules.

mod bridges;
mod fixture;
mod processing;
mod reruns;
mod rules;
mod runners;
