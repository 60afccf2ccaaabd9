//! Rivals of the models that are worth a compiled loop; one a file.

pub mod robust_pca;
