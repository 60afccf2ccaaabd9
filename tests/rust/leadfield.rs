//! The field of dipoles in a sphere: its physics, and the leadfields built of it.

use ndarray::{Array2, arr2, aview1, s};
use sparsevae::Error;
use sparsevae::datasets::{
    Leadfield, LeadfieldSettings, Orientation, Region, Sensors, make_meg_leadfield, sarvas_field,
};
use sparsevae::monitor::Monitor;

const SENSORS: [Sensors; 3] = [
    Sensors::Magnetometer,
    Sensors::AxialGradiometer { baseline: 0.05 },
    Sensors::PlanarGradiometer { baseline: 0.0168 },
];
const ORIENTATIONS: [Orientation; 3] = [Orientation::Tangential, Orientation::Smooth, Orientation::Free];
const SETTINGS: LeadfieldSettings = LeadfieldSettings {
    n_sensors: 30,
    n_sources: 40,
    sensors: Sensors::Magnetometer,
    orientation: Orientation::Tangential,
    region: Region::Patch,
    source_radius: 0.07,
    sensor_radius: 0.12,
    unit_norm: false,
};

fn make(settings: LeadfieldSettings) -> Leadfield {
    make_meg_leadfield(&settings, 1, &Monitor::default()).unwrap()
}

/// Positions of sources and sensors, with moments and orientations in general position.
fn scene() -> [Array2<f64>; 4] {
    let head = make(SETTINGS);
    let moments = Array2::from_shape_fn((40, 3), |(i, axis)| (i as f64 * 1.7 + axis as f64).sin());
    let orientations = Array2::from_shape_fn((30, 3), |(i, axis)| (i as f64 * 0.9 - 2.0 * axis as f64).cos());
    [head.source_positions, moments, head.sensor_positions, orientations]
}

fn field(moments: &Array2<f64>) -> Array2<f64> {
    let [positions, _, sensors, orientations] = scene();
    sarvas_field(positions.view(), moments.view(), sensors.view(), orientations.view(), &Monitor::default()).unwrap()
}

fn largest(matrix: &Array2<f64>) -> f64 {
    matrix.iter().fold(0.0, |most, value| value.abs().max(most))
}

fn assert_close(found: &Array2<f64>, expected: &Array2<f64>, tolerance: f64) {
    let gap = largest(&(found - expected)) / largest(expected);
    assert!(gap < tolerance, "relative difference {gap}");
}

#[test]
fn radial_dipoles_have_no_field_outside() {
    let [positions, moments, ..] = scene();
    let radial = &positions * 14.0;
    assert!(largest(&field(&radial)) < 1e-15 * largest(&field(&moments)));
}

#[test]
fn the_field_is_linear_in_the_moment() {
    let [positions, moments, ..] = scene();
    let combined = &moments * 2.5 - &positions * 40.0;
    assert_close(&field(&combined), &(field(&moments) * 2.5 - field(&(positions * 40.0))), 1e-13);
}

/// The volume currents of a sphere add nothing to the radial component, which is the one of the dipole in empty space.
#[test]
fn the_radial_component_is_biot_and_savart() {
    let (p, q, r) = ([0.01, 0.02, 0.06], [1.0, -2.0, 0.5], [0.03, -0.04, 0.11]);
    let length = |v: [f64; 3]| (v[0] * v[0] + v[1] * v[1] + v[2] * v[2]).sqrt();
    let a = [r[0] - p[0], r[1] - p[1], r[2] - p[2]];
    let cross = [q[1] * a[2] - q[2] * a[1], q[2] * a[0] - q[0] * a[2], q[0] * a[1] - q[1] * a[0]];
    let along = (cross[0] * r[0] + cross[1] * r[1] + cross[2] * r[2]) / length(r);
    let radial = r.map(|value| value / length(r));
    let found = sarvas_field(
        arr2(&[p]).view(),
        arr2(&[q]).view(),
        arr2(&[r]).view(),
        arr2(&[radial]).view(),
        &Monitor::default(),
    )
    .unwrap();
    assert!((found[[0, 0]] / (1e-7 * along / length(a).powi(3)) - 1.0).abs() < 1e-13);
}

