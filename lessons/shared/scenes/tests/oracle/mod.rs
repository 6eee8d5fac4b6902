//! A slow second opinion on what lies where. It shares no code and no method with the renderer: shapes are sums and
//! differences of discs and convex polygons, turned forward into the picture, from the numbers in their docs.

use scenes::{Badge, Figure, Point, Scene, Shape};

enum Piece {
    Disc { centre: Point, radius: f64 },
    Convex(Vec<Point>),
}

impl Piece {
    fn holds(&self, point: Point) -> bool {
        match self {
            Piece::Disc { centre, radius } => (point.x - centre.x).hypot(point.y - centre.y) <= *radius,
            Piece::Convex(corners) => {
                // On the same side of every edge, whichever way round the corners go.
                let (mut left, mut right) = (true, true);
                for (a, b) in corners.iter().zip(corners.iter().cycle().skip(1)) {
                    let side = (b.x - a.x) * (point.y - a.y) - (b.y - a.y) * (point.x - a.x);
                    left &= side >= -1e-9;
                    right &= side <= 1e-9;
                }
                left || right
            }
        }
    }
}

/// What is drawn: any of `solid` and none of `holes`.
pub struct Outline {
    centre: Point,
    radius: f64, // nothing lies further out
    solid: Vec<Piece>,
    holes: Vec<Piece>,
}

impl Outline {
    fn holds(&self, point: Point) -> bool {
        self.solid.iter().any(|piece| piece.holds(point)) && !self.holes.iter().any(|piece| piece.holds(point))
    }

    /// How many of a pixel's 9 samples it holds.
    pub fn hits(&self, column: usize, row: usize) -> usize {
        let (x, y) = (column as f64 + 0.5 - self.centre.x, row as f64 + 0.5 - self.centre.y);
        if x.hypot(y) > self.radius + 1.0 {
            return 0;
        }
        let samples = (0..9).map(|sample| Point {
            x: column as f64 + ((sample % 3) as f64 + 0.5) / 3.0,
            y: row as f64 + ((sample / 3) as f64 + 0.5) / 3.0,
        });
        samples.filter(|&sample| self.holds(sample)).count()
    }

    /// The outline of a figure.
    pub fn of_figure(figure: &Figure) -> Self {
        // From the shape's frame (radius 1, up is positive) into the picture.
        let place = |u: f64, v: f64| {
            let (sin, cos) = figure.rotation.sin_cos();
            let (x, up) = (u * cos - v * sin, u * sin + v * cos);
            Point {
                x: figure.place.x + figure.radius * x,
                y: figure.place.y - figure.radius * up,
            }
        };
        let disc = |u: f64, v: f64, radius: f64| Piece::Disc {
            centre: place(u, v),
            radius: radius * figure.radius,
        };
        let polygon = |corners: &[(f64, f64)]| Piece::Convex(corners.iter().map(|&(u, v)| place(u, v)).collect());
        let bar = |u: f64, v: f64| polygon(&[(u, v), (-u, v), (-u, -v), (u, -v)]);
        let on_circle = |degrees: f64, radius: f64| {
            let (sin, cos) = degrees.to_radians().sin_cos();
            (radius * cos, radius * sin)
        };
        let (solid, holes) = match figure.shape {
            Shape::Disc => (vec![disc(0.0, 0.0, 1.0)], vec![]),
            Shape::Ring => (vec![disc(0.0, 0.0, 1.0)], vec![disc(0.0, 0.0, 0.55)]),
            Shape::Triangle => (vec![polygon(&[(0.0, 1.0), (-0.866, -0.5), (0.866, -0.5)])], vec![]),
            Shape::Square => (vec![bar(0.5f64.sqrt(), 0.5f64.sqrt())], vec![]),
            Shape::Star => {
                // Five kites, each from the centre over two inner corners to a tip.
                let kite = |tip: usize| {
                    let degrees = 90.0 + 72.0 * tip as f64;
                    let inner = [on_circle(degrees - 36.0, 0.46), on_circle(degrees + 36.0, 0.46)];
                    polygon(&[(0.0, 0.0), inner[0], on_circle(degrees, 1.0), inner[1]])
                };
                ((0..5).map(kite).collect(), vec![])
            }
            Shape::Cross => (vec![bar(0.3, 0.9539), bar(0.9539, 0.3)], vec![]),
            Shape::Crescent => (vec![disc(0.0, 0.0, 1.0)], vec![disc(0.48, 0.0, 0.8)]),
            Shape::Heart => {
                let (side, centre) = (1.12, -0.207);
                let (half_diagonal, quarter) = (side / 2f64.sqrt(), side / 8f64.sqrt());
                let square = [
                    (0.0, half_diagonal),
                    (half_diagonal, 0.0),
                    (0.0, -half_diagonal),
                    (-half_diagonal, 0.0),
                ];
                let solid = vec![
                    polygon(&square.map(|(u, v)| (u, v + centre))),
                    disc(quarter, quarter + centre, side / 2.0),
                    disc(-quarter, quarter + centre, side / 2.0),
                ];
                (solid, vec![])
            }
            Shape::Arrow => {
                let head = polygon(&[(1.0, 0.0), (0.05, 0.82), (0.05, -0.82)]);
                let shaft = polygon(&[(0.05, 0.27), (-0.96, 0.27), (-0.96, -0.27), (0.05, -0.27)]);
                (vec![head, shaft], vec![])
            }
            Shape::Hourglass => {
                let half = |up: f64| polygon(&[(-0.68, 0.73 * up), (0.68, 0.73 * up), (0.13, 0.0), (-0.13, 0.0)]);
                (vec![half(1.0), half(-1.0)], vec![])
            }
        };
        Outline {
            centre: figure.place,
            radius: figure.radius,
            solid,
            holes,
        }
    }

    /// The outline of a scene's badge, empty where there is none.
    pub fn of_badge(scene: &Scene) -> Self {
        let centre = scene.badge_place;
        let bar = |x: f64, y: f64| {
            let corner = |right: f64, down: f64| Point {
                x: centre.x + right * x,
                y: centre.y + down * y,
            };
            Piece::Convex(vec![
                corner(1.0, 1.0),
                corner(-1.0, 1.0),
                corner(-1.0, -1.0),
                corner(1.0, -1.0),
            ])
        };
        let solid = match scene.badge {
            None => vec![],
            Some(Badge::Cross) => vec![bar(2.3, 5.5), bar(5.5, 2.3)],
            Some(Badge::Ring | Badge::Dot) => vec![Piece::Disc { centre, radius: 5.5 }],
            Some(Badge::Square) => vec![bar(4.5, 4.5)],
        };
        Outline {
            centre,
            radius: Badge::RADIUS,
            solid,
            holes: vec![],
        }
    }
}
