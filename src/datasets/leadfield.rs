//! Leadfields of magnetoencephalography in a spherical head: real physics, nearly parallel columns.

use super::sarvas::{Vector, dot, norm, sarvas_field};
use super::{Purpose, column_norms, divide, fill, stream, zeros};
use crate::monitor::Monitor;
use crate::{Error, Result};
use ndarray::{Array1, Array2, aview1};
use rand::RngExt;
use rand_distr::{Distribution, StandardNormal};
use std::f64::consts::{PI, TAU};
use std::str::FromStr;

/// What a sensor measures; its coils all face along the radius through the sensor.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Sensors {
    /// The radial field at the sensor.
    Magnetometer,
    /// The radial field at the sensor minus the same component `baseline` metres farther out.
    AxialGradiometer {
        /// Distance of the two coils in metres, positive.
        baseline: f64,
    },
    /// The difference of the fields `baseline` / 2 on either side of the sensor: towards the pole minus away from it
    /// for the first, third, ... sensor; east minus west for the others.
    PlanarGradiometer {
        /// Distance of the two coils in metres, positive.
        baseline: f64,
    },
}

/// How the dipoles of the sources are turned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Orientation {
    /// Independent and uniform among the directions at right angles to the radius.
    Tangential,
    /// The tangential part of one horizontal vector of random azimuth, so that neighbours are nearly parallel.
    Smooth,
    /// Three columns per source, for dipoles along x, y and z.
    Free,
}

impl FromStr for Orientation {
    type Err = Error;

    /// The orientation of a lower-case name: `tangential`, `smooth` or `free`.
    fn from_str(name: &str) -> Result<Self> {
        match name {
            "tangential" => Ok(Self::Tangential),
            "smooth" => Ok(Self::Smooth),
            "free" => Ok(Self::Free),
            _ => Err(Error::invalid("orientation", name, "one of tangential, smooth, free")),
        }
    }
}

/// The part of their sphere that the sources cover.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Region {
    /// z > 0.
    Hemisphere,
    /// z > half the radius, a cap of 60 degrees about the pole.
    Patch,
}

impl FromStr for Region {
    type Err = Error;

    /// The region of a lower-case name: `hemisphere` or `patch`.
    fn from_str(name: &str) -> Result<Self> {
        match name {
            "hemisphere" => Ok(Self::Hemisphere),
            "patch" => Ok(Self::Patch),
            _ => Err(Error::invalid("region", name, "one of hemisphere, patch")),
        }
    }
}

/// What [`make_meg_leadfield`] computes; lengths in metres.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LeadfieldSettings {
    /// Number of sensors, at least 1.
    pub n_sensors: usize,
    /// Number of sources, at least 1.
    pub n_sources: usize,
    /// What a sensor measures.
    pub sensors: Sensors,
    /// How the dipoles are turned.
    pub orientation: Orientation,
    /// Where the sources are.
    pub region: Region,
    /// Radius of the sphere that the sources lie on, positive.
    pub source_radius: f64,
    /// Radius of the sphere that the sensors lie on, larger than `source_radius`.
    pub sensor_radius: f64,
    /// Whether to divide each column by its Euclidean norm.
    pub unit_norm: bool,
}

/// A leadfield and what it was computed from; positions in metres, orientations are unit vectors.
#[derive(Debug, Clone, PartialEq)]
pub struct Leadfield {
    /// The fields, shape (n_sensors, n_columns), in T/(A m) unless the columns were scaled.
    pub x: Array2<f64>,
    /// Norms of the columns before any scaling, in T/(A m), shape (n_columns,).
    pub column_norms: Array1<f64>,
    /// Shape (n_sensors, 3).
    pub sensor_positions: Array2<f64>,
    /// Direction in which the coils of each sensor face, shape (n_sensors, 3).
    pub sensor_orientations: Array2<f64>,
    /// One array of shape (n_sensors, 3), or two: x is the field at the first minus the field at the second.
    pub coil_positions: Vec<Array2<f64>>,
    /// Shape (n_sources, 3).
    pub source_positions: Array2<f64>,
    /// Direction of the dipole of each column, shape (n_columns, 3).
    pub source_orientations: Array2<f64>,
}