/// Outside the head there is no current, so the field has neither sources nor curl.
#[test]
fn the_field_is_free_of_divergence_and_curl() {
    let (p, q, r, step) = (arr2(&[[0.01, 0.02, 0.06]]), arr2(&[[1.0, -2.0, 0.5]]), [0.03, -0.04, 0.11], 1e-5);
    let at = |axis: usize, shift: f64| {
        let mut place = r;
        place[axis] += shift;
        let places = Array2::from_shape_fn((3, 3), |(_, k)| place[k]);
        sarvas_field(p.view(), q.view(), places.view(), Array2::eye(3).view(), &Monitor::default()).unwrap()
    };
    let slopes = [0, 1, 2].map(|axis| (at(axis, step) - at(axis, -step)) / (2.0 * step));
    let scale = slopes.iter().map(largest).fold(0.0, f64::max);
    let d = |axis: usize, component: usize| slopes[axis][[component, 0]] / scale;
    assert!((d(0, 0) + d(1, 1) + d(2, 2)).abs() < 1e-6);
    for (i, j) in [(0, 1), (1, 2), (2, 0)] {
        assert!((d(i, j) - d(j, i)).abs() < 1e-6, "curl {i} {j}");
    }
}

#[test]
fn a_dipole_at_the_centre_is_silent() {
    let [_, moments, sensors, orientations] = scene();
    let centre = Array2::zeros((40, 3));
    let found =
        sarvas_field(centre.view(), moments.view(), sensors.view(), orientations.view(), &Monitor::default()).unwrap();
    assert_eq!(found, Array2::<f64>::zeros((30, 40)));
}

#[test]
fn free_columns_combine_to_those_of_any_orientation() {
    for sensors in SENSORS {
        let free = make(LeadfieldSettings { sensors, orientation: Orientation::Free, ..SETTINGS });
        assert_eq!((free.x.dim(), free.source_orientations.dim()), ((30, 120), (120, 3)));
        for orientation in [Orientation::Tangential, Orientation::Smooth] {
            let fixed = make(LeadfieldSettings { sensors, orientation, ..SETTINGS });
            assert_eq!(fixed.source_positions, free.source_positions);
            let combined = Array2::from_shape_fn((30, 40), |(i, j)| {
                free.x.slice(s![i, 3 * j..3 * j + 3]).dot(&fixed.source_orientations.row(j))
            });
            assert_close(&fixed.x, &combined, 1e-12);
        }
    }
}

#[test]
fn gradiometers_are_differences_of_magnetometers() {
    for (sensors, n_coils) in SENSORS.into_iter().zip([1, 2, 2]) {
        let head = make(LeadfieldSettings { sensors, ..SETTINGS });
        let at = |coils: &Array2<f64>| {
            let (places, turns) = (head.source_positions.view(), head.source_orientations.view());
            sarvas_field(places, turns, coils.view(), head.sensor_orientations.view(), &Monitor::default()).unwrap()
        };
        assert_eq!(head.coil_positions.len(), n_coils);
        let expected = match &head.coil_positions[..] {
            [only] => at(only),
            [plus, minus] => at(plus) - at(minus),
            _ => unreachable!(),
        };
        assert_eq!(head.x, expected, "{sensors:?}");
    }
}

#[test]
fn coils_are_a_baseline_apart_along_or_across_the_radius() {
    let axial = make(LeadfieldSettings { sensors: SENSORS[1], ..SETTINGS });
    let expected = &axial.sensor_positions * (0.17 / 0.12);
    assert_eq!(axial.coil_positions[0], axial.sensor_positions);
    assert_close(&axial.coil_positions[1], &expected, 1e-14);
    let planar = make(LeadfieldSettings { sensors: SENSORS[2], ..SETTINGS });
    let steps = &planar.coil_positions[0] - &planar.coil_positions[1];
    let middle = (&planar.coil_positions[0] + &planar.coil_positions[1]) / 2.0;
    assert_close(&middle, &planar.sensor_positions, 1e-14);
    for (i, (step, radial)) in steps.rows().into_iter().zip(planar.sensor_orientations.rows()).enumerate() {
        assert!((step.dot(&step).sqrt() - 0.0168).abs() < 1e-15);
        assert!(step.dot(&radial).abs() < 1e-15);
        assert!(if i % 2 == 0 { step[2] > 0.0 } else { step[2].abs() < 1e-15 }, "sensor {i}");
    }
}

