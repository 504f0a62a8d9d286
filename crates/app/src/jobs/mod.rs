//! The life of a job after its pipeline was created: everything that can happen to it.

pub mod dotenv;
pub mod mask;
pub mod token;
