//! The names of ImageNet's 1,000 classes, and the colours of its photos.

/// One name a line, in the order of the network's outputs.
///
/// **Source** torchvision, `ResNet18_Weights.IMAGENET1K_V1.meta["categories"]`; `tests/fixtures/make_classes.py` wrote the
/// file.
const NAMES: &str = include_str!("imagenet_classes.txt");

/// How many classes there are.
pub const CLASSES: usize = 1000;

/// How red, green and blue vary together over the pixels of ImageNet's training photos: column k is the k-th principal axis times
/// the standard deviation along it, the longest column having length 1. `scenes::COLOUR_AXES` is the same of scenes.
///
/// The first axis is brightness, the second runs from blue to red, the third from green to purple.
///
/// **Source** Olah et al. 2017, "Feature visualization": `color_correlation_svd_sqrt` of its library
/// [lucid](https://github.com/tensorflow/lucid), `lucid/optvis/param/color.py`, divided by the length of its first column as there.
pub const COLOUR_AXES: [[f32; 3]; 3] = [
    [0.5628, 0.1948, 0.0433],
    [0.5845, 0.0, -0.1082],
    [0.5845, -0.1948, 0.0649],
];

/// The name of each class.
pub fn class_names() -> Vec<&'static str> {
    NAMES.lines().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_a_thousand_names_in_the_usual_order() {
        let names = class_names();
        assert_eq!(names.len(), CLASSES);
        assert_eq!(names[0], "tench");
        assert_eq!(names[207], "golden retriever");
        assert_eq!(names[999], "toilet tissue");
        assert!(names.iter().all(|name| !name.trim().is_empty()));
    }

    /// As many axes as there are colours, at right angles to each other as far as two published digits say it.
    #[test]
    fn the_axes_of_colour_are_those_of_a_covariance() {
        let column = |k: usize| COLOUR_AXES.map(|row| f64::from(row[k]));
        let product = |a: usize, b: usize| (0..3).map(|i| column(a)[i] * column(b)[i]).sum::<f64>();
        assert!((product(0, 0) - 1.0).abs() < 1e-3);
        assert!(product(0, 0) > product(1, 1) && product(1, 1) > product(2, 2));
        for (a, b) in [(0, 1), (0, 2), (1, 2)] {
            assert!(product(a, b).abs() < 0.01, "axes {a} and {b}: {}", product(a, b));
        }
    }
}
