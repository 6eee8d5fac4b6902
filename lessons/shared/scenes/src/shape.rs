//! The ten shapes: the classes of the data set.

use std::f64::consts::{FRAC_1_SQRT_2, FRAC_PI_2, PI};
use std::sync::LazyLock;

use crate::factor::factor;

factor! {
    /// The outline of a figure, and the class a network learns.
    ///
    /// Every shape lives in the disc of radius 1 around the origin and reaches its rim, so the size of a figure is the
    /// radius of its circumscribed circle. No two shapes coincide under a rotation.
    Shape {
        /// The whole disc.
        Disc = "disc",
        /// A disc with a round hole of 0.55 times its radius.
        Ring = "ring",
        /// An equilateral triangle.
        Triangle = "triangle",
        /// A square.
        Square = "square",
        /// A five-pointed star whose inner corners lie at 0.46 of its radius.
        Star = "star",
        /// Two crossed bars, a plus.
        Cross = "cross",
        /// A disc with a bite taken by a smaller disc.
        Crescent = "crescent",
        /// A square on its corner with half discs on the two upper sides.
        Heart = "heart",
        /// A triangular head on a straight shaft.
        Arrow = "arrow",
        /// Two triangles that meet at a narrow waist.
        Hourglass = "hourglass",
    }
}

const RING_HOLE: f64 = 0.55;
const STAR_INNER: f64 = 0.46;
const CROSS_HALF_WIDTH: f64 = 0.3;
const CROSS_HALF_LENGTH: f64 = 0.9539; // the corners of the bars lie on the rim: 0.3² + 0.9539² ≈ 1
const SQUARE_HALF_SIDE: f64 = FRAC_1_SQRT_2;
const BITE_CENTRE: f64 = 0.48;
const BITE_RADIUS: f64 = 0.8;
const HEART_SIDE: f64 = 1.12;
const HEART_CENTRE: f64 = -0.207; // height of the square's centre: puts the circumscribed circle at the origin

const TRIANGLE: [(f64, f64); 3] = [(0.0, 1.0), (-0.866, -0.5), (0.866, -0.5)];

const ARROW: [(f64, f64); 7] = [
    (1.0, 0.0),
    (0.05, 0.82),
    (0.05, 0.27),
    (-0.96, 0.27),
    (-0.96, -0.27),
    (0.05, -0.27),
    (0.05, -0.82),
];

const HOURGLASS: [(f64, f64); 6] = [
    (-0.68, 0.73),
    (0.68, 0.73),
    (0.13, 0.0),
    (0.68, -0.73),
    (-0.68, -0.73),
    (-0.13, 0.0),
];

static STAR: LazyLock<[(f64, f64); 10]> = LazyLock::new(|| {
    std::array::from_fn(|corner| {
        let angle = FRAC_PI_2 + PI * corner as f64 / 5.0;
        let radius = if corner % 2 == 0 { 1.0 } else { STAR_INNER };
        (radius * libm::cos(angle), radius * libm::sin(angle))
    })
});

impl Shape {
    /// Whether the point lies in the shape, in the shape's own frame: `u` to the right, `v` up, radius 1.
    pub fn contains(self, u: f64, v: f64) -> bool {
        let squared = u * u + v * v;
        match self {
            Shape::Disc => squared <= 1.0,
            Shape::Ring => (RING_HOLE * RING_HOLE..=1.0).contains(&squared),
            Shape::Triangle => in_polygon(&TRIANGLE, u, v),
            Shape::Square => u.abs() <= SQUARE_HALF_SIDE && v.abs() <= SQUARE_HALF_SIDE,
            Shape::Star => in_polygon(&*STAR, u, v),
            Shape::Cross => {
                let (short, long) = (u.abs().min(v.abs()), u.abs().max(v.abs()));
                short <= CROSS_HALF_WIDTH && long <= CROSS_HALF_LENGTH
            }
            Shape::Crescent => squared <= 1.0 && !in_disc(BITE_CENTRE, 0.0, BITE_RADIUS, u, v),
            Shape::Heart => in_heart(u, v),
            Shape::Arrow => in_polygon(&ARROW, u, v),
            Shape::Hourglass => in_polygon(&HOURGLASS, u, v),
        }
    }
}

fn in_disc(centre_u: f64, centre_v: f64, radius: f64, u: f64, v: f64) -> bool {
    let (du, dv) = (u - centre_u, v - centre_v);
    du * du + dv * dv <= radius * radius
}

fn in_heart(u: f64, v: f64) -> bool {
    let (u, v) = (u.abs(), v - HEART_CENTRE);
    let in_square = u + v.abs() <= HEART_SIDE * FRAC_1_SQRT_2;
    let quarter_diagonal = HEART_SIDE * FRAC_1_SQRT_2 / 2.0;
    in_square || in_disc(quarter_diagonal, quarter_diagonal, HEART_SIDE / 2.0, u, v)
}

/// Even-odd rule: a point is inside if a ray to the right crosses the outline an odd number of times.
fn in_polygon(corners: &[(f64, f64)], u: f64, v: f64) -> bool {
    let mut inside = false;
    let mut previous = corners[corners.len() - 1];
    for &corner in corners {
        let ((u0, v0), (u1, v1)) = (previous, corner);
        if (v0 > v) != (v1 > v) && u < u0 + (v - v0) * (u1 - u0) / (v1 - v0) {
            inside = !inside;
        }
        previous = corner;
    }
    inside
}
