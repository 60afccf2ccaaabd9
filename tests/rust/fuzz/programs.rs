//! Basis pursuit, factorisation, and recovery from training problems.

use super::{cases, data, finite, wild};
use proptest::prelude::*;
use sparsevae::Status;
use sparsevae::factorization::{Method, factorize};
use sparsevae::l1::{Equations, Request};
use sparsevae::model::welper_recover::{Components, WelperSettings, recover, train};
use sparsevae::monitor::Monitor;
use sparsevae::settings::Settings as _;

fn method() -> impl Strategy<Value = Method> {
    prop::sample::select(vec![Method::ErSpud, Method::FourNorm])
}

proptest! {
    #![proptest_config(cases(4_000))]

    #[test]
    fn programs_end_in_an_error_or_in_finite_numbers(
        (a, b) in data(2), tolerance in prop_oneof![3 => Just(0.0), 1 => 0.0..1.0_f64], most in prop::option::of(0_usize..8),
    ) {
        let Ok(equations) = Equations::new(a.view(), 2) else { return Ok(()) };
        let request = Request { tolerance, most_nonzeros: most };
        for found in equations.solve_many(b.view(), request, &Monitor::default()).into_iter().flatten() {
            let measures = [&found.residual, &found.noise_error];
            prop_assert!(found.status == Status::Unsolved || finite(found.values.iter().chain(&found.dual)), "{found:?}");
            prop_assert!(finite(measures) && (found.status != Status::Optimal || finite([&found.gap])), "{found:?}");
        }
    }

    #[test]
    fn factors_end_in_an_error_or_in_finite_numbers((x, _) in data(1), error in wild(), method in method()) {
        if let Ok(found) = factorize(x.view(), error.abs(), method, 1, &Monitor::default()) {
            let numbers = found.components.iter().flat_map(|component| &component.values);
            prop_assert!(finite(numbers.chain([&found.error])), "{found:?}");
        }
    }

    #[test]
    fn training_ends_in_an_error_or_in_finite_numbers(
        (a, b) in data(5), max_nonzero in prop::option::of(0_usize..5), n_components in prop::option::of(0_usize..4),
        all_levels in any::<bool>(), factorization in method(), tol in prop_oneof![3 => Just(1e-8), 1 => wild()],
    ) {
        let settings = WelperSettings { n_components, max_nonzero, all_levels, factorization, tol, seed: 1 };
        let Ok(settings) = settings.check() else { return Ok(()) };
        let monitor = Monitor::default();
        let Ok(fit) = train(a.view(), b.view(), &settings, &monitor) else { return Ok(()) };
        let solved = fit.solutions.iter().filter(|solution| solution.status != Status::Unsolved);
        prop_assert!(finite(solved.flat_map(|solution| &solution.values).chain(&fit.combinators)), "{fit:?}");
        let all: Vec<_> = fit.levels.iter().map(|level| (level, level.factor.to_dense(a.ncols()))).collect();
        let levels: Vec<_> = all
            .iter()
            .map(|(level, columns)| Components {
                columns: columns.view(), error: level.factor.error, max_nonzero: level.max_nonzero,
            })
            .collect();
        for found in recover(a.view(), fit.rank, &levels, b.view(), &settings, &monitor).into_iter().flatten() {
            prop_assert!(finite(found.coef.iter().chain(&found.combinator).chain([&found.residual])), "{found:?}");
        }
    }
}
