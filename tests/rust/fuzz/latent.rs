//! Latent variables: the affine and the robust VAE, and the convex relaxation.

use super::{cases, data, finite, wild};
use ndarray::{Array1, Array2};
use proptest::prelude::*;
use sparsevae::baseline::robust_pca::{self, RobustPcaSettings};
use sparsevae::energy::{AffinePoint, affine_energy, affine_separable_energy};
use sparsevae::model::affine_vae::{self, AffineVaeSettings};
use sparsevae::model::robust_vae::{self, RobustVaeSettings};
use sparsevae::monitor::Monitor;
use sparsevae::settings::Settings as _;

/// NaN where a response is negative: in data with missing entries.
fn with_gaps(mut x: Array2<f64>, y: &Array2<f64>, missing: bool) -> Array2<f64> {
    if missing {
        x.rows_mut().into_iter().zip(y).filter(|(_, y)| **y < 0.0).for_each(|(mut row, _)| row[0] = f64::NAN);
    }
    x
}

proptest! {
    #![proptest_config(cases(4_000))]

    #[test]
    fn affine_fits_end_in_an_error_or_in_finite_numbers(
        (x, _) in data(1), n_components in prop::option::of(0_usize..10), noise_var in prop::option::of(wild()),
    ) {
        let Ok(settings) = (AffineVaeSettings { n_components, noise_var }).check() else { return Ok(()) };
        if let Ok(found) = affine_vae::fit(&x.view(), &settings, &Monitor::default()) {
            prop_assert!(finite(found.components.iter().chain(&found.mean).chain(&found.explained_variance)), "{found:?}");
            prop_assert!(found.noise_var > 0.0 && finite([&found.noise_var, &found.energy]), "{found:?}");
        }
    }

    #[test]
    fn affine_energies_end_in_an_error_or_in_finite_numbers(
        (x, _) in data(1), (w, b) in data(1), noise_var in wild(),
    ) {
        let mean = Array1::from_shape_fn(x.ncols(), |j| b[[j % b.nrows(), 0]]);
        let components = Array2::from_shape_fn((w.nrows(), x.ncols()), |(i, j)| w[[i, j % w.ncols()]]);
        let point = AffinePoint { components: components.view(), mean: mean.view(), noise_var };
        for found in [affine_energy(x.view(), point), affine_separable_energy(x.view(), point)].into_iter().flatten() {
            prop_assert!(finite(found.grad_components.iter().chain([&found.value, &found.grad_noise_var])), "{found:?}");
        }
    }

    #[test]
    fn robust_fits_end_in_an_error_or_in_finite_numbers(
        (x, y) in data(1), missing in any::<bool>(), scale_features in any::<bool>(),
        n_components in prop::option::of(0_usize..10), floor in prop_oneof![4 => Just(1e-7), 1 => wild()],
        n_anneal in 0_usize..20,
    ) {
        let settings = RobustVaeSettings {
            n_components, floor, scale_features, n_anneal, max_iter: n_anneal + 30, ..RobustVaeSettings::default()
        };
        let Ok(settings) = settings.check() else { return Ok(()) };
        let (x, monitor) = (with_gaps(x, &y, missing), Monitor::default());
        if let Ok(found) = robust_vae::fit(&x.view(), missing, &settings, &monitor) {
            prop_assert!(finite(found.low_rank.iter().chain(&found.components).chain(&found.units).chain(&found.energy_path)), "{found:?}");
            prop_assert!(found.outlier_var.iter().zip(&x).all(|(var, x)| var.is_nan() == x.is_nan() && !var.is_infinite()));
            let decoder = (found.components.view(), found.units.view());
            if let Ok(codes) = robust_vae::encode(&x.view(), missing, decoder, &settings, &monitor) {
                prop_assert!(finite(&codes), "{found:?} {codes:?}");
            }
        }
    }

    #[test]
    fn convex_relaxations_end_in_an_error_or_in_finite_numbers(
        (x, y) in data(1), missing in any::<bool>(), outlier_weight in prop::option::of(wild()), max_iter in 0_usize..60,
    ) {
        let settings = RobustPcaSettings { outlier_weight, max_iter, ..RobustPcaSettings::default() };
        let Ok(settings) = settings.check() else { return Ok(()) };
        let x = with_gaps(x, &y, missing);
        if let Ok(found) = robust_pca::fit(x.view(), missing, &settings, &Monitor::default()) {
            let numbers = found.low_rank.iter().chain(&found.outliers).chain(&found.singular).chain(&found.components);
            prop_assert!(finite(numbers.chain([&found.residual])), "{found:?}");
        }
    }
}