#[test]
fn positions_lie_on_their_spheres_and_regions_and_orientations_are_unit_vectors() {
    for (region, lowest) in [(Region::Hemisphere, 0.0), (Region::Patch, 0.035)] {
        for orientation in ORIENTATIONS {
            let head = make(LeadfieldSettings { region, orientation, ..SETTINGS });
            let on = |rows: &Array2<f64>, radius: f64| {
                rows.rows().into_iter().all(|row| (row.dot(&row).sqrt() / radius - 1.0).abs() < 1e-14)
            };
            assert!(on(&head.sensor_positions, 0.12) && on(&head.source_positions, 0.07));
            assert!(on(&head.sensor_orientations, 1.0) && on(&head.source_orientations, 1.0));
            assert!(head.source_positions.column(2).iter().all(|&z| z > lowest));
            assert!(head.sensor_positions.column(2).iter().all(|&z| z > 0.0));
            if orientation != Orientation::Free {
                let turned = (&head.source_positions * &head.source_orientations).sum_axis(ndarray::Axis(1));
                assert!(turned.iter().all(|value| value.abs() < 1e-15));
            }
        }
    }
}

/// A patch of 60 degrees holds half the area, so its mean z is 3/4 of the radius; the hemisphere's is 1/2.
#[test]
fn points_are_spread_evenly() {
    for (region, mean) in [(Region::Hemisphere, 0.5), (Region::Patch, 0.75)] {
        let head = make(LeadfieldSettings { n_sources: 500, region, ..SETTINGS });
        let middle = head.source_positions.mean_axis(ndarray::Axis(0)).unwrap() / 0.07;
        let gap = &middle - &aview1(&[0.0, 0.0, mean]);
        assert!(gap.dot(&gap).sqrt() < 0.01, "{middle}");
        let nearest = |i: usize| {
            let apart = |j: usize| {
                let step = &head.source_positions.row(i) - &head.source_positions.row(j);
                step.dot(&step).sqrt()
            };
            (0..500).filter(|&j| j != i).map(apart).fold(f64::INFINITY, f64::min)
        };
        let distances: Vec<f64> = (0..500).map(nearest).collect();
        let (least, most) = distances.iter().fold((f64::INFINITY, 0.0_f64), |(a, b), &d| (a.min(d), b.max(d)));
        assert!(most < 2.0 * least, "nearest neighbours {least} to {most}");
    }
}

#[test]
fn smooth_neighbours_are_nearly_parallel_and_tangential_ones_are_not() {
    let mean_alignment = |orientation| {
        let head = make(LeadfieldSettings { n_sources: 200, orientation, ..SETTINGS });
        let alignment = |i: usize| {
            let distance = |j: &usize| {
                let step = &head.source_positions.row(i) - &head.source_positions.row(*j);
                step.dot(&step)
            };
            let nearest = (0..200).filter(|&j| j != i).min_by(|a, b| distance(a).total_cmp(&distance(b))).unwrap();
            head.source_orientations.row(i).dot(&head.source_orientations.row(nearest)).abs()
        };
        (0..200).map(alignment).sum::<f64>() / 200.0
    };
    assert!(mean_alignment(Orientation::Smooth) > 0.98);
    assert!(mean_alignment(Orientation::Tangential) < 0.8);
}

#[test]
fn unit_norm_divides_by_the_column_norms() {
    for orientation in ORIENTATIONS {
        let raw = make(LeadfieldSettings { orientation, ..SETTINGS });
        let unit = make(LeadfieldSettings { orientation, unit_norm: true, ..SETTINGS });
        assert_eq!(raw.column_norms, unit.column_norms);
        assert_eq!(&raw.x / &raw.column_norms, unit.x);
        assert!(unit.x.columns().into_iter().all(|column| (column.dot(&column) - 1.0).abs() < 1e-13));
    }
}

