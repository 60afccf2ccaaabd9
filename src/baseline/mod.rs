//! Rivals of the models, each by its own algorithm in a compiled loop; one a file.

pub mod basis_pursuit;
pub mod equations;
pub mod group_pursuit;
pub mod peeling;
pub mod probing;
pub mod robust_pca;
pub mod row_penalty;
pub mod sparse_bayes;
mod tolerances;
