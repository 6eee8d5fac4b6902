//! The names of ImageNet's 1,000 classes.

/// One name a line, in the order of the network's outputs.
///
/// **Source** torchvision, `ResNet18_Weights.IMAGENET1K_V1.meta["categories"]`; `tests/fixtures/make_classes.py` wrote the
/// file.
const NAMES: &str = include_str!("imagenet_classes.txt");

/// How many classes there are.
pub const CLASSES: usize = 1000;

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
}