#[test]
fn the_seed_decides_the_orientations_and_nothing_else() {
    for orientation in ORIENTATIONS {
        let settings = LeadfieldSettings { orientation, ..SETTINGS };
        let [first, again, other] =
            [1, 1, 2].map(|seed| make_meg_leadfield(&settings, seed, &Monitor::default()).unwrap());
        assert_eq!(first, again);
        assert_eq!(first.x == other.x, orientation == Orientation::Free);
        assert_eq!(first.source_positions, other.source_positions);
        assert_eq!(first.sensor_positions, other.sensor_positions);
    }
}

#[test]
fn settings_out_of_range_are_named() {
    let name_of = |settings| match make_meg_leadfield(&settings, 0, &Monitor::default()) {
        Err(Error::InvalidParameter { name, .. }) => name,
        other => panic!("expected InvalidParameter, found {other:?}"),
    };
    assert_eq!(name_of(LeadfieldSettings { n_sensors: 0, ..SETTINGS }), "n_sensors");
    assert_eq!(name_of(LeadfieldSettings { n_sources: 0, ..SETTINGS }), "n_sources");
    let orientation = Orientation::Free;
    assert_eq!(name_of(LeadfieldSettings { n_sources: usize::MAX / 2, orientation, ..SETTINGS }), "n_sources");
    for source_radius in [0.0, -0.07, f64::NAN, f64::INFINITY] {
        assert_eq!(name_of(LeadfieldSettings { source_radius, ..SETTINGS }), "source_radius");
    }
    for sensor_radius in [0.07, 0.0, f64::NAN, f64::INFINITY] {
        assert_eq!(name_of(LeadfieldSettings { sensor_radius, ..SETTINGS }), "sensor_radius");
    }
    for baseline in [0.0, -0.05, f64::NAN, f64::INFINITY] {
        for sensors in [Sensors::AxialGradiometer { baseline }, Sensors::PlanarGradiometer { baseline }] {
            assert_eq!(name_of(LeadfieldSettings { sensors, ..SETTINGS }), "baseline");
        }
    }
    let (source_radius, sensor_radius) = (1e-120, 2e-120);
    assert_eq!(name_of(LeadfieldSettings { source_radius, sensor_radius, ..SETTINGS }), "field");
    let source_radius = 1e-200;
    assert_eq!(name_of(LeadfieldSettings { source_radius, unit_norm: true, ..SETTINGS }), "column norm");
    assert!(matches!("radial".parse::<Orientation>(), Err(Error::InvalidParameter { name: "orientation", .. })));
    assert!(matches!("sphere".parse::<Region>(), Err(Error::InvalidParameter { name: "region", .. })));
}

#[test]
fn vectors_of_the_wrong_shape_or_place_are_named() {
    let (source, moment, sensor, along) =
        (arr2(&[[0.0, 0.0, 0.07]]), arr2(&[[1.0, 0.0, 0.0]]), arr2(&[[0.0, 0.0, 0.12]]), arr2(&[[0.0, 1.0, 0.0]]));
    let call = |a: &Array2<f64>, b: &Array2<f64>, c: &Array2<f64>, d: &Array2<f64>| {
        sarvas_field(a.view(), b.view(), c.view(), d.view(), &Monitor::default()).unwrap_err()
    };
    for wrong in [Array2::zeros((1, 2)), Array2::zeros((0, 3))] {
        let shape = |error| matches!(error, Error::Shape { .. });
        assert!(shape(call(&wrong, &moment, &sensor, &along)) && shape(call(&source, &wrong, &sensor, &along)));
        assert!(shape(call(&source, &moment, &wrong, &along)) && shape(call(&source, &moment, &sensor, &wrong)));
    }
    let two = Array2::ones((2, 3));
    assert!(matches!(call(&source, &two, &sensor, &along), Error::Shape { what: "source_moments", .. }));
    assert!(matches!(call(&source, &moment, &sensor, &two), Error::Shape { what: "sensor_orientations", .. }));
    let bad = arr2(&[[1.0, f64::NAN, 0.0]]);
    let found = call(&source, &bad, &sensor, &along);
    assert!(matches!(found, Error::NonFinite { what: "source_moments", index } if index == [0, 1]));
    let inside = call(&sensor, &moment, &source, &along);
    assert!(matches!(inside, Error::InvalidParameter { name: "sensor_positions", .. }));
    assert!(matches!(call(&source, &moment, &source, &along), Error::InvalidParameter { .. }));
}