/// The leadfield of current dipoles in a conducting sphere about the origin.
///
/// Sensors lie on the hemisphere z > 0, sources on a region of a smaller sphere, both on Fibonacci lattices: point k of
/// n (from 0) has z = R (1 - (1 - c) (k + 1/2) / n) and azimuth pi (1 + sqrt 5) (k + 1/2), with c = 0 on the hemisphere
/// and c = 1/2 on the patch, so that every point stands for the same area. Only the orientations depend on `seed`.
/// Column j is the field of a dipole of 1 A m at source j; with [`Orientation::Free`], columns 3 j, 3 j + 1 and 3 j + 2
/// are those of the dipoles along x, y and z.
///
/// # Errors
/// [`Error::InvalidParameter`] if a size is zero, the result does not fit in memory, a length lies outside its range,
/// or lengths are so far from those of a head that the field is zero or infinite in float64; [`Error::Interrupted`] where
/// the caller asks to stop.
///
/// # Complexity
/// O(`n_sensors` x n_columns) time and memory.
///
/// # References
/// Sarvas, Physics in Medicine and Biology 32:11-22, 1987; Wipf, "Marginalization is not Marginal", ICML 2023, app. A.
pub fn make_meg_leadfield(settings: &LeadfieldSettings, seed: u64, monitor: &Monitor<'_>) -> Result<Leadfield> {
    settings.check()?;
    let mut x = zeros(("n_sensors", settings.n_sensors), ("n_sources", settings.n_columns()))?;
    let sensor_orientations = lattice(settings.n_sensors, 0.0, monitor)?;
    let source_directions = lattice(settings.n_sources, settings.region.lowest(), monitor)?;
    let sensor_positions = &sensor_orientations * settings.sensor_radius;
    let source_positions = &source_directions * settings.source_radius;
    let source_orientations = settings.orientation.turn(&source_directions, seed, monitor)?;
    let per_source = settings.orientation.columns_per_source();
    let places = Array2::from_shape_fn(source_orientations.dim(), |(j, axis)| source_positions[[j / per_source, axis]]);
    let coil_positions = settings.sensors.coils(&sensor_positions, &sensor_orientations, monitor)?;
    for (coils, sign) in coil_positions.iter().zip([1.0, -1.0]) {
        let moments = source_orientations.view();
        let field = sarvas_field(places.view(), moments, coils.view(), sensor_orientations.view(), monitor)?;
        x.rows_mut().into_iter().zip(field.rows()).try_for_each(|(mut sum, row)| {
            sum.scaled_add(sign, &row);
            monitor.advance()
        })?;
    }
    let column_norms = column_norms(&x, monitor)?;
    if settings.unit_norm {
        if let Some(norm) = column_norms.iter().find(|norm| !(norm.is_finite() && **norm > 0.0)) {
            return Err(Error::invalid("column norm", norm, "positive: use lengths nearer those of a head"));
        }
        divide(&mut x, &column_norms, monitor)?;
    }
    Ok(Leadfield {
        x,
        column_norms,
        sensor_positions,
        sensor_orientations,
        coil_positions,
        source_positions,
        source_orientations,
    })
}

impl LeadfieldSettings {
    fn check(&self) -> Result<()> {
        let is_length = |value: f64| value.is_finite() && value > 0.0;
        if !is_length(self.source_radius) {
            return Err(Error::invalid("source_radius", self.source_radius, "positive and finite"));
        }
        if !(self.sensor_radius.is_finite() && self.sensor_radius > self.source_radius) {
            let allowed = format!("finite and larger than `source_radius`, {}", self.source_radius);
            return Err(Error::invalid("sensor_radius", self.sensor_radius, &allowed));
        }
        match self.sensors {
            Sensors::AxialGradiometer { baseline } | Sensors::PlanarGradiometer { baseline }
                if !is_length(baseline) =>
            {
                Err(Error::invalid("baseline", baseline, "positive and finite"))
            }
            _ => Ok(()),
        }
    }

    fn n_columns(&self) -> usize {
        self.n_sources.saturating_mul(self.orientation.columns_per_source())
    }
}

