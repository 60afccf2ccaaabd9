//! The affine autoencoder: closed form against its energy, gradients against central differences.

use crate::common::{assert_close, gaussian, invert, slope};
use ndarray::{Array1, Array2, Axis};
use sparsevae::energy::{AffinePoint, affine_energy, affine_separable_energy};
use sparsevae::linalg::affine::ThinSvd;
use sparsevae::model::affine_vae::{AffineFit, AffineVaeSettings, fit};
use sparsevae::monitor::Monitor;
use sparsevae::settings::Settings;
use sparsevae::{Error, Status};

fn point<'a>(components: &'a Array2<f64>, mean: &'a Array1<f64>, noise_var: f64) -> AffinePoint<'a> {
    AffinePoint { components: components.view(), mean: mean.view(), noise_var }
}

fn fitted(x: &Array2<f64>, n_components: Option<usize>, noise_var: Option<f64>) -> sparsevae::Result<AffineFit> {
    let settings = AffineVaeSettings { n_components, noise_var }.check()?;
    fit(&x.view(), &settings, &Monitor::default())
}

#[test]
fn affine_energies_are_those_of_dense_algebra_and_ordered() {
    for (n, d, kappa) in [(7, 4, 2), (3, 6, 5), (1, 1, 1), (5, 3, 0)] {
        let (x, w) = (gaussian(n, d, 1), gaussian(kappa.max(1), d, 2).slice(ndarray::s![..kappa, ..]).to_owned());
        let mean = Array1::from_elem(d, 0.3);
        let (inverse, log_det) = invert(&(w.t().dot(&w) + Array2::<f64>::eye(d) * 0.6));
        let centred = &x - &mean;
        let misfit = (centred.dot(&inverse) * &centred).sum();
        let full = affine_energy(x.view(), point(&w, &mean, 0.6)).unwrap();
        assert_close(full.value, misfit + n as f64 * log_det, 1e-11, "full");
        let norms = w.rows().into_iter().map(|w| (0.6 + w.dot(&w)).ln()).sum::<f64>();
        let separable = affine_separable_energy(x.view(), point(&w, &mean, 0.6)).unwrap();
        let expected = misfit + n as f64 * (norms + (d as f64 - kappa as f64) * 0.6_f64.ln());
        assert_close(separable.value, expected, 1e-11, "separable");
        assert!(separable.value >= full.value - 1e-9);
        for (energy, found) in [(affine_energy as fn(_, _) -> _, full), (affine_separable_energy, separable)] {
            let expected = slope(|v| energy(x.view(), point(&w, &mean, v)).unwrap().value, 0.6);
            assert_close(found.grad_noise_var, expected, 1e-7, "noise");
        }
    }
}

#[test]
fn the_closed_form_is_stationary_and_no_perturbation_is_lower() {
    let x = gaussian(60, 9, 3).dot(&gaussian(9, 9, 4));
    for kappa in [1, 4, 9] {
        let found = fitted(&x, Some(kappa), None).unwrap();
        assert_eq!(found.status, Status::Converged);
        let here = affine_energy(x.view(), point(&found.components, &found.mean, found.noise_var)).unwrap();
        assert_close(here.value, found.energy, 1e-12, "energy");
        assert!(here.grad_components.iter().all(|v| v.abs() < 1e-6), "{kappa}");
        for seed in 0..20 {
            let other = &found.components + &(gaussian(kappa, 9, seed) * 1e-2);
            let noise_var = found.noise_var * (1.0 + 0.05 * (seed as f64 - 10.0) / 10.0);
            assert!(affine_energy(x.view(), point(&other, &found.mean, noise_var)).unwrap().value > found.energy);
        }
    }
}

#[test]
fn what_cannot_be_fitted_is_refused() {
    let x = gaussian(5, 3, 1);
    let settings = |n_components, noise_var| AffineVaeSettings { n_components, noise_var };
    for bad in
        [settings(Some(4), None), settings(Some(0), None), settings(None, Some(0.0)), settings(None, Some(f64::NAN))]
    {
        assert!(
            matches!(
                bad.check().and_then(|bad| fit(&x.view(), &bad, &Monitor::default())),
                Err(Error::InvalidParameter { .. })
            ),
            "{bad:?}"
        );
    }
    let one = x.slice(ndarray::s![..1, ..]).to_owned();
    assert!(matches!(fitted(&one, None, None), Err(Error::Shape { .. })));
    assert!(matches!(fitted(&Array2::ones((4, 3)), None, None), Err(Error::InvalidParameter { .. })));
    let mut bad = gaussian(700, 600, 1);
    bad[[650, 7]] = f64::NAN;
    let found = fitted(&bad, None, None);
    assert!(matches!(found, Err(Error::NonFinite { what: "X", index }) if index == [650, 7]));
}

#[test]
fn eigenvalues_and_axes_are_those_of_the_singular_values_down_to_rounding() {
    // Tall, wide and square; spectra within the digits of a Gram matrix, and far below them.
    for (n, d) in [(900, 40), (40, 900), (300, 299), (30, 30)] {
        for decay in [0.9, 0.3] {
            let size = n.min(d) - 1;
            let scales =
                Array1::from_iter((0..size as i32).map(|k| f64::max(decay, 1e-11_f64.powf(1.0 / size as f64)).powi(k)));
            let x = (gaussian(n, size, 1) * &scales).dot(&gaussian(size, d, 2)) + 7.0;
            let centred = &x - &x.mean_axis(Axis(0)).unwrap();
            let svd = ThinSvd::new(centred.view(), "X").unwrap();
            for kappa in [1, 4, size / 2] {
                let found = fitted(&x, Some(kappa), None).unwrap();
                for (k, (row, value)) in found.components.rows().into_iter().zip(&found.explained_variance).enumerate()
                {
                    let square = svd.singular[k].powi(2) / n as f64;
                    assert_close(*value / square, 1.0, 1e-7, "eigenvalue");
                    let along = row.dot(&svd.right.row(k)).powi(2);
                    assert_close(along / row.dot(&row), 1.0, 1e-7, "axis");
                }
                let left: f64 = svd.singular[kappa..].iter().map(|s| s * s).sum::<f64>() / n as f64;
                assert_close(found.noise_var * (d - kappa) as f64 / left, 1.0, 1e-7, "noise variance");
            }
        }
    }
}

#[test]
fn a_stop_is_an_interruption_even_within_a_decomposition() {
    let x = gaussian(1500, 1500, 1);
    let monitor = Monitor::default();
    let settings = AffineVaeSettings::default().check().unwrap();
    std::thread::scope(|scope| {
        let running = scope.spawn(|| fit(&x.view(), &settings, &monitor));
        std::thread::sleep(std::time::Duration::from_millis(300));
        monitor.stop();
        let stopped = std::time::Instant::now();
        assert!(matches!(running.join().unwrap(), Err(Error::Interrupted { .. })));
        assert!(stopped.elapsed().as_secs_f64() < 0.2);
    });
}