impl Sensors {
    /// Where the coils are whose fields count plus and, if there are two, minus.
    fn coils(
        self,
        positions: &Array2<f64>,
        orientations: &Array2<f64>,
        monitor: &Monitor<'_>,
    ) -> Result<Vec<Array2<f64>>> {
        Ok(match self {
            Self::Magnetometer => vec![positions.clone()],
            Self::AxialGradiometer { baseline } => {
                vec![positions.clone(), positions + &(orientations * baseline)]
            }
            Self::PlanarGradiometer { baseline } => {
                let half = |i, direction| across(i, direction).map(|value| value * baseline / 2.0);
                let halves = map_rows(orientations, monitor, half)?;
                vec![positions + &halves, positions - &halves]
            }
        })
    }
}

impl Orientation {
    fn columns_per_source(self) -> usize {
        match self {
            Self::Tangential | Self::Smooth => 1,
            Self::Free => 3,
        }
    }

    /// The direction of the dipole of each column, shape (n_columns, 3).
    fn turn(self, directions: &Array2<f64>, seed: u64, monitor: &Monitor<'_>) -> Result<Array2<f64>> {
        match self {
            Self::Tangential => map_rows(directions, monitor, |j, direction| {
                let mut rng = stream(seed, Purpose::Direction, j);
                tangential_part([(); 3].map(|()| StandardNormal.sample(&mut rng)), direction)
            }),
            Self::Smooth => {
                let azimuth = TAU * stream(seed, Purpose::Direction, 0).random::<f64>();
                let horizontal = [libm::cos(azimuth), libm::sin(azimuth), 0.0];
                map_rows(directions, monitor, |_, direction| tangential_part(horizontal, direction))
            }
            Self::Free => {
                Ok(Array2::from_shape_fn((3 * directions.nrows(), 3), |(j, axis)| f64::from(u8::from(j % 3 == axis))))
            }
        }
    }
}

impl Region {
    /// The smallest z on the unit sphere.
    fn lowest(self) -> f64 {
        match self {
            Self::Hemisphere => 0.0,
            Self::Patch => 0.5,
        }
    }
}

/// The Fibonacci lattice of `n` points on the part z > `lowest` of the unit sphere, shape (`n`, 3).
fn lattice(n: usize, lowest: f64, monitor: &Monitor<'_>) -> Result<Array2<f64>> {
    let mut points = Array2::zeros((n, 3));
    fill(points.rows_mut().into_iter().enumerate(), monitor, |(k, mut point)| {
        let middle = k as f64 + 0.5;
        let z = 1.0 - (1.0 - lowest) * middle / n as f64;
        let (azimuth, radius) = (PI * (1.0 + 5.0_f64.sqrt()) * middle, (1.0 - z * z).sqrt());
        point.assign(&aview1(&[radius * libm::cos(azimuth), radius * libm::sin(azimuth), z]));
    })?;
    Ok(points)
}

/// Unit vector at right angles to `direction`: towards the pole for even `i`, east for odd.
fn across(i: usize, direction: Vector) -> Vector {
    let [x, y, z] = direction;
    let radius = libm::hypot(x, y);
    match i % 2 {
        0 => [-x * z / radius, -y * z / radius, radius],
        _ => [-y / radius, x / radius, 0.0],
    }
}

/// `vector` without its part along the unit vector `direction`, scaled to unit norm.
fn tangential_part(vector: Vector, direction: Vector) -> Vector {
    let along = dot(vector, direction);
    let part = [0, 1, 2].map(|axis| vector[axis] - along * direction[axis]);
    let length = norm(part);
    part.map(|value| value / length)
}

/// `change` of each row and its index, for rows of three.
fn map_rows(
    rows: &Array2<f64>,
    monitor: &Monitor<'_>,
    change: impl Fn(usize, Vector) -> Vector,
) -> Result<Array2<f64>> {
    let mut out = rows.clone();
    fill(out.rows_mut().into_iter().enumerate(), monitor, |(i, mut row)| {
        let changed = change(i, [row[0], row[1], row[2]]);
        row.assign(&aview1(&changed));
    })?;
    Ok(out)
}
